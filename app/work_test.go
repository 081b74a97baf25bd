package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// quick is the settings of a program in a test.
var quick = map[string]string{
	"spring.application.name": "orders", "server.port": "0", "server.address": "127.0.0.1", "eureka.instance.hostname": "localhost",
	"eureka.instance.ip-address": "127.0.0.1", "eureka.instance.drain-period": "0", "eureka.client.enabled": "false",
	"management.tracing.sampling.probability": "1",
}

func with(more map[string]string) map[string]string {
	all := map[string]string{}
	for _, one := range []map[string]string{quick, more} {
		for key, value := range one {
			all[key] = value
		}
	}
	return all
}

func runner(run func(context.Context) error) fx.Option {
	return fx.Provide(app.AsRunner(func() app.Func { return run }))
}

func task(run func(context.Context) error) fx.Option {
	return fx.Provide(app.AsTask(func() app.Func { return run }))
}

// status is the answer to a GET.
func status(t *testing.T, url string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestARunnerRunsWhileTheProgramServesAndIsNeitherReadyNorRegistered(t *testing.T) {
	registry := eurekatest.NewServer(t)
	var server *web.Server
	running, done := make(chan struct{}), make(chan struct{})
	a := app.New(app.Spec{
		Bundle: starter.Service, NoFiles: true, Stdout: io.Discard,
		Properties: with(map[string]string{"eureka.client.enabled": "true", "eureka.client.service-url.defaultZone": registry.URL}),
		Options: []fx.Option{fx.Populate(&server), runner(func(context.Context) error {
			close(running)
			<-done
			return nil
		})},
	})
	started := make(chan error)
	go func() { started <- a.Start(t.Context()) }()
	<-running
	require.Equal(t, http.StatusOK, status(t, server.URL()+"/actuator/health/liveness"))
	require.Equal(t, http.StatusServiceUnavailable, status(t, server.URL()+"/actuator/health/readiness"))
	require.Empty(t, registry.Writes())
	close(done)
	require.NoError(t, <-started)
	require.Equal(t, http.StatusOK, status(t, server.URL()+"/actuator/health/readiness"))
	require.Eventually(t, func() bool { i := registry.Only("orders"); return i != nil && i.Status == discovery.Up }, 10*time.Second, time.Millisecond)
	require.NoError(t, a.Stop(t.Context()))
}

// step is a runner with a place.
type step struct {
	name  string
	order int
	log   *recorder
}

func (s step) Name() string              { return s.name }
func (s step) Order() int                { return s.order }
func (s step) Run(context.Context) error { s.log.note(s.name); return nil }

func TestRunnersRunByOrderThenName(t *testing.T) {
	var log recorder
	options := []fx.Option{}
	for _, s := range []step{{"c", 1, &log}, {"b", 1, &log}, {"d", -1, &log}, {"a", 2, &log}} {
		options = append(options, fx.Provide(app.AsRunner(func() step { return s })))
	}
	a := app.New(app.Spec{NoFiles: true, Stdout: io.Discard, Options: options})
	require.NoError(t, a.Start(t.Context()))
	require.NoError(t, a.Stop(t.Context()))
	require.Equal(t, []string{"d", "b", "c", "a"}, log.all())
}

// coded is an error with an exit code of its own.
type coded int

func (c coded) Error() string { return "no such table" }
func (c coded) ExitCode() int { return int(c) }

func TestAFailingRunnerEndsTheProgramWithAReportAndACode(t *testing.T) {
	for name, test := range map[string]struct {
		run    func(context.Context) error
		code   int
		report string
	}{
		"an error":          {func(context.Context) error { return io.ErrUnexpectedEOF }, 1, "failed: unexpected EOF."},
		"a panic":           {func(context.Context) error { panic("out of ink") }, 1, "panicked: out of ink, in app_test."},
		"a code of its own": {func(context.Context) error { return fmt.Errorf("migrate: %w", coded(7)) }, 7, "failed: migrate: no such table."},
		"no possible code":  {func(context.Context) error { return coded(-1) }, 1, "failed: no such table."},
	} {
		t.Run(name, func(t *testing.T) {
			registry := eurekatest.NewServer(t)
			var stderr strings.Builder
			var server *web.Server
			code := app.New(app.Spec{
				Bundle: starter.Service, NoFiles: true, Stdout: io.Discard, Stderr: &stderr,
				Properties: with(map[string]string{"eureka.client.enabled": "true", "eureka.client.service-url.defaultZone": registry.URL}),
				Options:    []fx.Option{fx.Populate(&server), runner(test.run)},
			}).Run(t.Context())
			require.Equal(t, test.code, code)
			require.Contains(t, stderr.String(), "APPLICATION FAILED TO START")
			require.Contains(t, stderr.String(), "The runner app_test.TestAFailingRunnerEndsTheProgramWithAReportAndACode.func")
			require.Contains(t, stderr.String(), test.report)
			require.Empty(t, registry.Writes())
			_, err := http.Get(server.URL())
			require.Error(t, err, "nobody listens")
		})
	}
}

func TestAProgramEndsWithItsWork(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	for name, options := range map[string][]fx.Option{
		"a runner":                        {runner(nothing)},
		"a task that returns":             {task(nothing)},
		"no work at all":                  {},
		"a runner and hooks":              {runner(nothing), fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() {})) })},
		"no work, but something to close": {fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StopHook(func() {})) })},
	} {
		t.Run(name, func(t *testing.T) {
			var out buffer
			a := app.New(app.Spec{Bundle: starter.Worker, NoFiles: true, Stdout: &out, Properties: quick, Options: options})
			require.Zero(t, a.Run(t.Context()))
			require.Contains(t, out.String(), `Stopping orders reason="nothing is left to do"`)
		})
	}
}

