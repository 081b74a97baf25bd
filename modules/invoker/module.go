package invoker

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Module provides a [*Client], a [*Plain] and the [*Clients] that settings name. Without the module loadbalancer calls by name
// fail with the key that switched it off; without telemetry nothing is traced.
//
// To ask for the client that spring.http.serviceclient.inventory describes, as a *Client `name:"inventory"`:
//
//	invoker.ProvideClient("inventory")
func Module(c *config.Config) fx.Option {
	return fx.Module("invoker", fx.Provide(newConfig, newNamed, newPlain, newClients, func(p params) (*Client, error) {
		return newClient(p, whyOff(c))
	}))
}

// ProvideClient provides the [*Client] of a name, under that name.
func ProvideClient(name string) fx.Option {
	return fx.Provide(fx.Annotate(func(all *Clients) (*Client, error) { return all.Client(name) }, fx.ResultTags(`name:"`+name+`"`)))
}

// ProvidePlain provides the [*Plain] of a name, under that name.
func ProvidePlain(name string) fx.Option {
	return fx.Provide(fx.Annotate(func(all *Clients) (*Plain, error) { return all.Plain(name) }, fx.ResultTags(`name:"`+name+`"`)))
}

// ProvideDeclared provides the [*T] that [Declare] makes over the client of a name.
func ProvideDeclared[T any](name string) fx.Option {
	return fx.Provide(func(all *Clients) (*T, error) {
		c, err := all.caller(name)
		if err != nil {
			return nil, err
		}
		return Declare[T](c, "")
	})
}

// AsInterceptor marks a constructor of an [Ordered] interceptor, which stands around every call of every client.
func AsInterceptor(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"invoker.interceptors"`))
}

// AsConverter marks a constructor of a [Converter] that every client has.
func AsConverter(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"invoker.converters"`))
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

func newNamed(c *config.Config) (ServiceClients, error) {
	return config.Bind(c, "spring.http.serviceclient", ServiceClients(nil))
}

type params struct {
	fx.In

	Config       Config
	Interceptors []Ordered                     `group:"invoker.interceptors"`
	Converters   []Converter                   `group:"invoker.converters"`
	Balancer     *loadbalancer.Balancer        `optional:"true"`
	Tracers      trace.TracerProvider          `optional:"true"`
	Propagator   propagation.TextMapPropagator `optional:"true"`
	Meters       metric.MeterProvider          `optional:"true"`
	Telemetry    telemetry.Config              `optional:"true"`
	Transport    http.RoundTripper             `name:"invoker.transport" optional:"true"`
	Bundles      *ssl.Bundles                  `optional:"true"`
	Settings     *config.Config
	Log          *slog.Logger
	Hooks        fx.Lifecycle
}

// AsTransport marks a constructor of the [http.RoundTripper] that carries calls by name, one for each attempt, in place of the
// client's own.
func AsTransport(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(http.RoundTripper)), fx.ResultTags(`name:"invoker.transport"`))
}

func (p params) options() ([]ClientOption, error) {
	slices.SortStableFunc(p.Interceptors, func(a, b Ordered) int { return cmp.Compare(a.Order, b.Order) })
	around := make([]Interceptor, len(p.Interceptors))
	for i, one := range p.Interceptors {
		around[i] = one.Func
	}
	bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
	if err != nil {
		return nil, err
	}
	bundle, err := bundles.Named("spring.http.clients.ssl.bundle", p.Config.SSL.Bundle)
	if err != nil {
		return nil, err
	}
	options := []ClientOption{WithLogger(p.Log), WithBundle(bundle), WithDefaults(Intercept(around...), Converters(p.Converters...))}
	if p.Tracers != nil && p.Propagator != nil {
		options = append(options, WithTracer(telemetry.NewClientTracer(p.Tracers, p.Propagator)))
	}
	if p.Meters != nil {
		options = append(options, WithMeter(telemetry.NewClientMeter(p.Meters, p.Telemetry.Conventions)))
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

func newClients(named ServiceClients, client *Client, plain *Plain, p params) (*Clients, error) {
	all, err := NewClients(named, client, plain)
	if err != nil {
		return nil, err
	}
	bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
	if err != nil {
		return nil, err
	}
	all.bundles = map[string]*ssl.Bundle{}
	for name, own := range named {
		if all.bundles[strings.ToLower(name)], err = bundles.Named("spring.http.serviceclient."+name+".ssl.bundle", own.SSL.Bundle); err != nil {
			return nil, err
		}
	}
	hooks := p.Hooks
	hooks.Append(fx.StopHook(all.CloseIdleConnections))
	return all, nil
}
