package logging

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
)

// Module provides the [*Levels] of the program's logger and keeps them as the configuration says, also when that changes. It
// is never off. The *slog.Logger itself exists before the container, since start failures need it, and is supplied by app, or
// with plain fx by fx.Supply.
func Module(c *config.Config) fx.Option {
	return fx.Module("logging", fx.Provide(LevelsOf), fx.Invoke(func(l *Levels, lc fx.Lifecycle, log *slog.Logger) {
		lc.Append(fx.StopHook(config.OnChangeFunc(c, ConfigFrom, func(_, now Config) {
			if err := l.Configure(now); err != nil {
				log.With("logger", "logging").Warn("the new levels cannot be used", "error", err)
			}
		})))
	}))
}
