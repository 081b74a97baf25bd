package health

import (
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
)

// Module provides [*Checks] over the group "health.indicators" and the built-in ones, and the [*Availability] of the
// program. It is never off.
func Module(*config.Config) fx.Option {
	return fx.Module("health", fx.Provide(newConfig, newIndicators, NewAvailability, newChecks))
}

// AsIndicator marks a constructor whose result is part of the program's health.
func AsIndicator(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Indicator)), fx.ResultTags(`group:"health.indicators"`))
}

func newConfig(c *config.Config) (Config, error) {
	return config.Bind(c, "management.endpoint.health", DefaultConfig())
}

func newIndicators(c *config.Config) (Indicators, error) {
	return config.Bind(c, "management.health", DefaultIndicators())
}

type params struct {
	fx.In

	Config       Config
	BuiltIn      Indicators
	Availability *Availability
	Indicators   []Indicator `group:"health.indicators"`
}

func newChecks(p params) (*Checks, error) {
	all := p.Indicators
	if p.BuiltIn.on(p.BuiltIn.Ping) {
		all = append(all, ping())
	}
	if p.BuiltIn.on(p.BuiltIn.DiskSpace.Switch) {
		all = append(all, diskSpace(p.BuiltIn.DiskSpace))
	}
	return New(p.Config, p.Availability, all...)
}
