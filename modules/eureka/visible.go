package eureka

import (
	"context"
	"log/slog"
	"time"
)

// visibility is eureka.instance.ready-when-visible: a rollout that waits for readiness waits until callers know the new instance.
type visibility struct {
	registrar *Registrar
	replica   *Replica
	interval  time.Duration // of callers' looks, taken to be like the own
	release   func()
	log       *slog.Logger
}

// Run ends when callers know this program, or with ctx.
func (v *visibility) Run(ctx context.Context) error {
	for {
		looked := v.replica.nextLook()
		if v.registrar.declined() {
			v.release()
			return nil
		}
		if v.seen() {
			break
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return nil
		}
	}
	select {
	case <-time.After(v.interval):
	case <-ctx.Done():
		return nil
	}
	v.release()
	v.log.InfoContext(ctx, "this instance was seen in the registry, and callers had time to; readiness accepts")
	return nil
}

func (v *visibility) seen() bool {
	own, s := v.registrar.current(), v.replica.now.Load()
	if own == nil || s == nil {
		return false
	}
	shown := s.entry(own.App, own.ID()).instance
	return shown != nil && shown.Up()
}

// visibleError is ready-when-visible without what it needs.
type visibleError struct{ key string }

const readyWhenVisible = "eureka.instance.ready-when-visible"

func (e *visibleError) Error() string {
	return "eureka: " + readyWhenVisible + " cannot work while " + e.key + " is false"
}
func (e *visibleError) Description() string {
	return "Readiness would never accept: with " + readyWhenVisible + " it waits until this program is seen in the registry, and " + e.key + " is false."
}
func (e *visibleError) Action() string {
	return "Remove one of the two settings."
}
func (e *visibleError) Keys() []string { return []string{readyWhenVisible, e.key} }
