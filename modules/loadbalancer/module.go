package loadbalancer

import (
	"log/slog"

	"go.opentelemetry.io/otel/metric"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
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

func newConfig(c *config.Config) (Config, error) {
	cfg, err := config.Bind(c, "spring.cloud.loadbalancer", DefaultConfig())
	if err != nil || cfg.Zone != "" {
		return cfg, err
	}
	cfg.Zone, _, err = c.Value("eureka.instance.metadata-map.zone")
	return cfg, err
}

type params struct {
	fx.In

	Config    Config
	Resolver  discovery.Resolver
	Factories []Factory            `group:"loadbalancer.strategies"`
	Meters    metric.MeterProvider `optional:"true"`
	Log       *slog.Logger
}

func newBalancer(p params) (*Balancer, error) {
	options := []Option{WithFactories(p.Factories...), WithLogger(p.Log)}
	if p.Meters != nil {
		options = append(options, WithMeterProvider(p.Meters))
	}
	return New(p.Config, p.Resolver, options...)
}
