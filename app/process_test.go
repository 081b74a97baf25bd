package app_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// helperVariable names the program that this test binary is, when a test runs it as a process of its own.
const helperVariable = "APP_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if program, ok := programs[os.Getenv(helperVariable)]; ok {
		program()
		return
	}
	goleak.VerifyTestMain(m)
}

// programs are what main functions look like.
var programs = map[string]func(){
	"service": func() { app.Run(nothing, fx.Invoke(saying("service", drain))) },
	"hung":    func() { app.Run(nothing, fx.Invoke(saying("hung", func(context.Context) { select {} }))) },
	"circle": func() {
		app.Run(nothing, fx.Provide(newSunOf, newMoonOf), fx.Invoke(func(*sun) {}))
	},
	"critical": func() {
		app.Run(nothing, fx.Invoke(saying("critical", drain), func(lc fx.Lifecycle, end fx.Shutdowner) {
			lc.Append(fx.StartHook(func() { go func() { _ = end.Shutdown(fx.ExitCode(1)) }() }))
		}))
	},
	"failing": func() { app.Run(nothing, fx.Invoke(func() error { return errors.New("no such luck") })) },
	"panicking constructor": func() {
		app.Run(nothing, fx.Provide(func() *bytes.Buffer { panic("out of ink") }), fx.Invoke(func(*bytes.Buffer) {}))
	},
	"panicking hook": func() {
		app.Run(nothing, fx.Invoke(saying("first", drain), func(lc fx.Lifecycle) {
			lc.Append(fx.StartHook(func() { panic("out of ink") }))
		}))
	},
	"slow start": func() {
		app.Run(nothing, fx.Invoke(saying("first", drain), func(lc fx.Lifecycle) {
			lc.Append(fx.StartHook(func(ctx context.Context) error {
				fmt.Println("starting slowly")
				<-ctx.Done()
				return ctx.Err()
			}))
		}))
	},
	"slow runner": func() {
		app.Run(nothing, fx.Provide(app.AsRunner(func() app.Func {
			return func(ctx context.Context) error {
				fmt.Println("runner runs")
				<-ctx.Done()
				return ctx.Err()
			}
		})))
	},
	"several": func() {
		specs := make([]app.Spec, 3)
		for i, name := range []string{"registry", "inventory", "orders"} {
			specs[i] = app.Spec{Bundle: nothing, NoFiles: true, Options: []fx.Option{fx.Invoke(saying(name, drain))}}
		}
		os.Exit(app.RunAll(context.Background(), specs...))
	},
}

func nothing(*config.Config) fx.Option { return fx.Options() }

// saying tells on stdout what happens to a component; leave is what it does at stop.
func saying(name string, leave func(context.Context)) func(fx.Lifecycle) {
	return func(lc fx.Lifecycle) {
		lc.Append(fx.StartStopHook(
			func() { fmt.Println(name, "up") },
			func(ctx context.Context) {
				fmt.Println(name, "down")
				leave(ctx)
				fmt.Println(name, "removed")
			},
		))
	}
}

// drain says how it ended: a caller who expects one of them would wait for the other in vain.
func drain(ctx context.Context) {
	switch os.Getenv("DRAIN") {
	case "hurried":
		<-lifecycle.Hurried(ctx)
	case "aborted":
		<-lifecycle.Aborted(ctx)
	case "calm":
		select {
		case <-lifecycle.Hurried(ctx):
			fmt.Println("hurried")
		default:
		}
	}
}

// process is a running program.
type process struct {
	*exec.Cmd
	lines  *bufio.Scanner
	stderr *bytes.Buffer
	stdout []string
}

func launch(t *testing.T, program string, environ ...string) *process {
	t.Helper()
	return launchWith(t, program, nil, func(string) {}, environ...)
}

// launchWith starts a program with arguments in a folder that prepare fills.
func launchWith(t *testing.T, program string, args []string, prepare func(dir string), environ ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], args...), stderr: &bytes.Buffer{}}
	p.Env = append(append(os.Environ(), helperVariable+"="+program), environ...)
	p.Dir = t.TempDir()
	prepare(p.Dir)
	p.Stderr = p.stderr
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	p.lines = bufio.NewScanner(out)
	return p
}

// until reads stdout up to a line that contains the text.
func (p *process) until(t *testing.T, text string) {
	t.Helper()
	for p.lines.Scan() {
		p.stdout = append(p.stdout, p.lines.Text())
		if strings.Contains(p.lines.Text(), text) {
			return
		}
	}
	require.Fail(t, "the program ended before it said "+text, "%s\n%s", strings.Join(p.stdout, "\n"), p.stderr)
}

// code waits for the end.
func (p *process) code(t *testing.T) int {
	t.Helper()
	for p.lines.Scan() {
		p.stdout = append(p.stdout, p.lines.Text())
	}
	var exit *exec.ExitError
	if err := p.Wait(); err != nil {
		require.ErrorAs(t, err, &exit)
		return exit.ExitCode()
	}
	return 0
}

// said returns the lines that are not logs.
func (p *process) said() []string {
	var said []string
	for _, line := range p.stdout {
		if !strings.Contains(line, " --- ") {
			said = append(said, line)
		}
	}
	return said
}

func TestSIGTERMStopsGracefully(t *testing.T) {
	t.Parallel()
	p := launch(t, "service", "DRAIN=calm")
	p.until(t, "Started application in ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.code(t), "%s", p.stderr)
	require.Equal(t, []string{"service up", "service down", "service removed"}, p.said())
	require.Contains(t, strings.Join(p.stdout, "\n"), `Stopping application reason="signal: terminated"`)
	require.Empty(t, p.stderr.String())
}

func TestSIGINTStopsGracefullyWithoutTheDrain(t *testing.T) {
	t.Parallel()
	p := launch(t, "service", "DRAIN=hurried")
	p.until(t, "Started application in ")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, 0, p.code(t))
	require.Equal(t, []string{"service up", "service down", "service removed"}, p.said())
}

