package ssl

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Module provides the [*Bundles]. Modules that need one without this module read the same settings, but follow no files.
func Module(*config.Config) fx.Option {
	return fx.Module("ssl", fx.Provide(newBundles))
}

func newBundles(c *config.Config, log *slog.Logger, hooks fx.Lifecycle) (*Bundles, error) {
	b, err := From(nil, c, log)
	if err == nil && b.cfg.reloads() {
		lifecycle.Run(hooks, log, "TLS bundles", b.Run)
	}
	return b, err
}

// From returns b, or where it is nil the bundles that c describes.
func From(b *Bundles, c *config.Config, log *slog.Logger) (*Bundles, error) {
	if b != nil {
		return b, nil
	}
	cfg, err := config.Bind(c, "spring.ssl.bundle", DefaultConfig())
	if err != nil {
		return nil, err
	}
	return New(cfg, c.ReadResource, log)
}
