package loadbalancer

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Module provides a [*Balancer]. It needs a [discovery.Resolver].
//
// To add a strategy that application.yml can choose by name:
//
//	fx.Provide(loadbalancer.AsFactory(newNearest))
func Module(c *config.Config) fx.Option {
	if !c.Enabled("loadbalancer", "spring.cloud.loadbalancer.enabled", true) {
		return fx.Options()
	}
	return fx.Module("loadbalancer", fx.Provide(newConfig, newBalancer), fx.Invoke(func(*Balancer) {}))
}

// AsFactory marks a constructor of a [Factory].
func AsFactory(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"loadbalancer.strategies"`))
}

// newConfig binds the settings, with what Spring takes from elsewhere: the own zone and the own id.
func newConfig(c *config.Config) (Config, error) {
	cfg, err := config.Bind(c, "spring.cloud.loadbalancer", DefaultConfig())
	if err != nil {
		return cfg, err
	}
	if cfg.Zone == "" {
		cfg.Zone, err = ownZone(c)
	}
	if cfg.Subset.InstanceID == "" && err == nil {
		cfg.Subset.InstanceID, err = ownID(c)
	}
	if len(cfg.Clients) == 0 || err != nil {
		return cfg, err
	}
	return overlaid(c, cfg)
}

// overlaid binds the settings of each service again, over those for all: what is written counts, also when it is 0, false or "".
func overlaid(c *config.Config, cfg Config) (Config, error) {
	base := cfg
	base.Clients = map[string]Service{}
	for name := range cfg.Clients {
		base.Clients[name] = cfg.Service
	}
	again, err := config.Bind(c, "spring.cloud.loadbalancer", base)
	for name, own := range again.Clients {
		own.whole = true
		cfg.Clients[name] = own
	}
	return cfg, err
}

// ownID is the id that this program has, or would have, in Eureka.
func ownID(c *config.Config) (string, error) {
	if id, ok, err := c.Value("eureka.instance.instance-id"); ok || err != nil {
		return id, err
	}
	host, _ := os.Hostname()
	application, _, err := c.Value("spring.application.name")
	port, _, portErr := c.Value("server.port")
	return strings.Join([]string{host, application, port}, ":"), errors.Join(err, portErr)
}

// ownZone looks where Spring looks.
func ownZone(c *config.Config) (string, error) {
	var faults []error
	value := func(key string) string {
		text, _, err := c.Value(key)
		faults = append(faults, err)
		return text
	}
	zone := ""
	if approximate, _ := strconv.ParseBool(value("spring.cloud.loadbalancer.eureka.approximate-zone-from-hostname")); approximate {
		host := value("eureka.instance.hostname")
		if host == "" {
			host, _ = os.Hostname()
		}
		_, zone, _ = strings.Cut(host, ".")
	}
	if zone == "" {
		zone = value("eureka.instance.metadata-map.zone")
	}
	if zone == "" {
		zones := value("eureka.client.availability-zones." + cmp.Or(value("eureka.client.region"), "us-east-1"))
		zone, _, _ = strings.Cut(zones, ",")
	}
	return strings.TrimSpace(zone), errors.Join(faults...)
}

// timers reports whether calls are to be measured under Spring's names.
func timers(c *config.Config, cfg Config) (bool, error) {
	if wanted := cfg.Stats.Micrometer.Enabled; wanted != nil {
		return *wanted, nil
	}
	conventions, _, err := c.Value("management.observations.conventions")
	return conventions == "micrometer" || conventions == "both", err
}

// withoutEffect are Spring's keys for which there is nothing to do here, in lower case and without dashes, and why.
var withoutEffect = map[string]string{
	"cache.ttl":                     "the registry's snapshot is in memory already, and stale twice helps nobody",
	"cache.capacity":                "the registry's snapshot is in memory already",
	"cache.caffeine":                "the registry's snapshot is in memory already",
	"retry.retryableexceptions":     "there are no exceptions; every failure of a connection and every time-out counts",
	"callgetwithrequestondelegates": "whom to choose among always depends on the request",
	"servicediscovery.timeout":      "how long a call waits for a service that is not known yet is eureka.client.initial-fetch-wait",
}

// warnOfIdle says once of each key that it changes nothing.
func warnOfIdle(c *config.Config, log *slog.Logger) {
	const prefix = "spring.cloud.loadbalancer"
	for _, key := range c.Keys(prefix) {
		name, _ := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(key), "-", ""), prefix+".")
		if client, ok := strings.CutPrefix(name, "clients."); ok {
			_, name, _ = strings.Cut(client, ".")
		}
		for idle, why := range withoutEffect {
			if name == idle || strings.HasPrefix(name, idle+".") {
				log.Warn("a key changes nothing here", "key", key, "why", why)
			}
		}
	}
}

type params struct {
	fx.In

	Config    Config
	Resolver  discovery.Resolver
	Factories []Factory            `group:"loadbalancer.strategies"`
	Meters    metric.MeterProvider `optional:"true"`
	Log       *slog.Logger
	Hooks     fx.Lifecycle
}

func newBalancer(p params, c *config.Config) (*Balancer, error) {
	options := []Option{WithFactories(p.Factories...), WithLogger(p.Log)}
	if p.Meters != nil {
		options = append(options, WithMeterProvider(p.Meters))
	}
	timed, err := timers(c, p.Config)
	if err != nil {
		return nil, err
	}
	if timed {
		options = append(options, WithTimers())
	}
	b, err := New(p.Config, p.Resolver, options...)
	if err != nil {
		return nil, err
	}
	warnOfIdle(c, p.Log.With("logger", "loadbalancer"))
	bind := func(c *config.Config) (Config, error) {
		cfg, err := newConfig(c)
		if err == nil {
			err = b.Check(cfg)
		}
		return cfg, err
	}
	cancel := config.OnChangeFunc(c, bind, func(_, now Config) { b.Configure(now) })
	p.Hooks.Append(fx.StopHook(cancel))
	lifecycle.Run(p.Hooks, p.Log, "health checks of instances", b.Run)
	return b, nil
}
