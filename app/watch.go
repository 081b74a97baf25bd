package app

import (
	"context"
	"errors"
	"strings"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// watching is what "spring.config" can say of reloading.
type watching struct {
	Watch bool `config:"watch"` // ours: apply files that change while the program runs; default true
}

// watch applies changed files to those who subscribed to their settings, such as log levels.
func (a *App) watch() fx.Option {
	settings, err := config.Bind(a.cfg, "spring.config", watching{Watch: true})
	switch {
	case err != nil:
		return fx.Error(err)
	case !settings.Watch || a.spec.NoFiles:
		return fx.Options()
	}
	return fx.Invoke(func(lc fx.Lifecycle) {
		log := a.root.With("logger", "config")
		lifecycle.Run(lc, a.root, "configuration files", func(ctx context.Context) error {
			err := a.cfg.Watch(ctx, a.reloaded)
			if err != nil {
				log.Warn("files cannot be watched; changes count after a restart", "error", err)
			}
			return nil
		})
	})
}

// reloaded says what a change of files led to.
func (a *App) reloaded(changed []string, err error) {
	log := a.root.With("logger", "config")
	if err == nil {
		log.Info("configuration changed", "keys", strings.Join(changed, " "))
		a.logDiagnostics()
		return
	}
	what := mask(err.Error())
	var f *config.LoadError
	if errors.As(err, &f) {
		what = mask(f.Description())
	}
	log.Warn("configuration cannot be read again; the old values stay", "error", what)
}

// logDiagnostics warns of settings, each once, when all modules have said which they read.
func (a *App) logDiagnostics() {
	if a.log == nil {
		return
	}
	a.cfg.CheckUnknown()
	all := a.cfg.Diagnostics()
	for _, d := range all[a.warned:] {
		attrs := []any{"key", d.Key}
		if d.Origin.Source != "" {
			attrs = append(attrs, "origin", d.Origin.String())
		}
		a.root.With("logger", "config").Warn(d.Message, attrs...)
	}
	a.warned = len(all)
}
