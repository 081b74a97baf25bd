package eureka

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// ClientConfig is what "eureka.client" in application.yml can say.
type ClientConfig struct {
	ServiceURL       map[string]config.Secret `config:"service-url"`                                   // zone → servers, comma-separated, tried in order; zones ignore case; default http://localhost:8761/eureka/
	Register         bool                     `config:"register-with-eureka"`                          // list this program; default true
	Fetch            bool                     `config:"fetch-registry"`                                // discover others; default true
	FetchInterval    time.Duration            `config:"registry-fetch-interval-seconds,unit=s"`        // between looks at the registry; default 30s
	DisableDelta     bool                     `config:"disable-delta"`                                 // fetch the whole registry each time; default false
	OnlyUp           bool                     `config:"filter-only-up-instances"`                      // show resolvers only what is UP; default false (Spring: true): what is not UP is never called, but named in errors
	SingleVIP        string                   `config:"registry-refresh-single-vip-address"`           // fetch only this VIP; default none, everything
	Unregister       bool                     `config:"should-unregister-on-shutdown"`                 // send DELETE at stop; default true
	GZip             bool                     `config:"g-zip-content"`                                 // ask for compressed answers; default true
	ConnectTimeout   time.Duration            `config:"eureka-server-connect-timeout-seconds,unit=s"`  // default 2s (Spring: 5s)
	ReadTimeout      time.Duration            `config:"eureka-server-read-timeout-seconds,unit=s"`     // to the headers of an answer; default 5s (Spring: 8s)
	IdleTimeout      time.Duration            `config:"eureka-connection-idle-timeout-seconds,unit=s"` // of a connection; default 30s
	InitialFetchWait time.Duration            `config:"initial-fetch-wait"`                            // ours: how long a call by name may wait for the first snapshot; default 5s
	Order            int                      `config:"order"`                                         // place among the resolvers; default 0
	MaxResponse      config.DataSize          `config:"max-response-size"`                             // ours: of an answer, unpacked; default 256MB
	Auth             map[string]AuthConfig    `config:"auth"`                                          // ours: zone → credentials, for servers without credentials in their URL; default none
	TLS              ssl.ClientConfig         `config:"tls"`
	Transport        TransportConfig          `config:"transport"`
	HealthCheck      HealthCheckConfig        `config:"healthcheck"`
	CheckInterval    time.Duration            `config:"instance-info-replication-interval-seconds,unit=s"` // in which the program's health is checked three times, with healthcheck.enabled; default 30s
	Timeout          TimeoutConfig            `config:"timeout"`
	RestClient       struct {
		Timeout TimeoutConfig `config:"timeout"`
	} `config:"restclient"` // an older spelling of timeout
	RestTemplate TimeoutConfig `config:"rest-template-timeout"` // the oldest
}

// HealthCheckConfig is "eureka.client.healthcheck".
type HealthCheckConfig struct {
	Enabled bool `config:"enabled"` // the status follows the health of the program, as two of three checks say, Eureka's own left out; default false
}

// TimeoutConfig is "eureka.client.timeout", Spring's newer keys, which count more than eureka-server-*-timeout-seconds; 0 says nothing.
type TimeoutConfig struct {
	Connect time.Duration `config:"connect-timeout,unit=ms"` // of one dial; default eureka-server-connect-timeout-seconds
	Socket  time.Duration `config:"socket-timeout,unit=ms"`  // to the headers of an answer; default eureka-server-read-timeout-seconds
}

// AuthConfig is "eureka.client.auth.<zone>": HTTP Basic.
type AuthConfig struct {
	Username string        `config:"username"` // default none
	Password config.Secret `config:"password"` // default none
}

// TransportConfig is "eureka.client.transport".
type TransportConfig struct {
	Reconnect time.Duration `config:"session-ed-client-reconnect-interval-seconds,unit=s"` // after which connections are made anew, so that a server that moved is found; default 1200s
}

// DefaultClientConfig returns the settings in force when application.yml is silent.
func DefaultClientConfig() ClientConfig {
	return ClientConfig{
		ServiceURL: map[string]config.Secret{defaultZone: defaultServer},
		Register:   true, Fetch: true, Unregister: true, GZip: true,
		FetchInterval: 30 * time.Second, ConnectTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
		InitialFetchWait: 5 * time.Second, MaxResponse: 256 * config.Megabyte, Transport: TransportConfig{Reconnect: 20 * time.Minute}, CheckInterval: 30 * time.Second,
	}
}

