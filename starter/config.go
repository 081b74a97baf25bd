package starter

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// Config is what [Init], [Register] and [Discover] need to know. The zero value of a field is its default; in brackets stands
// the parameter of the Python client that it is like.
type Config struct {
	EurekaServer   string        // comma-separated servers, tried in order; scheme and context path may be left out; default http://127.0.0.1:8761/eureka/ [eureka_server]
	EurekaProtocol string        // scheme of servers without one; default http [eureka_protocol]
	EurekaContext  string        // path of servers without one; default /eureka [eureka_context]
	EurekaUser     string        // for servers without credentials of their own; default none [eureka_basic_auth_user]
	EurekaPassword config.Secret // beside EurekaUser [eureka_basic_auth_password]

	AppName            string            // required to register; shown in upper case [app_name]
	InstanceID         string            // default ip:app:port [instance_id]
	InstanceHost       string            // name that others call; default that of InstanceIP in DNS, else the address [instance_host]
	InstanceIP         string            // default that of InstanceHost in DNS, else found on this machine [instance_ip]
	InstanceIPNetwork  string            // such as 10.0.0.0/8: picks among this machine's addresses when neither host nor IP is set; default any [instance_ip_network]
	InstancePort       int               // where this program listens; default 9090 [instance_port]
	PortDisabled       bool              // register the plain port as off; default false [instance_unsecure_port_enabled=False]
	SecurePort         int               // default 9443 [instance_secure_port]
	SecurePortEnabled  bool              // default false [instance_secure_port_enabled]
	HomePageURL        string            // a URL or a path; default / [home_page_url]
	StatusPageURL      string            // a URL or a path; default /info [status_page_url]
	HealthCheckURL     string            // a URL or a path; default /health [health_check_url]
	SecureHealthURL    string            // a URL; default none [secure_health_check_url]
	VIPAddress         string            // default AppName in lower case [vip_adr]
	SecureVIPAddress   string            // default AppName in lower case [secure_vip_addr]
	DataCenter         string            // MyOwn or Netflix; default MyOwn [data_center_name]
	CoordinatingServer bool              // default false [is_coordinating_discovery_server]
	Metadata           map[string]string // beside management.port and zone; default none [metadata]
	RenewalInterval    time.Duration     // of heartbeats and of looks at the registry; whole seconds; default 30s [renewal_interval_in_secs]
	LeaseDuration      time.Duration     // whole seconds; default 90s [duration_in_secs]
	DrainPeriod        time.Duration     // between DOWN and DELETE, while callers may still come; default 0 (ours)

	Zone     string // own zone; default "default" [zone]
	AnyZone  bool   // call nodes of every zone alike, instead of those of the own one while there are any; default false [prefer_same_zone=False]
	Strategy string // random, stick, other, round-robin, least-request, weighted or consistent-hash; default random [ha_strategy]
	Strict   bool   // go on to the next node after any 4xx or 5xx, whatever the method, see [invoker.Strict]; default false (Python: true) [strict_service_error_policy]

	OnError   func(eureka.Operation, error)   // told what no server would do; see [eureka.Listener]; default none [on_error]
	OnStatus  func(from, to discovery.Status) // told what the registry shows of this program; see [eureka.Listener]; default none (ours)
	Transport http.RoundTripper               // carries every request, to Eureka and to services; default transports of the agent's own [http_client.set_http_client]
	Log       *slog.Logger                    // default: nothing is said (ours)
}

// properties returns the settings as the modules read them. Nothing else is read.
func (c Config) properties(register, discover bool) (map[string]string, error) {
	servers, err := c.servers()
	if err := errors.Join(err, c.validate(register)); err != nil {
		return nil, err
	}
	interval := seconds(first(c.RenewalInterval, 30*time.Second))
	p := map[string]string{
		"eureka.client.service-url.defaultZone":         servers,
		"eureka.client.register-with-eureka":            strconv.FormatBool(register),
		"eureka.client.fetch-registry":                  strconv.FormatBool(discover),
		"eureka.client.registry-fetch-interval-seconds": interval,
		"spring.cloud.loadbalancer.strategy":            first(c.Strategy, loadbalancer.Random),
		"spring.cloud.loadbalancer.zone":                c.zone(),
	}
	if !c.AnyZone {
		p["spring.cloud.loadbalancer.configurations"] = "zone-preference"
	}
	if register {
		if err := c.instance(p, interval); err != nil {
			return nil, err
		}
	}
	for key, value := range p {
		p[key] = escaped(value)
	}
	return p, nil
}

// validate reports everything that cannot work, by the names of the fields.
func (c Config) validate(register bool) error {
	var faults []error
	fault := func(bad bool, field, problem string) {
		if bad {
			faults = append(faults, fmt.Errorf("starter: Config.%s %s", field, problem))
		}
	}
	interval, lease := first(c.RenewalInterval, 30*time.Second), first(c.LeaseDuration, 90*time.Second)
	fault(interval < 0 || interval%time.Second != 0, "RenewalInterval", "must be whole seconds")
	fault(c.DrainPeriod < 0, "DrainPeriod", "must not be negative")
	if register {
		fault(c.AppName == "", "AppName", "is needed to register")
		fault(strings.ContainsAny(c.AppName, "/?#"), "AppName", "must not contain / ? #")
		fault(c.InstancePort < 0 || c.InstancePort > 65535, "InstancePort", "must be between 1 and 65535")
		fault(c.SecurePort < 0 || c.SecurePort > 65535, "SecurePort", "must be between 1 and 65535")
		fault(c.PortDisabled && !c.SecurePortEnabled, "PortDisabled", "leaves no port to call while SecurePortEnabled is false")
		fault(lease%time.Second != 0, "LeaseDuration", "must be whole seconds")
		fault(lease <= interval, "LeaseDuration", fmt.Sprintf("must be longer than RenewalInterval (%v), or the lease ends before it is renewed", interval))
	}
	return errors.Join(faults...)
}