func TestSecondSignalCutsTheWaitingShortAndStillRemoves(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			p := launch(t, "service", "DRAIN=aborted")
			p.until(t, "Started application in ")
			require.NoError(t, p.Process.Signal(syscall.SIGTERM))
			p.until(t, "service down")
			require.NoError(t, p.Process.Signal(second))
			require.Equal(t, 128+int(second), p.code(t))
			require.Equal(t, []string{"service up", "service down", "service removed"}, p.said())
		})
	}
}

func TestSecondSignalEndsAProgramThatHangs(t *testing.T) {
	t.Parallel()
	p := launch(t, "hung")
	p.until(t, "Started application in ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.until(t, "hung down")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 143, p.code(t))
	require.Contains(t, strings.Join(p.stdout, "\n"), "was left behind")
}

func TestThirdSignalExitsAtOnce(t *testing.T) {
	t.Parallel()
	p := launch(t, "hung")
	p.until(t, "Started application in ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.until(t, "hung down")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.until(t, "Told again to end")
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Equal(t, 130, p.code(t))
	require.NotContains(t, strings.Join(p.stdout, "\n"), "was left behind")
}

func TestCriticalComponentTakesTheProgramAlong(t *testing.T) {
	t.Parallel()
	p := launch(t, "critical")
	require.Equal(t, 1, p.code(t))
	require.Equal(t, []string{"critical up", "critical down", "critical removed"}, p.said())
}

func TestSignalDuringTheStartTakesBackWhatHadStarted(t *testing.T) {
	t.Parallel()
	p := launch(t, "slow start")
	p.until(t, "starting slowly")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.code(t), "%s", p.stderr)
	require.Equal(t, []string{"first up", "starting slowly", "first down", "first removed"}, p.said())
	require.Empty(t, p.stderr.String())
}

func TestFailedStartReportsOnStderrAndExitsWithOne(t *testing.T) {
	for program, want := range map[string]string{
		"failing":               "No such luck",
		"circle":                "circle",
		"panicking constructor": `panic: "out of ink" in func: "github.com/archimedes-go/archimedes/app_test"`,
		"panicking hook":        "panicked: out of ink, in app_test.",
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			p := launch(t, program)
			require.Equal(t, 1, p.code(t))
			require.True(t, strings.HasPrefix(p.stderr.String(), "\n***************************\nAPPLICATION FAILED TO START\n"), p.stderr)
			require.Contains(t, p.stderr.String(), want)
			for _, text := range []string{p.stderr.String(), strings.Join(p.stdout, "\n")} {
				require.NotContains(t, text, "goroutine ")
			}
			if program == "panicking hook" {
				require.Equal(t, []string{"first up", "first down", "first removed"}, p.said())
			}
		})
	}
}

func TestSeveralApplicationsStopInReverseOneAfterAnother(t *testing.T) {
	t.Parallel()
	p := launch(t, "several", "DRAIN=calm")
	p.until(t, "orders up")
	p.until(t, "Started application in ")
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 0, p.code(t), "%s", p.stderr)
	require.Equal(t, []string{
		"registry up", "inventory up", "orders up",
		"orders down", "orders removed", "inventory down", "inventory removed", "registry down", "registry removed",
	}, p.said())
}

func TestApplicationThatCannotStartStopsThoseBefore(t *testing.T) {
	var events recorder
	var stderr bytes.Buffer
	code := app.RunAll(t.Context(),
		app.Spec{NoFiles: true, Stdout: io.Discard, Options: []fx.Option{events.component("first")}},
		app.Spec{NoFiles: true, Stdout: io.Discard, Options: []fx.Option{events.component("second")}},
		app.Spec{NoFiles: true, Stdout: io.Discard, Stderr: &stderr, Options: []fx.Option{fx.Invoke(func() error { return io.ErrUnexpectedEOF })}},
		app.Spec{NoFiles: true, Stdout: io.Discard, Options: []fx.Option{events.component("never")}},
	)
	require.Equal(t, 1, code)
	require.Equal(t, []string{"first up", "second up", "second down hurried", "first down hurried"}, events.all())
	require.Contains(t, stderr.String(), "Unexpected EOF")
}

func TestEndOfTheContextIsACalmStop(t *testing.T) {
	var events recorder
	ctx, cancel := context.WithCancel(t.Context())
	code := app.New(app.Spec{NoFiles: true, Stdout: when("Started application", cancel), Options: []fx.Option{
		events.component("it"),
	}}).Run(ctx)
	require.Equal(t, 0, code)
	require.Equal(t, []string{"it up", "it down"}, events.all())
}

// when is an output that does something when a line contains the text.
func when(text string, do func()) io.Writer {
	return writerFunc(func(line []byte) (int, error) {
		if bytes.Contains(line, []byte(text)) {
			do()
		}
		return len(line), nil
	})
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// recorder notes what happens to components.
type recorder struct {
	mu     sync.Mutex
	events []string
}

func (r *recorder) note(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

func (r *recorder) component(name string) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StartStopHook(
			func() { r.note(name + " up") },
			func(ctx context.Context) {
				select {
				case <-lifecycle.Hurried(ctx):
					r.note(name + " down hurried")
				default:
					r.note(name + " down")
				}
			},
		))
	})
}
