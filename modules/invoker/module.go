package invoker

import (
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Module provides a [*Client] and a [*Plain]. Without the module loadbalancer calls by name fail with the key that switched it
// off; without telemetry nothing is traced.
func Module(c *config.Config) fx.Option {
	return fx.Module("invoker", fx.Provide(newConfig, newPlain, func(p params) (*Client, error) {
		return newClient(p, whyOff(c))
	}))
}

// whyOff returns why there is no balancer, if there is none.
func whyOff(c *config.Config) string {
	for _, one := range c.Conditions() {
		if one.Module == "loadbalancer" && !one.On {
			return one.Reason
		}
	}
	return "the module loadbalancer is not part of this program"
}

func newConfig(c *config.Config) (Config, error) {
	return config.Bind(c, "spring.http.clients", DefaultConfig())
}

type params struct {
	fx.In

	Config     Config
	Balancer   *loadbalancer.Balancer        `optional:"true"`
	Tracers    trace.TracerProvider          `optional:"true"`
	Propagator propagation.TextMapPropagator `optional:"true"`
	Transport  http.RoundTripper             `name:"invoker.transport" optional:"true"`
	Bundles    *ssl.Bundles                  `optional:"true"`
	Settings   *config.Config
	Log        *slog.Logger
	Hooks      fx.Lifecycle
}

// AsTransport marks a constructor of the [http.RoundTripper] that carries calls by name, one for each attempt, in place of the
// client's own.
func AsTransport(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(http.RoundTripper)), fx.ResultTags(`name:"invoker.transport"`))
}

func (p params) options() ([]ClientOption, error) {
	bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
	if err != nil {
		return nil, err
	}
	bundle, err := bundles.Named("spring.http.clients.ssl.bundle", p.Config.SSL.Bundle)
	if err != nil {
		return nil, err
	}
	options := []ClientOption{WithLogger(p.Log), WithBundle(bundle)}
	if p.Tracers != nil && p.Propagator != nil {
		options = append(options, WithTracer(telemetry.NewClientTracer(p.Tracers, p.Propagator)))
	}
	return options, nil
}

func newClient(p params, off string) (*Client, error) {
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	c := New(p.Config, p.Balancer, append(options, WithoutBalancer(off), WithTransport(p.Transport))...)
	p.Hooks.Append(fx.StopHook(c.CloseIdleConnections))
	return c, nil
}

func newPlain(p params) (*Plain, error) {
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	c := NewPlain(p.Config, options...)
	p.Hooks.Append(fx.StopHook(c.CloseIdleConnections))
	return c, nil
}
