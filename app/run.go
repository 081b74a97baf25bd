package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/modules/build"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Run is the main of a program: it reads the process's arguments and environment and application.yml, runs the bundle and
// the user's options until the process is told to end, and exits. It does not return.
func Run(bundle Bundle, options ...fx.Option) {
	os.Exit(RunAll(context.Background(), Spec{
		Bundle: bundle, Options: options, Args: os.Args[1:], Environ: os.Environ(), wholeProcess: true,
	}))
}

// RunAll runs several applications as one program and returns its exit code, for os.Exit. They start in order, each when
// the one before it serves, and stop in reverse, each when the one after it has left: what the last ones need, such as an
// embedded Eureka server, comes first. If one cannot start, its report is written and those before it are stopped.
//
// It is where a program's signals are taken: while it runs, SIGINT and SIGTERM are its own, as the package comment says.
// After the third signal it exits itself. With --help among the arguments it starts nothing and lists the settings most used; with
// --version it says which build it is.
func RunAll(ctx context.Context, specs ...Spec) int {
	for _, spec := range specs {
		if wantsHelp(spec.Args) {
			printHelp(New(spec).spec.Stdout)
			return 0
		}
		if slices.Contains(spec.Args, "--version") {
			printVersion(New(spec).spec.Stdout, build.Read())
			return 0
		}
	}
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	apps := make([]*App, len(specs))
	for i, spec := range specs {
		apps[i] = New(spec)
	}
	return run(ctx, signals, os.Exit, apps...)
}

// run takes applications from start to exit code. Without signals, which may be nil, only ctx and components end it.
func run(ctx context.Context, signals <-chan os.Signal, exit func(int), apps ...*App) int {
	end := watch(ctx, signals, exit)
	defer end.forget()
	code, started := 0, 0
	for _, a := range apps {
		if end.asked() {
			break
		}
		if err := a.Start(end.starting); err != nil {
			var unfinished *runnerError
			switch {
			case errors.Is(err, errInterrupted) && errors.As(err, &unfinished):
				code = end.code() // or a scheduler would take the work for done
			case !errors.Is(err, errInterrupted):
				code = codeOf(err)
				end.haste.Hurry() // the program was never complete, so nobody relies on it
				fmt.Fprint(a.spec.Stderr, report(err))
			}
			break
		}
		started++
	}
	reason := "another application did not start"
	if started == len(apps) {
		reason, code = wait(end.starting, apps)
	}
	for i := started - 1; i >= 0; i-- {
		apps[i].logStopping(reason, code)
		if err := apps[i].Stop(end.stopping); err != nil && code == 0 {
			code = 1
		}
	}
	if signalled := end.aborted(); signalled != 0 {
		return signalled
	}
	return code
}

// wait returns when the program is asked to end, with the reason, or when a component asks, with its exit code, or when no
// application has anything left to do.
func wait(ctx context.Context, apps []*App) (reason string, code int) {
	first, idle := make(chan int), make(chan struct{})
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for _, a := range apps {
			select {
			case <-a.idle():
			case <-over.Done():
				return
			}
		}
		close(idle)
	}()
	for _, a := range apps {
		go func() {
			select {
			case code := <-a.ended:
				select {
				case first <- code:
				case <-over.Done():
				}
			case <-over.Done():
			}
		}()
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx).Error(), 0
	case code = <-first:
		return "a component asks for it", code
	case <-idle:
		return "nothing is left to do", 0
	}
}

// ending is what is known of the end of a program: whether it was asked for, and how much it hurries.
type ending struct {
	starting context.Context // ends when the program is asked to
	stopping context.Context // carries the haste
	haste    *lifecycle.Haste
	forget   func()
	codes    chan int
	first    atomic.Int32 // exit code that shells expect after the first signal
}

// watch follows ctx and signals: the first ends the start, or the waiting; the second aborts; the third exits.
func watch(ctx context.Context, signals <-chan os.Signal, exit func(int)) *ending {
	stopping, haste := lifecycle.WithHaste(context.WithoutCancel(ctx))
	// The start can be aborted, too: it carries the same haste.
	starting, interrupt := context.WithCancelCause(stopping)
	done := make(chan struct{})
	e := &ending{starting: starting, stopping: stopping, haste: haste, codes: make(chan int, 1)}
	finished := make(chan struct{})
	e.forget = func() { close(done); <-finished; interrupt(nil) }
	go func() {
		defer close(finished)
		over := ctx.Done()
		for count := 0; ; {
			select {
			case <-done:
				return
			case <-over:
				over = nil
				count++ // a signal that follows is the second request
				interrupt(context.Cause(ctx))
			case s := <-signals:
				count++
				switch count {
				case 1:
					e.first.Store(int32(exitCode(s)))
					if s == os.Interrupt {
						haste.Hurry()
					}
					interrupt(fmt.Errorf("signal: %s", s))
				case 2:
					e.codes <- exitCode(s)
					haste.Abort()
				default:
					exit(exitCode(s))
				}
			}
		}
	}()
	return e
}

// asked reports whether the end was asked for from outside.
func (e *ending) asked() bool { return e.starting.Err() != nil }

// code is the exit code of a program that was told to end before it had done its work.
func (e *ending) code() int { return cmp.Or(int(e.first.Load()), 1) }

// aborted returns the exit code that a second signal demands, or 0.
func (e *ending) aborted() int {
	select {
	case code := <-e.codes:
		return code
	default:
		return 0
	}
}

// idle returns a channel that is closed when the application has nothing left to do: no listener, and runners and tasks that have
// returned. What the start hooks of a program that has neither do is not known, so they count as work without an end.
func (a *App) idle() <-chan struct{} {
	if a.serves || a.keepAlive || a.work.none() && a.guard.begun > 0 {
		return nil
	}
	return a.work.over
}

// codeOf is the exit code of a program that could not start: the error's own, else 1.
func codeOf(err error) int {
	var own interface{ ExitCode() int }
	if errors.As(err, &own) {
		if code := own.ExitCode(); code >= 0 && code <= 255 {
			return code
		}
	}
	return 1
}

// exitCode is what shells expect of a program that a signal ended.
func exitCode(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}
