package eureka

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// Module provides a [*Client], a [*Replica] that resolves services, and a [*Registrar] that lists this program. It needs
// the module health. eureka.client.enabled: false, or spring.cloud.discovery.enabled: false, switches all of it off;
// eureka.client.fetch-registry and register-with-eureka one half each.
func Module(c *config.Config) fx.Option {
	if on, err := switchedOn(c, "spring.cloud.discovery.enabled"); err == nil && !on {
		c.Decided("eureka", false, "spring.cloud.discovery.enabled = false")
		return fx.Options()
	}
	if !c.Enabled("eureka", "eureka.client.enabled", true) {
		return fx.Options()
	}
	self := sync.OnceValues(func() (Host, error) { return findSelf(c) })
	c.Compute("spring.cloud.client.hostname", func() (string, error) { h, err := self(); return h.Name, err })
	c.Compute("spring.cloud.client.ip-address", func() (string, error) { h, err := self(); return h.IP, err })
	parts := []fx.Option{
		fx.Provide(newClientConfig, newClient, discovery.AsIndicator(newIndicator)),
		fx.Supply(identity(func() string { h, _ := self(); return h.IP })),
	}
	fetches := c.Enabled("eureka.replica", "eureka.client.fetch-registry", true)
	if fetches {
		parts = append(parts, fx.Provide(newReplicaFor, discovery.AsResolver(func(r *Replica) *Replica { return r })))
	}
	registers, _ := switchedOn(c, autoRegistration)
	if !registers {
		c.Decided("eureka.registrar", false, autoRegistration+" = false")
	} else {
		registers = c.Enabled("eureka.registrar", "eureka.client.register-with-eureka", true)
	}
	if registers {
		host := func() Host { h, _ := self(); return h }
		parts = append(parts, fx.Supply(hostFinder(host)), fx.Provide(newInstanceConfig, newRegistrarFor,
			discovery.AsRegistration(func(r *Registrar) *Registrar { return r })), fx.Invoke(followHealth))
	}
	switch {
	case fetches && registers:
		parts = append(parts, fx.Invoke(follow))
	case registers:
		parts = append(parts, fx.Invoke(followAlone))
	}
	if own, err := newInstanceConfig(c); err == nil && own.ReadyWhenVisible {
		switch {
		case !fetches:
			return fx.Error(&visibleError{"eureka.client.fetch-registry"})
		case !registers:
			return fx.Error(&visibleError{offKey(c)})
		}
		parts = append(parts, fx.Invoke(watchVisibility))
	}
	return fx.Module("eureka", parts...)
}

const autoRegistration = "spring.cloud.service-registry.auto-registration.enabled"

// offKey returns the key that switched the registration off.
func offKey(c *config.Config) string {
	if on, _ := switchedOn(c, autoRegistration); !on {
		return autoRegistration
	}
	return "eureka.client.register-with-eureka"
}

// AsListener marks a constructor of a [Listener].
func AsListener(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"eureka.listeners"`))
}

// AsTransport marks a constructor of the [http.RoundTripper] that carries every request to Eureka: one that adds a token, say.
func AsTransport(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(http.RoundTripper)), fx.ResultTags(`name:"eureka.transport"`))
}

// Customizer changes what is registered, before it first is: metadata that only the running program knows, say.
type Customizer func(*Instance)

// AsCustomizer marks a constructor of a [Customizer].
func AsCustomizer(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"eureka.customizers"`))
}

// hostFinder returns the own host, found when first asked for.
type hostFinder func() Host

// identity returns the own address, found when first asked for.
type identity func() string

// switchedOn reads a switch that is on by default.
func switchedOn(c *config.Config, key string) (bool, error) {
	value, _, err := c.Value(key)
	return value != "false", err
}

func newClientConfig(c *config.Config) (ClientConfig, error) {
	return config.Bind(c, "eureka.client", DefaultClientConfig())
}

func newInstanceConfig(c *config.Config) (InstanceConfig, error) {
	return config.Bind(c, "eureka.instance", DefaultInstanceConfig())
}