const (
	defaultZone   = "defaultZone"
	defaultServer = "http://localhost:8761/eureka/"
)

// Validate reports everything that cannot work.
func (c ClientConfig) Validate() error {
	var faults []error
	fault := func(key, problem string) { faults = append(faults, config.FieldError{Key: key, Problem: problem}) }
	for _, d := range []struct {
		key string
		d   time.Duration
	}{
		{"registry-fetch-interval-seconds", c.FetchInterval}, {"eureka-server-connect-timeout-seconds", c.ConnectTimeout},
		{"eureka-server-read-timeout-seconds", c.ReadTimeout}, {"eureka-connection-idle-timeout-seconds", c.IdleTimeout},
		{"transport.session-ed-client-reconnect-interval-seconds", c.Transport.Reconnect},
		{"instance-info-replication-interval-seconds", c.CheckInterval},
	} {
		if d.d <= 0 {
			fault(d.key, "must be positive")
		}
	}
	for _, t := range []struct {
		key string
		cfg TimeoutConfig
	}{{"timeout", c.Timeout}, {"restclient.timeout", c.RestClient.Timeout}, {"rest-template-timeout", c.RestTemplate}} {
		if t.cfg.Connect < 0 {
			fault(t.key+".connect-timeout", "must not be negative")
		}
		if t.cfg.Socket < 0 {
			fault(t.key+".socket-timeout", "must not be negative")
		}
	}
	if c.InitialFetchWait < 0 {
		fault("initial-fetch-wait", "must not be negative")
	}
	if c.MaxResponse <= 0 {
		fault("max-response-size", "must be positive")
	}
	for _, zone := range slices.Sorted(maps.Keys(c.Auth)) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.ServiceURL)), func(known string) bool { return strings.EqualFold(known, zone) }) {
			fault("auth."+zone, "is no zone of service-url")
		}
	}
	for _, zone := range slices.Sorted(maps.Keys(c.ServiceURL)) {
		if _, err := parseServers(string(c.ServiceURL[zone])); err != nil {
			fault("service-url."+zone, err.Error())
		}
	}
	return errors.Join(faults...)
}

// timeouts returns how long a connection and the headers of an answer may take.
func (c ClientConfig) timeouts() (connect, read time.Duration) {
	connect = cmp.Or(c.Timeout.Connect, c.RestClient.Timeout.Connect, c.RestTemplate.Connect, c.ConnectTimeout)
	read = cmp.Or(c.Timeout.Socket, c.RestClient.Timeout.Socket, c.RestTemplate.Socket, c.ReadTimeout)
	return connect, read
}

// servers returns the servers of the default zone. A map that a file and the environment fill can hold the zone in two
// spellings, both with the value of the environment; the default that stands for "nothing said" counts least.
func (c ClientConfig) servers() []server {
	var zones []string
	for zone := range c.ServiceURL {
		zones = append(zones, zone)
	}
	slices.SortFunc(zones, func(a, b string) int {
		return cmp.Or(-cmpBool(isDefault(a), isDefault(b)), cmpBool(c.ServiceURL[a] == defaultServer, c.ServiceURL[b] == defaultServer), cmp.Compare(a, b))
	})
	if len(zones) == 0 {
		zones = append(zones, defaultZone)
		c.ServiceURL = map[string]config.Secret{defaultZone: defaultServer}
	}
	all, _ := parseServers(string(c.ServiceURL[zones[0]])) // Validate has seen them
	for zone, auth := range c.Auth {
		if !strings.EqualFold(zone, zones[0]) {
			continue
		}
		for i := range all {
			if all[i].basic == "" {
				all[i].basic = basic(auth.Username, string(auth.Password))
			}
		}
	}
	return all
}

func isDefault(zone string) bool {
	return strings.EqualFold(strings.ReplaceAll(zone, "-", ""), defaultZone)
}

func cmpBool(a, b bool) int {
	return cmp.Compare(map[bool]int{true: 1}[a], map[bool]int{true: 1}[b])
}

