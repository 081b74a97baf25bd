package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"go.uber.org/fx"
)

// Bounds of the pause before work that failed starts again. It doubles with each failure in a row and is forgotten
// after a run of maxPause.
const (
	minPause = 100 * time.Millisecond
	maxPause = 30 * time.Second
)

// Run ties fn to the application: it starts with it, and at stop its context is cancelled and its return awaited. A
// panic, or an error while the application runs, is logged and fn starts again after a pause with jitter; a return
// without an error ends it for good.
func Run(lc fx.Lifecycle, log *slog.Logger, name string, fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	lc.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(ended)
				Keep(ctx, log, name, fn)
			}()
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			select {
			case <-ended:
				return nil
			case <-stop.Done():
				// The container has given up already and hears no error: only a line can name the culprit.
				log.ErrorContext(stop, "background work did not end in time", "name", name)
				return stop.Err()
			}
		},
	})
}

// Keep runs fn until it returns without an error or ctx ends, starting it again when it fails or panics. It is [Run]
// without a container.
func Keep(ctx context.Context, log *slog.Logger, name string, fn func(context.Context) error) {
	pause := minPause
	for {
		began := time.Now()
		err := Safely(ctx, fn)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(began) > maxPause {
			pause = minPause
		}
		wait := pause/2 + rand.N(pause)
		attrs := []any{"name", name, "error", err, "again_in", wait}
		var p *PanicError
		if errors.As(err, &p) {
			attrs = append(attrs, "stack", string(p.Stack))
		}
		log.ErrorContext(ctx, "background work failed", attrs...)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, maxPause)
	}
}

// PanicError is a panic that was caught.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Safely calls fn and returns a panic of its as a [*PanicError].
func Safely(ctx context.Context, fn func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn(ctx)
}
