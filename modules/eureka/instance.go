package eureka

import (
	"maps"
	"net"
	"strconv"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Identity is what an instance is made of besides its settings: the parts of the program that its URLs lead to.
type Identity struct {
	Application        string // spring.application.name
	VCAPInstanceID     string // vcap.application.instance_id, Cloud Foundry's, in place of the whole default id
	InstanceSuffix     string // spring.application.instance_id, in place of the port in the default id
	ContextPath        string // server.servlet.context-path
	ActuatorPath       string // management.endpoints.web.base-path
	ManagementBasePath string // management.server.base-path, on a port of its own
	ManagementOff      bool   // management.server.port: -1
}

// ports returns what to register as plain and secure port. With none of the four keys set, a TLS listener is registered as
// secure port alone.
func (c InstanceConfig) ports(bound discovery.Address) (plain, secure wire.Port) {
	unset := c.Port == nil && c.PortEnabled == nil && c.SecurePort == nil && c.SecurePortEnabled == nil
	plain = wire.Port{Number: bound.Port, Enabled: !(unset && bound.Secure)}
	secure = wire.Port{Number: 443, Enabled: unset && bound.Secure}
	if c.PortEnabled != nil {
		plain.Enabled = *c.PortEnabled
	}
	if c.SecurePortEnabled != nil {
		secure.Enabled = *c.SecurePortEnabled
	}
	if c.Port != nil {
		plain.Number = *c.Port
	}
	if secure.Enabled && bound.Port != 0 {
		secure.Number = bound.Port
	}
	if c.SecurePort != nil {
		secure.Number = *c.SecurePort
	}
	return plain, secure
}

// instance builds what is registered, but for status and times.
func (c InstanceConfig) instance(id Identity, host Host, bound discovery.Address) *Instance {
	name := firstOf(c.AppName, id.Application, "unknown")
	plain, secure := c.ports(bound)
	i := wire.NewInstance()
	i.App, i.AppGroupName, i.ASGName = strings.ToUpper(name), strings.ToUpper(c.AppGroup), c.ASGName
	i.HostName, i.IPAddr = host.Name, host.IP
	if c.PreferIP {
		i.HostName = host.IP
	}
	i.Port, i.SecurePort, i.CountryID, i.SID = plain, secure, 1, "na"
	i.InstanceID = firstOf(c.InstanceID, id.VCAPInstanceID, c.defaultID(id, i.HostName, plain, secure))
	i.VIPAddress = firstOf(c.VirtualHost, id.Application, name)
	i.SecureVIPAddress = firstOf(c.SecureVirtualHost, id.Application, name)
	i.DataCenter = wire.DataCenter{Name: c.DataCenter.Name}
	i.Lease.RenewalInterval, i.Lease.Duration = int(c.RenewInterval.Seconds()), int(c.LeaseDuration.Seconds())
	c.urls(i, id, bound)
	c.metadata(i, id, bound)
	return i
}

// defaultID is hostname:application:port, or with spring.application.instance_id in place of the port. Parts that are empty
// are left out.
func (c InstanceConfig) defaultID(id Identity, host string, plain, secure wire.Port) string {
	port := plain.Number
	if !plain.Enabled && secure.Enabled {
		port = secure.Number
	}
	var parts []string
	for _, part := range []string{host, id.Application, firstOf(id.InstanceSuffix, strconv.Itoa(port))} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ":")
}

func (c InstanceConfig) urls(i *Instance, id Identity, bound discovery.Address) {
	scheme, port := "http", i.Port.Number
	if !i.Port.Enabled && i.SecurePort.Enabled {
		scheme, port = "https", i.SecurePort.Number
	}
	base := func(scheme string, port int) string {
		return scheme + "://" + net.JoinHostPort(i.HostName, strconv.Itoa(port))
	}
	own := base(scheme, port)
	managementScheme := "http"
	if bound.ManagementSecure {
		managementScheme = "https"
	}
	management, actuator := own, join(id.ContextPath, id.ActuatorPath)
	if bound.ManagementPort != 0 {
		management, actuator = base(managementScheme, bound.ManagementPort), join(id.ManagementBasePath, id.ActuatorPath)
	}
	i.HomePageURL = firstOf(c.explicit(c.HomePage, i), own+join(id.ContextPath, c.HomePagePath))
	i.StatusPageURL = firstOf(c.explicit(c.StatusPage, i), management+firstOf(c.StatusPagePath, actuator+"/info"))
	i.HealthCheckURL = firstOf(c.explicit(c.HealthCheck, i), management+firstOf(c.HealthCheckPath, actuator+"/health"))
	i.SecureHealthCheckURL = c.explicit(c.SecureHealthCheck, i)
	if i.SecureHealthCheckURL == "" && i.SecurePort.Enabled {
		if bound.ManagementPort == 0 {
			management = base("https", i.SecurePort.Number)
		}
		i.SecureHealthCheckURL = management + firstOf(c.HealthCheckPath, actuator+"/health")
	}
}

// explicit replaces ${eureka.hostname} in a URL given as a whole, as Netflix's client does.
func (c InstanceConfig) explicit(url string, i *Instance) string {
	return strings.ReplaceAll(url, "${eureka.hostname}", i.HostName)
}

// metadata adds what Spring Boot Admin needs to find the actuator.
func (c InstanceConfig) metadata(i *Instance, id Identity, bound discovery.Address) {
	m := maps.Clone(c.Metadata)
	if m == nil {
		m = map[string]string{}
	}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	missing := func(key, value string) {
		if _, set := m[key]; !set && value != "" {
			m[key] = value
		}
	}
	if !id.ManagementOff && bound.Port != 0 {
		port, actuator := bound.Port, join(id.ContextPath, id.ActuatorPath)
		if bound.ManagementPort != 0 {
			port, actuator = bound.ManagementPort, join(id.ManagementBasePath, id.ActuatorPath)
		}
		missing("management.port", strconv.Itoa(port))
		if actuator != "/actuator" {
			missing("management.context-path", actuator)
		}
	}
	i.Metadata = discovery.NewMetadata(m)
}

// join puts one path below another.
func join(prefix, path string) string {
	return strings.TrimSuffix(prefix, "/") + "/" + strings.TrimPrefix(path, "/")
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
