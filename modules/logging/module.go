package logging

import (
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
)

// Module provides the [*Levels] of the program's logger. It is never off. The *slog.Logger itself exists before the
// container, since start failures need it, and is supplied by app, or with plain fx by fx.Supply.
func Module(*config.Config) fx.Option {
	return fx.Module("logging", fx.Provide(LevelsOf))
}