// findSelf finds the own name and address with what the settings say.
func findSelf(c *config.Config) (Host, error) {
	inet, err := config.Bind(c, "spring.cloud.inetutils", DefaultInetConfig())
	if err != nil {
		return Host{}, err
	}
	client, err := newClientConfig(c)
	if err != nil {
		return Host{}, err
	}
	explicit, err := config.Bind(c, "eureka.instance", struct {
		Hostname  string `config:"hostname"`
		IPAddress string `config:"ip-address"`
	}{})
	if err != nil {
		return Host{}, err
	}
	f := Finder{Config: inet, Hostname: explicit.Hostname, IP: explicit.IPAddress, Machine: ThisMachine()}
	if servers := client.servers(); len(servers) > 0 {
		f.Server = servers[0].base
	}
	return f.Find(), nil
}

type clientParams struct {
	fx.In

	Config    ClientConfig
	Listeners []Listener        `group:"eureka.listeners"`
	Transport http.RoundTripper `name:"eureka.transport" optional:"true"`
	Identity  identity
	Bundles   *ssl.Bundles `optional:"true"`
	Settings  *config.Config
	Log       *slog.Logger
	Hooks     fx.Lifecycle
}

func newClient(p clientParams) (*Client, error) {
	bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
	if err != nil {
		return nil, err
	}
	bundle, err := bundles.Client("eureka.client.tls", p.Config.TLS)
	if err != nil {
		return nil, err
	}
	client, err := NewClient(p.Config, WithLogger(p.Log), WithListeners(p.Listeners...), WithTransport(p.Transport), WithIdentity(p.Identity), WithBundle(bundle))
	if err != nil {
		return nil, err
	}
	p.Hooks.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			warnOfUnsupported(ctx, p.Settings, p.Config, p.Log.With("logger", "eureka.client"))
			return nil
		},
		OnStop: func(context.Context) error { client.CloseIdleConnections(); return nil },
	})
	return client, nil
}

type replicaParams struct {
	fx.In

	Client   *Client
	Config   ClientConfig
	Settings *config.Config
	Log      *slog.Logger
	Hooks    fx.Lifecycle
}

func newReplicaFor(p replicaParams) (*Replica, error) {
	opts := []ReplicaOption{WithReplicaLogger(p.Log)}
	own, err := config.Bind(p.Settings, "eureka.instance", struct {
		PreferIP bool `config:"prefer-ip-address"`
	}{})
	if err != nil {
		return nil, err
	}
	if own.PreferIP {
		opts = append(opts, PreferIP())
	}
	r := NewReplica(p.Client, p.Config, opts...)
	lifecycle.Run(p.Hooks, p.Log, "eureka replica", r.Run)
	return r, nil
}

type registrarParams struct {
	fx.In

	Client       *Client
	Config       InstanceConfig
	ClientConfig ClientConfig
	Host         hostFinder
	Settings     *config.Config
	Availability *health.Availability
	Customizers  []Customizer `group:"eureka.customizers"`
	Log          *slog.Logger
	Hooks        fx.Lifecycle
}

func newRegistrarFor(p registrarParams) (*Registrar, error) {
	identity, err := identityOf(p.Settings)
	if err != nil {
		return nil, err
	}
	log := p.Log.With("logger", "eureka.registrar")
	build := func(bound discovery.Address) *Instance {
		if bound.Port == 0 && p.Config.Port == nil {
			p.Settings.Decided("eureka.registrar", false, "there is no web server, and eureka.instance.non-secure-port is not set")
			log.Info("this program is not registered: it has no web server, and eureka.instance.non-secure-port is not set")
			return nil
		}
		host := p.Host()
		i := p.Config.instance(identity, host, bound)
		for _, customize := range p.Customizers {
			customize(i)
		}
		if host.Weak {
			log.Warn("only this machine can call this instance: no address but loopback was found; set eureka.instance.ip-address", "host", i.HostName, "ip", i.IPAddr)
		} else {
			log.Info("registering with this address", "host", i.HostName, "ip", i.IPAddr, "because", host.Reason)
		}
		return i
	}
	opts := []RegistrarOption{WithReadiness(p.Availability), WithRegistrarLogger(p.Log)}
	if !p.ClientConfig.Unregister {
		opts = append(opts, KeepListed())
	}
	r := NewRegistrar(p.Client, p.Config, build, opts...)
	lifecycle.Run(p.Hooks, p.Log, "eureka registrar", r.Run)
	return r, nil
}

