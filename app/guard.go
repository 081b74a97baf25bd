package app

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"go.uber.org/fx"
)

// guard stands between the components and fx's lifecycle. fx runs hooks on a goroutine of its own, where a panic would
// end the process with a stack trace; it shares one context between all of them, skips those that are left when it ends, and
// does so on the way back from an interrupted start as well, which would leave what was registered behind. The guard
// turns panics into errors, gives each hook the context it should have, and knows which one runs.
type guard struct {
	fx.Lifecycle

	mu    sync.Mutex
	start context.Context
	stop  context.Context
	back  context.Context // for the hooks that stop again what a failed start had begun
	now   string
	begun int // start hooks of the program's own
}

// decorate is given to fx.Decorate, so that the whole container appends to the guard.
func (g *guard) decorate(inner fx.Lifecycle) fx.Lifecycle {
	g.Lifecycle = inner
	return g
}

// Append implements [fx.Lifecycle].
func (g *guard) Append(hook fx.Hook) {
	function := caller()
	owner := function[strings.LastIndexByte(function, '/')+1:]
	if onStart := hook.OnStart; onStart != nil {
		if !strings.HasPrefix(function, ours) {
			g.begun++
		}
		hook.OnStart = func(context.Context) error {
			ctx := g.begin("the start hook of "+owner, false)
			if ctx.Err() != nil {
				return errInterrupted
			}
			if err := guarded(ctx, "the start hook of "+owner, onStart); err != nil {
				if ctx.Err() != nil {
					return fmt.Errorf("%w: %w", errInterrupted, err)
				}
				return err
			}
			return nil
		}
	}
	if onStop := hook.OnStop; onStop != nil {
		hook.OnStop = func(context.Context) error {
			return guarded(g.begin("the stop hook of "+owner, true), "the stop hook of "+owner, onStop)
		}
	}
	g.Lifecycle.Append(hook)
}

// starting sets the contexts of a start and of the way back, should it fail.
func (g *guard) starting(ctx, back context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start, g.back = ctx, back
}

func (g *guard) stopping(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop = ctx
}

// begin notes which hook runs and returns its context.
func (g *guard) begin(hook string, stops bool) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = hook
	switch {
	case !stops:
		return g.start
	case g.stop == nil:
		return g.back
	}
	return g.stop
}

// note says what runs within a hook.
func (g *guard) note(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = what
}

// running names the hook that runs, for messages.
func (g *guard) running() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func guarded(ctx context.Context, where string, hook func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(where, v)
		}
	}()
	return hook(ctx)
}

// panicError is a panic of the user's code, or ours, during start or stop.
type panicError struct {
	where string // what panicked
	value any
	place string // function and line
}

// panicked makes an error of a panic. It must be called by the deferred function that recovers.
func panicked(where string, value any) error {
	return &panicError{where: where, value: value, place: panicPlace()}
}

func (e *panicError) Error() string {
	return fmt.Sprintf("%s panicked: %v, in %s", e.where, e.value, e.place)
}

// Unwrap returns the value when it is an error.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// panicPlace returns where the panic that is being recovered began.
func panicPlace() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for inPanic, more := false, true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		isRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if inPanic && !isRuntime {
			return fmt.Sprintf("%s (%s:%d)", frame.Function[strings.LastIndexByte(frame.Function, '/')+1:], frame.File, frame.Line)
		}
		inPanic = inPanic || isRuntime
	}
	return "an unknown place"
}

// caller names the function that appends a hook, leaving out the helpers in between.
func caller() string {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		if name := frame.Function; !strings.Contains(name, "/modules/lifecycle.") || !more {
			return name
		}
	}
}

// ours is where hooks come from that are not the program's own.
const ours = "github.com/archimedes-go/archimedes/modules/"

// shutdowner collects what components ask for. fx's own would make the process's signals its business.
type shutdowner chan<- int

// Shutdown implements [fx.Shutdowner].
func (s shutdowner) Shutdown(options ...fx.ShutdownOption) error {
	code := 0
	for _, option := range options {
		for candidate := range 256 {
			if option == fx.ExitCode(candidate) {
				code = candidate
			}
		}
	}
	select {
	case s <- code:
	default: // the first one counts
	}
	return nil
}
