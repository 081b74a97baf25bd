package discovery

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Module provides the composite [Resolver] over the group "discovery.resolvers" and the configured instances. It is never
// off: without members it knows nothing.
//
// To add a resolver:
//
//	fx.Provide(discovery.AsResolver(newConsul))
func Module(*config.Config) fx.Option {
	return fx.Module("discovery", fx.Provide(newSimpleConfig, newHealthConfig, newComposite, newResolver,
		fx.Annotate(newIndicators, fx.ResultTags(`group:"health.indicators,flatten"`))))
}

// AsResolver marks a constructor whose result is asked for instances. A method Order() int places it, lower first.
func AsResolver(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Resolver)), fx.ResultTags(`group:"discovery.resolvers"`))
}

// AsIndicator marks a constructor whose result is a part of the health of discovery, discoveryComposite.
func AsIndicator(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(health.Indicator)), fx.ResultTags(`group:"discovery.indicators"`))
}

// AsRegistration marks a constructor whose result lists this program somewhere.
func AsRegistration(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Registration)), fx.ResultTags(`group:"discovery.registrations"`))
}

func newSimpleConfig(c *config.Config) (SimpleConfig, error) {
	return config.Bind(c, "spring.cloud.discovery.client.simple", DefaultSimpleConfig())
}

type resolverParams struct {
	fx.In

	Config  SimpleConfig
	Members []Resolver `group:"discovery.resolvers"`
}

func newComposite(p resolverParams) (*Composite, error) {
	known, err := p.Config.static()
	if err != nil {
		return nil, err
	}
	if len(known) > 0 {
		p.Members = append(p.Members, configured{Static: known, order: p.Config.Order})
	}
	return NewComposite(p.Members...), nil
}

func newResolver(c *Composite) Resolver { return c }

func newHealthConfig(c *config.Config) (HealthConfig, error) {
	return config.Bind(c, "spring.cloud.discovery.client", DefaultHealthConfig())
}

type indicatorParams struct {
	fx.In

	Config   HealthConfig
	All      *Composite
	Resolver Resolver           // as the program has it: it may be decorated
	Parts    []health.Indicator `group:"discovery.indicators"`
}

func newIndicators(p indicatorParams) []health.Indicator {
	return p.Config.indicators(p.Resolver, p.All.members, p.Parts)
}

type rootParams struct {
	fx.In

	Hooks         fx.Lifecycle
	Registrations []Registration       `group:"discovery.registrations"`
	Availability  *health.Availability `optional:"true"`
	Work          lifecycle.Work       `optional:"true"`
	Log           *slog.Logger
}

// Root drives the registrations of a program that has no listener of its own: up after every other start hook, and down,
// drain and remove before every other stop hook. It belongs at the end of the options; the web server's root takes its
// place where there is one.
func Root() fx.Option {
	return fx.Invoke(func(p rootParams) { Lead(p.Hooks, p.Registrations, p.Availability, p.Work, p.Log) })
}

// Lead appends the hook of [Root]. availability and work may be nil.
func Lead(hooks fx.Lifecycle, registrations Registrations, availability *health.Availability, work lifecycle.Work, log *slog.Logger) {
	log = log.With("logger", "discovery")
	if availability == nil {
		availability = health.NewAvailability()
	}
	if work == nil {
		work = lifecycle.NoWork{}
	}
	hooks.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			availability.Started()
			if err := work.Prepare(ctx); err != nil {
				return err
			}
			availability.Accept() // first, or registries would be told STARTING and, a moment later, UP
			registrations.Up(Address{})
			work.Begin()
			return nil
		},
		OnStop: func(ctx context.Context) error {
			availability.Refuse()
			work.End()
			registrations.Leave(ctx, log, work.Wait)
			return nil
		},
	})
}