func TestAProgramStaysWhileThereIsSomethingToDo(t *testing.T) {
	forever := func(ctx context.Context) error { <-ctx.Done(); return nil }
	once := runner(func(context.Context) error { return nil })
	for name, spec := range map[string]app.Spec{
		"a task":           {Options: []fx.Option{once, task(forever)}},
		"a job":            {Options: []fx.Option{once, fx.Provide(app.AsTask(func() *app.Job { return app.Every(time.Hour, forever) }))}},
		"a job for later":  {Options: []fx.Option{fx.Provide(app.AsTask(func() *app.Job { return app.Cron("@yearly", forever) }))}},
		"keep-alive":       {Options: []fx.Option{once}, Args: []string{"--spring.main.keep-alive=true"}},
		"hooks of its own": {Options: []fx.Option{fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() {})) })}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				spec.NoFiles, spec.Stdout = true, &buffer{}
				ended := make(chan int, 1)
				go func() { ended <- app.New(spec).Run(ctx) }()
				time.Sleep(10 * time.Minute)
				select {
				case <-ended:
					t.Error("it has ended")
				default:
				}
				cancel()
				require.Zero(t, <-ended)
			})
		})
	}
}

func TestSeveralApplicationsEndWhenTheLastHasNothingLeftToDo(t *testing.T) {
	var log recorder
	first := make(chan struct{})
	code := app.RunAll(t.Context(),
		app.Spec{NoFiles: true, Stdout: when("task has ended", func() { close(first) }), Options: []fx.Option{task(func(context.Context) error {
			log.note("the first")
			return nil
		})}},
		app.Spec{NoFiles: true, Stdout: io.Discard, Options: []fx.Option{task(func(context.Context) error {
			<-first
			log.note("the second")
			return nil
		})}},
	)
	require.Zero(t, code)
	require.Equal(t, []string{"the first", "the second"}, log.all())
}

func TestAProgramWithAListenerStaysWhenItsRunnersHaveReturned(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out buffer
	code := app.New(app.Spec{
		Bundle: starter.Web, NoFiles: true, Properties: quick, Options: []fx.Option{runner(func(context.Context) error { return nil })},
		Stdout: io.MultiWriter(&out, when("Started orders", cancel)),
	}).Run(ctx)
	require.Zero(t, code)
	require.Contains(t, out.String(), `Stopping orders reason="context canceled"`)
}

func TestATaskIsRestartedWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		out := &buffer{}
		a := app.New(app.Spec{NoFiles: true, Stdout: out, Options: []fx.Option{task(func(ctx context.Context) error {
			began = append(began, time.Now())
			switch len(began) {
			case 1, 2, 3, 4:
				return errors.New("the queue is away")
			case 5:
				panic("out of ink")
			}
			<-ctx.Done()
			return nil
		})}})
		require.NoError(t, a.Start(t.Context()))
		time.Sleep(time.Minute)
		require.NoError(t, a.Stop(t.Context()))
		require.Len(t, began, 6)
		require.Less(t, 4*began[1].Sub(began[0]), began[5].Sub(began[4]))
		require.Equal(t, 4, strings.Count(out.String(), `error="the queue is away"`))
		require.Equal(t, 1, strings.Count(out.String(), `error="panic: out of ink"`))
	})
}

func TestATaskBeginsWhenTheProgramIsReadyIsToldWhenItIsNotAndAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log recorder
		var available *health.Availability
		a := app.New(app.Spec{Bundle: health.Module, NoFiles: true, Stdout: io.Discard, Options: []fx.Option{
			fx.Populate(&available),
			runner(func(context.Context) error { log.note("runner"); return nil }),
			task(func(ctx context.Context) error {
				log.note(fmt.Sprint("task, ready: ", available.Ready()))
				<-ctx.Done()
				log.note(fmt.Sprint("told, ready: ", available.Ready()))
				time.Sleep(10 * time.Second)
				log.note("task has ended")
				return nil
			}),
			fx.Provide(discovery.AsRegistration(func() *noted { return &noted{&log} })),
		}})
		require.NoError(t, a.Start(t.Context()))
		synctest.Wait()
		require.NoError(t, a.Stop(t.Context()))
		require.Equal(t, []string{"runner", "up", "task, ready: true", "told, ready: false", "down", "task has ended", "remove"}, log.all())
	})
}

