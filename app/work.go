package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Runner is work that comes once, before the program is ready: a migration, a cache to be filled, or all that a batch program
// does (Spring: ApplicationRunner). Run may take as long as it needs, since no start timeout applies: meanwhile the listener
// serves, liveness is UP and readiness refuses, and the program is registered nowhere. Its error, or its panic, ends the program
// with exit code 1, or with that of a method ExitCode() int of the error. Its context ends when the program is told to.
//
// Runners run one after another, by their methods Order() int, lower first, if they have one (else 0), then by name.
type Runner interface {
	Run(ctx context.Context) error
}

// Task is work that lasts, such as the consumer of a queue. Run begins when the program is ready, and its context ends when
// readiness refuses, at the stop; it is waited for, for at most spring.lifecycle.timeout-per-shutdown-phase. An error or a panic is
// logged, and Run is called again after a pause that grows from 0.1 s to 30 s; a return without an error is the end of this task.
//
// The span of a run tells how long it took and how it ended. It is not in the context that Run gets: each message would become
// part of one trace that lasts for days.
type Task interface {
	Run(ctx context.Context) error
}

// Func is a [Runner] or [Task] that is a function, such as a method of what a constructor made:
//
//	fx.Provide(app.AsRunner(func(m *Migrations) app.Func { return m.Up }))
type Func func(context.Context) error

// Run calls f.
func (f Func) Run(ctx context.Context) error { return f(ctx) }

// Name is the function's.
func (f Func) Name() string { return functionName(f) }

// AsRunner marks a constructor whose result is a [Runner].
//
//	fx.Provide(app.AsRunner(newMigration))
func AsRunner(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Runner)), fx.ResultTags(`group:"app.runners"`))
}

// AsTask marks a constructor whose result is a [Task], such as a [*Job].
//
//	fx.Provide(app.AsTask(newConsumer))
//	fx.Provide(app.AsTask(func(s *Stock) *app.Job { return app.Every(time.Minute, s.Refresh) }))
func AsTask(constructor any) any {
	return fx.Annotate(constructor, fx.As(new(Task)), fx.ResultTags(`group:"app.tasks"`))
}

// work is the runners and tasks of one application.
type work struct {
	runners  []Runner
	tasks    []Task
	patience time.Duration // for tasks, at the stop
	tracer   trace.Tracer
	log      *slog.Logger
	now      func(string) // told what runs

	tasksContext context.Context
	end          context.CancelFunc
	running      sync.WaitGroup
	mu           sync.Mutex
	unended      map[string]int
	over         chan struct{} // closed when nothing is left to do
}

var _ lifecycle.Work = (*work)(nil)

type workParams struct {
	fx.In

	Runners []Runner             `group:"app.runners"`
	Tasks   []Task               `group:"app.tasks"`
	Tracers trace.TracerProvider `optional:"true"`
	Log     *slog.Logger
}

func newWork(p workParams, patience time.Duration, now func(string)) (*work, error) {
	if p.Tracers == nil {
		p.Tracers = noop.NewTracerProvider()
	}
	w := &work{
		runners: p.Runners, tasks: p.Tasks, patience: patience, now: now,
		tracer: p.Tracers.Tracer("github.com/archimedes-go/archimedes/app"), log: p.Log.With("logger", "app.work"),
		unended: map[string]int{}, over: make(chan struct{}),
	}
	w.tasksContext, w.end = context.WithCancel(context.Background())
	slices.SortFunc(w.runners, func(a, b Runner) int {
		return cmp.Or(cmp.Compare(orderOf(a), orderOf(b)), cmp.Compare(nameOf(a), nameOf(b)))
	})
	var faults []error
	for _, t := range w.tasks {
		if job, ok := t.(*Job); ok && job.fault != nil {
			faults = append(faults, job.fault)
		}
	}
	return w, errors.Join(faults...)
}

// Prepare runs the runners.
func (w *work) Prepare(ctx context.Context) error {
	for _, r := range w.runners {
		name := nameOf(r)
		w.now("the runner " + name)
		began := time.Now()
		err := w.traced(ctx, "runner "+name, func(ctx context.Context) error { return guarded(ctx, "the runner "+name, r.Run) })
		if err != nil {
			return &runnerError{name, err}
		}
		w.log.DebugContext(ctx, "runner returned", "name", name, "after", time.Since(began))
		if ctx.Err() != nil { // told to end meanwhile: what would come next must not begin
			return ctx.Err()
		}
	}
	return nil
}

// Begin starts the tasks.
func (w *work) Begin() {
	for _, t := range w.tasks {
		name, keep := nameOf(t), func() {}
		if job, ok := t.(*Job); ok {
			keep = func() { job.keep(w.tasksContext, w.log, w.traced) }
		} else {
			keep = func() {
				lifecycle.Keep(w.tasksContext, w.log, name, func(ctx context.Context) error {
					return w.traced(ctx, "task "+name, func(context.Context) error { return lifecycle.Safely(ctx, t.Run) })
				})
			}
		}
		w.count(name, 1)
		w.running.Go(func() {
			defer w.count(name, -1)
			keep()
			if w.tasksContext.Err() == nil {
				w.log.Info("task has ended", "name", name)
			}
		})
	}
	go func() {
		w.running.Wait()
		close(w.over)
	}()
}

// traced makes a span of a run. The tasks' own go without it, as [Task] says.
func (w *work) traced(ctx context.Context, name string, run func(context.Context) error) error {
	ctx, span := w.tracer.Start(ctx, name)
	defer span.End()
	err := run(ctx)
	if err != nil && ctx.Err() == nil {
		span.SetAttributes(semconv.ErrorType(err))
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// End tells the tasks to stop.
func (w *work) End() { w.end() }

// Wait waits for the tasks until patience ends, or the stop does.
func (w *work) Wait(ctx context.Context) {
	w.end()
	ended := make(chan struct{})
	go func() { w.running.Wait(); close(ended) }()
	late := time.NewTimer(w.patience)
	defer late.Stop()
	select {
	case <-ended:
		return
	case <-late.C:
	case <-lifecycle.Aborted(ctx):
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.unended {
		w.log.ErrorContext(ctx, "task did not end in time and was left behind", "name", name)
	}
}

// none reports whether there is nothing that this knows of.
func (w *work) none() bool { return len(w.runners)+len(w.tasks) == 0 }

func (w *work) count(name string, more int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unended[name] += more; w.unended[name] == 0 {
		delete(w.unended, name)
	}
}

// runnerError is a runner that failed.
type runnerError struct {
	name string
	err  error
}

func (e *runnerError) Error() string { return fmt.Sprintf("the runner %s failed: %v", e.name, e.err) }
func (e *runnerError) Unwrap() error { return e.err }

// nameOf returns what a runner or task calls itself, or else its type.
func nameOf(of any) string {
	if n, ok := of.(interface{ Name() string }); ok {
		return n.Name()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", of), "*")
}

func orderOf(of any) int {
	if o, ok := of.(interface{ Order() int }); ok {
		return o.Order()
	}
	return 0
}

// functionName returns package and name of a function: stock.Stock.Refresh for the method value of a *Stock.
func functionName(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	name = strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "-fm")
	return strings.NewReplacer("(*", "", "(", "", ")", "").Replace(name)
}
