package starter

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what [Init], [Register] and [Discover] need to know. The zero value of a field is its default; in brackets stands
// the parameter of the Python client that it is like.
type Config struct {
	EurekaServer   string        // comma-separated servers, tried in order; scheme and context path may be left out; default http://127.0.0.1:8761/eureka/ [eureka_server]
	EurekaProtocol string        // scheme of servers without one; default http [eureka_protocol]
	EurekaContext  string        // path of servers without one; default /eureka [eureka_context]
	EurekaUser     string        // for servers without credentials of their own; default none [eureka_basic_auth_user]
	EurekaPassword config.Secret // beside EurekaUser [eureka_basic_auth_password]

	AppName           string            // required to register; shown in upper case [app_name]
	InstanceID        string            // default ip:app:port [instance_id]
	InstanceHost      string            // default found [instance_host]
	InstanceIP        string            // default found [instance_ip]
	InstancePort      int               // where this program listens; default 9090 [instance_port]
	PortDisabled      bool              // register the plain port as off [instance_unsecure_port_enabled=False]
	SecurePort        int               // default 9443 [instance_secure_port]
	SecurePortEnabled bool              // [instance_secure_port_enabled]
	HomePageURL       string            // a URL or a path; default / [home_page_url]
	StatusPageURL     string            // a URL or a path; default /info [status_page_url]
	HealthCheckURL    string            // a URL or a path; default /health [health_check_url]
	SecureHealthURL   string            // a URL; default none [secure_health_check_url]
	VIPAddress        string            // default AppName in lower case [vip_adr]
	SecureVIPAddress  string            // default AppName in lower case [secure_vip_addr]
	DataCenter        string            // MyOwn or Netflix; default MyOwn [data_center_name]
	Metadata          map[string]string // beside management.port and zone [metadata]
	RenewalInterval   time.Duration     // of heartbeats and of looks at the registry; whole seconds; default 30s [renewal_interval_in_secs]
	LeaseDuration     time.Duration     // whole seconds; default 90s [duration_in_secs]
	DrainPeriod       time.Duration     // between DOWN and DELETE; default 0

	Strategy string       // random, stick, other or round-robin; default random [ha_strategy]
	Log      *slog.Logger // default: nothing is said
}

// properties returns the settings as the modules read them. Nothing else is read.
func (c Config) properties(register, discover bool) (map[string]string, error) {
	servers, err := c.servers()
	if err != nil {
		return nil, err
	}
	if register && c.AppName == "" {
		return nil, errors.New("starter: Config.AppName is needed to register")
	}
	port, secure := first(c.InstancePort, 9090), first(c.SecurePort, 9443)
	lower := strings.ToLower(c.AppName)
	p := map[string]string{
		"spring.application.name":                              c.AppName,
		"eureka.client.service-url.defaultZone":                servers,
		"eureka.client.register-with-eureka":                   strconv.FormatBool(register),
		"eureka.client.fetch-registry":                         strconv.FormatBool(discover),
		"eureka.client.registry-fetch-interval-seconds":        seconds(first(c.RenewalInterval, 30*time.Second)),
		"eureka.instance.lease-renewal-interval-in-seconds":    seconds(first(c.RenewalInterval, 30*time.Second)),
		"eureka.instance.lease-expiration-duration-in-seconds": seconds(first(c.LeaseDuration, 90*time.Second)),
		"eureka.instance.instance-id":                          first(c.InstanceID, fmt.Sprintf("${spring.cloud.client.ip-address}:%s:%d", escaped(lower), port)),
		"eureka.instance.hostname":                             c.InstanceHost,
		"eureka.instance.ip-address":                           c.InstanceIP,
		"eureka.instance.non-secure-port":                      strconv.Itoa(port),
		"eureka.instance.non-secure-port-enabled":              strconv.FormatBool(!c.PortDisabled),
		"eureka.instance.secure-port":                          strconv.Itoa(secure),
		"eureka.instance.secure-port-enabled":                  strconv.FormatBool(c.SecurePortEnabled),
		"eureka.instance.virtual-host-name":                    first(c.VIPAddress, lower),
		"eureka.instance.secure-virtual-host-name":             first(c.SecureVIPAddress, lower),
		"eureka.instance.data-center-info.name":                first(c.DataCenter, "MyOwn"),
		"eureka.instance.secure-health-check-url":              c.SecureHealthURL,
		"eureka.instance.metadata-map.[zone]":                  "default",
		"eureka.instance.metadata-map.[management.port]":       strconv.Itoa(port),
		"eureka.instance.drain-period":                         strconv.FormatInt(int64(c.DrainPeriod), 10) + "ns",
		"spring.cloud.loadbalancer.strategy":                   first(c.Strategy, "random"),
	}
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
	for key, value := range p {
		if key != "eureka.instance.instance-id" || c.InstanceID != "" {
			p[key] = escaped(value)
		}
	}
	return p, nil
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
			credentials = c.EurekaUser + ":" + strings.ReplaceAll(string(c.EurekaPassword), "%", "%25") + "@"
		}
		if !strings.Contains(host, "/") {
			host += "/" + strings.Trim(first(c.EurekaContext, "/eureka"), "/")
		}
		urls[i] = scheme + "://" + credentials + host
	}
	return strings.Join(urls, ","), nil
}

func first[T comparable](value, byDefault T) T {
	var none T
	if value != none {
		return value
	}
	return byDefault
}