// InstanceConfig is what "eureka.instance" in application.yml can say about this program.
type InstanceConfig struct {
	AppName           string            `config:"appname"`                                     // registered in upper case; default spring.application.name, else unknown
	AppGroup          string            `config:"app-group-name"`                              // default none
	InstanceID        string            `config:"instance-id"`                                 // taken literally; default hostname:application:port, with the port really bound
	VirtualHost       string            `config:"virtual-host-name"`                           // VIP that callers ask for; default the application name
	SecureVirtualHost string            `config:"secure-virtual-host-name"`                    // default the application name
	Hostname          string            `config:"hostname"`                                    // default found, see Finder
	IPAddress         string            `config:"ip-address"`                                  // default found
	PreferIP          bool              `config:"prefer-ip-address"`                           // register, and call others by, addresses instead of names; default false
	Port              *int              `config:"non-secure-port"`                             // default the port really bound
	PortEnabled       *bool             `config:"non-secure-port-enabled"`                     // default true
	SecurePort        *int              `config:"secure-port"`                                 // default 443, or the port really bound when it is on
	SecurePortEnabled *bool             `config:"secure-port-enabled"`                         // default false
	RenewInterval     time.Duration     `config:"lease-renewal-interval-in-seconds,unit=s"`    // between heartbeats; default 30s
	LeaseDuration     time.Duration     `config:"lease-expiration-duration-in-seconds,unit=s"` // after which the server forgets; default 90s
	InitialStatus     discovery.Status  `config:"initial-status"`                              // once the program is ready; default UP
	EnabledOnInit     bool              `config:"instance-enabled-onit"`                       // registered with initial-status before the program is ready, instead of STARTING (Spring's spelling); default false
	StatusPagePath    string            `config:"status-page-url-path"`                        // default the actuator's info
	StatusPage        string            `config:"status-page-url"`                             // default made of address and path
	HealthCheckPath   string            `config:"health-check-url-path"`                       // default the actuator's health
	HealthCheck       string            `config:"health-check-url"`                            // default made of address and path
	SecureHealthCheck string            `config:"secure-health-check-url"`                     // default made of address and path when the secure port is on
	HomePagePath      string            `config:"home-page-url-path"`                          // default /
	HomePage          string            `config:"home-page-url"`                               // default made of address and path
	Metadata          map[string]string `config:"metadata-map"`                                // what callers see beside the address, such as zone; default none, beside management.port
	DataCenter        DataCenterConfig  `config:"data-center-info"`
	ASGName           string            `config:"a-s-g-name"`         // default none
	DrainPeriod       time.Duration     `config:"drain-period"`       // ours: how long callers may still come after DOWN; default 5s
	ReadyWhenVisible  bool              `config:"ready-when-visible"` // ours: the readiness endpoint refuses until the own entry was seen UP and one fetch interval more has passed; default false
}

// DataCenterConfig is "eureka.instance.data-center-info".
type DataCenterConfig struct {
	Name string `config:"name"` // MyOwn or Netflix; default MyOwn
}

// DefaultInstanceConfig returns the settings in force when application.yml is silent.
func DefaultInstanceConfig() InstanceConfig {
	return InstanceConfig{
		RenewInterval: 30 * time.Second, LeaseDuration: 90 * time.Second, HomePagePath: "/",
		DataCenter: DataCenterConfig{Name: "MyOwn"}, DrainPeriod: 5 * time.Second,
	}
}

// Validate reports everything that cannot work.
func (c InstanceConfig) Validate() error {
	var faults []error
	fault := func(key, problem string) { faults = append(faults, config.FieldError{Key: key, Problem: problem}) }
	if c.RenewInterval <= 0 {
		fault("lease-renewal-interval-in-seconds", "must be positive")
	}
	if c.LeaseDuration <= c.RenewInterval {
		fault("lease-expiration-duration-in-seconds", fmt.Sprintf("must be longer than the renewal interval (%v), or the lease ends before it is renewed", c.RenewInterval))
	}
	if c.RenewInterval%time.Second != 0 || c.LeaseDuration%time.Second != 0 {
		fault("lease-renewal-interval-in-seconds", "leases are counted in whole seconds")
	}
	for _, p := range []struct {
		key  string
		port *int
	}{{"non-secure-port", c.Port}, {"secure-port", c.SecurePort}} {
		if p.port != nil && (*p.port < 0 || *p.port > 65535) {
			fault(p.key, "must be between 0 and 65535")
		}
	}
	if c.DrainPeriod < 0 {
		fault("drain-period", "must not be negative")
	}
	if c.DataCenter.Name != "MyOwn" && c.DataCenter.Name != "Netflix" {
		fault("data-center-info.name", "must be MyOwn or Netflix")
	}
	if strings.ContainsAny(c.AppName, "/?#") {
		fault("appname", "must not contain / ? #")
	}
	return errors.Join(faults...)
}