type healthParams struct {
	fx.In

	Registrar *Registrar
	Config    ClientConfig
	Checks    *health.Checks
	Log       *slog.Logger
	Hooks     fx.Lifecycle
}

// followHealth lets the status follow the health of the program, but for what Eureka itself says of it.
func followHealth(p healthParams) {
	if p.Config.HealthCheck.Enabled {
		lifecycle.Run(p.Hooks, p.Log, "eureka health check", func(ctx context.Context) error {
			return p.Registrar.FollowHealth(ctx, p.Config.CheckInterval, func(ctx context.Context) discovery.Status {
				return healthStatus(p.Checks.StatusWithout(ctx, discovery.HealthName))
			})
		})
	}
}

type statusParams struct {
	fx.In

	Config    ClientConfig
	Replica   *Replica   `optional:"true"`
	Registrar *Registrar `optional:"true"`
}

func newIndicator(p statusParams) health.Indicator {
	return NewIndicator(p.Replica, p.Registrar, p.Config.FetchInterval)
}

// healthStatus is what Spring's EurekaHealthCheckHandler makes of health.
func healthStatus(s health.Status) discovery.Status {
	switch s {
	case health.Up:
		return discovery.Up
	case health.Down, health.OutOfService:
		return discovery.Down
	}
	return discovery.Unknown
}

type followParams struct {
	fx.In

	Registrar *Registrar
	Replica   *Replica
	Log       *slog.Logger
	Hooks     fx.Lifecycle
}

// follow has the registrar see what the replica sees.
func follow(p followParams) {
	lifecycle.Run(p.Hooks, p.Log, "eureka self check", func(ctx context.Context) error { return p.Registrar.Follow(ctx, p.Replica) })
}

// followAlone has the registrar ask for its own entry.
func followAlone(r *Registrar, log *slog.Logger, hooks fx.Lifecycle) {
	lifecycle.Run(hooks, log, "eureka self check", r.FollowAlone)
}

type visibilityParams struct {
	fx.In

	Registrar    *Registrar
	Replica      *Replica
	Config       ClientConfig
	Availability *health.Availability
	Log          *slog.Logger
	Hooks        fx.Lifecycle
}

// watchVisibility holds readiness back from the start on.
func watchVisibility(p visibilityParams) {
	v := &visibility{p.Registrar, p.Replica, p.Config.FetchInterval, p.Availability.Hold(), p.Log.With("logger", "eureka.registrar")}
	lifecycle.Run(p.Hooks, p.Log, "eureka visibility", v.Run)
}

// identityOf reads what other modules' settings say about the paths of this program.
func identityOf(c *config.Config) (Identity, error) {
	id := Identity{ActuatorPath: "/actuator"}
	for _, one := range []struct {
		key string
		to  *string
	}{
		{"spring.application.name", &id.Application}, {"spring.application.instance_id", &id.InstanceSuffix},
		{"vcap.application.instance_id", &id.VCAPInstanceID},
		{"spring.webflux.base-path", &id.ContextPath}, {"server.servlet.context-path", &id.ContextPath},
		{"management.endpoints.web.base-path", &id.ActuatorPath}, {"management.server.base-path", &id.ManagementBasePath},
	} {
		value, set, err := c.Value(one.key)
		if err != nil {
			return id, err
		}
		if set && value != "" {
			*one.to = value
		}
	}
	port, _, err := c.Value("management.server.port")
	id.ManagementOff = port == "-1"
	return id, err
}