// noted is a registration that says what is asked of it.
type noted struct{ log *recorder }

func (n *noted) Up(discovery.Address)         { n.log.note("up") }
func (n *noted) Down(context.Context) error   { time.Sleep(time.Second); n.log.note("down"); return nil }
func (n *noted) Remove(context.Context) error { n.log.note("remove"); return nil }
func (n *noted) Drain() time.Duration         { return time.Second }

func TestATaskThatDoesNotEndIsLeftBehindByName(t *testing.T) {
	for name, test := range map[string]struct {
		abort bool
		took  time.Duration
	}{
		"after a phase": {false, 3 * time.Second},
		"when told so":  {true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				out := &buffer{}
				a := app.New(app.Spec{NoFiles: true, Stdout: out, Args: []string{"--spring.lifecycle.timeout-per-shutdown-phase=3s"}, Options: []fx.Option{
					task(func(context.Context) error { <-free; return nil }),
				}})
				require.NoError(t, a.Start(t.Context()))
				ctx, haste := lifecycle.WithHaste(t.Context())
				if test.abort {
					time.AfterFunc(time.Second, haste.Abort)
				}
				began := time.Now()
				require.NoError(t, a.Stop(ctx))
				require.Equal(t, test.took, time.Since(began))
				require.Contains(t, out.String(), "task did not end in time and was left behind name=app_test.TestATaskThatDoesNotEndIsLeftBehindByName.func")
				close(free)
			})
		})
	}
}

func TestEveryRunIsASpan(t *testing.T) {
	recorded := tracetest.NewSpanRecorder()
	in := make(chan trace.SpanContext, 3)
	note := func(ctx context.Context) { in <- trace.SpanContextFromContext(ctx) }
	var tries atomic.Int32
	a := app.New(app.Spec{Bundle: telemetry.Module, NoFiles: true, Stdout: io.Discard, Properties: quick, Options: []fx.Option{
		fx.Provide(
			telemetry.AsSpanProcessor(func() sdktrace.SpanProcessor { return recorded }),
			app.AsRunner(func() app.Func { return func(ctx context.Context) error { note(ctx); return nil } }),
			app.AsTask(func() consumer {
				return func(ctx context.Context) error {
					if tries.Add(1) == 1 {
						return io.ErrUnexpectedEOF
					}
					note(ctx)
					<-ctx.Done()
					return nil
				}
			}),
			app.AsTask(func() *app.Job {
				return app.Every(time.Hour, func(ctx context.Context) error { note(ctx); return nil }, app.Named("refresh"), app.Jitter(0))
			}),
		),
	}})
	require.NoError(t, a.Start(t.Context()))
	require.True(t, (<-in).IsValid())
	one, other := <-in, <-in // of a job's run; but the span of a task is not for what it does for days
	require.True(t, one.IsValid() != other.IsValid())
	require.NoError(t, a.Stop(t.Context()))
	spans := map[string][]codes.Code{}
	for _, s := range recorded.Ended() {
		require.False(t, s.Parent().IsValid())
		spans[s.Name()] = append(spans[s.Name()], s.Status().Code)
	}
	require.Equal(t, []codes.Code{codes.Error, codes.Unset}, spans["task app_test.consumer"])
	require.Equal(t, []codes.Code{codes.Unset}, spans["task refresh"])
	require.Len(t, spans, 3)
	for name := range spans {
		require.Regexp(t, `^(task |runner app_test\.TestEveryRunIsASpan\.func)`, name)
	}
}

// consumer is a task with a type of its own.
type consumer func(context.Context) error

func (c consumer) Run(ctx context.Context) error { return c(ctx) }

func TestAWorkerIsRegisteredOnlyWithAPort(t *testing.T) {
	for port, want := range map[string]int{"": 0, "9090": 9090} {
		t.Run("port "+port, func(t *testing.T) {
			registry := eurekatest.NewServer(t)
			more := map[string]string{"eureka.client.enabled": "true", "eureka.client.service-url.defaultZone": registry.URL, "spring.main.web-application-type": "none"}
			if port != "" {
				more["eureka.instance.non-secure-port"] = port
			}
			a := app.New(app.Spec{Bundle: starter.Service, NoFiles: true, Stdout: io.Discard, Properties: with(more)})
			require.NoError(t, a.Start(t.Context()))
			if want == 0 {
				require.NoError(t, a.Stop(t.Context()))
				require.Empty(t, registry.Writes())
				return
			}
			require.Eventually(t, func() bool { i := registry.Only("orders"); return i != nil && i.Port.Number == want }, 10*time.Second, time.Millisecond)
			require.NoError(t, a.Stop(t.Context()))
			require.Nil(t, registry.Only("orders"))
		})
	}
}

func TestASignalDuringARunnerIsNoSuccess(t *testing.T) {
	t.Parallel()
	p := launch(t, "slow runner")
	p.until(t, "runner runs")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 143, p.code(t), "%s", p.stderr)
	require.Empty(t, p.stderr.String())
}