func (c Config) zone() string { return first(c.Zone, "default") }

// instance adds what is said about the instance.
func (c Config) instance(p map[string]string, interval string) error {
	host, ip, err := c.place()
	if err != nil {
		return err
	}
	port, lower := strconv.Itoa(first(c.InstancePort, 9090)), strings.ToLower(c.AppName)
	maps.Copy(p, map[string]string{
		"spring.application.name":                              c.AppName,
		"eureka.instance.lease-renewal-interval-in-seconds":    interval,
		"eureka.instance.lease-expiration-duration-in-seconds": seconds(first(c.LeaseDuration, 90*time.Second)),
		"eureka.instance.instance-id":                          first(c.InstanceID, ip+":"+lower+":"+port),
		"eureka.instance.hostname":                             host,
		"eureka.instance.ip-address":                           ip,
		"eureka.instance.non-secure-port":                      port,
		"eureka.instance.non-secure-port-enabled":              strconv.FormatBool(!c.PortDisabled),
		"eureka.instance.secure-port":                          strconv.Itoa(first(c.SecurePort, 9443)),
		"eureka.instance.secure-port-enabled":                  strconv.FormatBool(c.SecurePortEnabled),
		"eureka.instance.virtual-host-name":                    first(c.VIPAddress, lower),
		"eureka.instance.secure-virtual-host-name":             first(c.SecureVIPAddress, lower),
		"eureka.instance.data-center-info.name":                first(c.DataCenter, "MyOwn"),
		"eureka.instance.metadata-map.[zone]":                  c.zone(),
		"eureka.instance.metadata-map.[management.port]":       port,
		"eureka.instance.drain-period":                         seconds(c.DrainPeriod),
	})
	for key, page := range map[string]string{
		"eureka.instance.home-page-url": first(c.HomePageURL, "/"), "eureka.instance.status-page-url": first(c.StatusPageURL, "/info"),
		"eureka.instance.health-check-url": first(c.HealthCheckURL, "/health"),
	} {
		if !strings.HasPrefix(page, "http") {
			key, page = key+"-path", "/"+strings.TrimPrefix(page, "/")
		}
		p[key] = page
	}
	for key, value := range c.Metadata {
		p["eureka.instance.metadata-map.["+key+"]"] = value
	}
	return nil
}

// customize changes what no setting can say.
func (c Config) customize(i *eureka.Instance) {
	i.Coordinating, i.SecureHealthCheckURL = c.CoordinatingServer, c.SecureHealthURL
}

// transport provides what carries requests, where it is given.
func (c Config) transport() fx.Option {
	if c.Transport == nil {
		return fx.Options()
	}
	own := func() http.RoundTripper { return c.Transport }
	return fx.Provide(eureka.AsTransport(own), invoker.AsTransport(own))
}

// listener tells the functions of c what happens.
func (c Config) listener() eureka.Listener {
	return eureka.Listener{Failed: c.OnError, Changed: c.OnStatus}
}

// escaped keeps what a program says from being read as a placeholder.
func escaped(value string) string { return strings.ReplaceAll(value, "${", `\${`) }

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d), 10) + "ns" }

// servers completes the URLs of the servers, as the Python client does.
func (c Config) servers() (string, error) {
	text := first(c.EurekaServer, "http://127.0.0.1:8761/eureka/")
	schemes := strings.Contains(text, "://")
	var urls []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if len(urls) > 0 && schemes && !strings.HasPrefix(part, "http://") && !strings.HasPrefix(part, "https://") {
			urls[len(urls)-1] += "," + part // a comma in a password
			continue
		}
		urls = append(urls, part)
	}
	if len(urls) == 0 {
		return "", errors.New("starter: Config.EurekaServer names no server")
	}
	for i, u := range urls {
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = first(c.EurekaProtocol, "http"), u
		}
		at := strings.LastIndexByte(rest, '@') + 1
		credentials, host := rest[:at], strings.TrimSuffix(rest[at:], "/")
		if credentials == "" && c.EurekaUser != "" {
			credentials = hexed(c.EurekaUser) + ":" + hexed(string(c.EurekaPassword)) + "@"
		}
		if !strings.Contains(host, "/") {
			host += "/" + strings.Trim(first(c.EurekaContext, "/eureka"), "/")
		}
		urls[i] = scheme + "://" + credentials + host
	}
	return strings.Join(urls, ","), nil
}

// hexed escapes whatever could mean something in the credentials of a URL, or between URLs.
func hexed(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func first[T comparable](value, byDefault T) T {
	var none T
	if value != none {
		return value
	}
	return byDefault
}
