package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/build"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// yaml is an application.yml that was compiled into the program.
func yaml(text string) fx.Option {
	return app.Embedded(fstest.MapFS{"application.yml": &fstest.MapFile{Data: []byte(text)}})
}

// buffer is an output that many write to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// started returns the log of an application that was started and stopped.
func started(t *testing.T, spec app.Spec) string {
	t.Helper()
	out := &buffer{}
	spec.NoFiles, spec.Stdout = true, out
	a := app.New(spec)
	require.NoError(t, a.Start(t.Context()))
	require.NoError(t, a.Stop(t.Context()))
	return out.String()
}

func TestStartupLinesReadAsSprings(t *testing.T) {
	log := started(t, app.Spec{
		Args: []string{"--spring.profiles.active=dev,eu"},
		Bundle: func(c *config.Config) fx.Option {
			c.Decided("web", true, "")
			c.Decided("eureka", false, "")
			return fx.Options()
		},
		Options: []fx.Option{
			yaml("spring.application:\n  name: orders\n  version: 1.2.0\n"),
		},
	})
	for _, want := range []string{
		`INFO \d+ --- \[orders\] app +: Starting orders v1\.2\.0 (\(commit .*\) )?using go\S+ with PID \d+ \(\S+ started in \S+\)\n`,
		`: The following 2 profiles are active: "dev", "eu"\n`,
		`: Modules are chosen on=web off=eureka\n`,
		`: Started orders in 0\.\d{3} seconds\n`,
		`: Stopped orders in 0\.\d{3} seconds\n`,
	} {
		require.Regexp(t, regexp.MustCompile(want), log)
	}
}

func TestStartupLinesCanBeLeftOut(t *testing.T) {
	require.Empty(t, started(t, app.Spec{Args: []string{"--spring.main.log-startup-info=false"}}))
}

func TestDebugFlagExplainsConditionsProfilesAndSources(t *testing.T) {
	spec := app.Spec{Bundle: func(c *config.Config) fx.Option {
		c.Enabled("eureka", "eureka.client.enabled", true)
		c.Enabled("web", "web.enabled", true)
		return fx.Options()
	}, Options: []fx.Option{yaml("eureka.client:\n  enabled: false\n")}}
	require.NotContains(t, started(t, spec), "CONDITIONS EVALUATION REPORT")
	spec.Args = []string{"--debug"}
	log := started(t, spec)
	for _, want := range []string{
		"============================\nCONDITIONS EVALUATION REPORT\n============================\n",
		"Positive matches:\n-----------------\n\n   web matched:\n      - web.enabled is not set, the default is true\n",
		"Negative matches:\n-----------------\n\n   eureka:\n      Did not match:\n         - eureka.client.enabled = false from classpath:application.yml:2:12\n",
		"Profiles:\n---------\n\n   default\n",
		"   commandLineArgs (1 keys)\n   ",
	} {
		require.Contains(t, log, want)
	}
}

func TestHelpListsSettingsWithDefaultsAndStartsNothing(t *testing.T) {
	for _, flag := range []string{"--help", "-h"} {
		out := &buffer{}
		code := app.RunAll(t.Context(), app.Spec{Args: []string{"--server.port=1", flag}, Dir: "/nowhere", Stdout: out, Options: []fx.Option{fx.Error(io.EOF)}})
		require.Zero(t, code)
		for _, want := range []string{
			"Usage: ", "--server.port=NUMBER\n        of the listener, 0 for a free one (default 8080)\n",
			"--eureka.client.service-url.defaultZone=TEXT\n", "http://localhost:8761/eureka/", "--server.shutdown=graceful|immediate\n",
			"SERVER_PORT", "config/reference.md",
		} {
			require.Contains(t, out.String(), want)
		}
	}
}

func TestVersionFlagPrintsOneLineAndStartsNothing(t *testing.T) {
	out := &buffer{}
	code := app.RunAll(t.Context(), app.Spec{Args: []string{"--version"}, Dir: "/nowhere", Stdout: out, Options: []fx.Option{fx.Error(io.EOF)}})
	require.Zero(t, code)
	require.Regexp(t, `^app\.test \S.* go1\S+ \w+/\w+\n$`, out.String())
}

func TestTheVersionOfTheBuildIsThatOfTheProgram(t *testing.T) {
	defer func() { build.Version, build.Commit, build.CommitTime = "", "", "" }()
	build.Version, build.Commit, build.CommitTime = "1.2.0", "3f2a1bc9d8e7", "2026-11-29T07:30:00Z"
	recorded := tracetest.NewSpanRecorder()
	span := fx.Options(
		fx.Provide(telemetry.AsSpanProcessor(func() sdktrace.SpanProcessor { return recorded })),
		fx.Invoke(func(p trace.TracerProvider) {
			_, span := p.Tracer("").Start(t.Context(), "span")
			span.End()
		}),
	)
	log := started(t, app.Spec{Bundle: telemetry.Module, Properties: map[string]string{"management.tracing.sampling.probability": "1"}, Options: []fx.Option{span}})
	require.Contains(t, log, "Starting application v1.2.0 (commit 3f2a1bc of 2026-11-29T07:30:00Z) using go1")
	require.Contains(t, recorded.Ended()[0].Resource().Attributes(), attribute.String("service.version", "1.2.0"))
	log = started(t, app.Spec{Args: []string{"--spring.application.version=7", "--logging.structured.format.console=ecs"}})
	require.Contains(t, log, `"version":"7"`)
	require.Contains(t, log, "Starting application v7 (commit 3f2a1bc")
}

func TestDebugFlagExplainsAFailedStartToo(t *testing.T) {
	out := &buffer{}
	a := app.New(app.Spec{NoFiles: true, Stdout: out, Properties: map[string]string{"debug": "true"}, Options: []fx.Option{fx.Error(io.EOF)}})
	require.Error(t, a.Start(t.Context()))
	require.Contains(t, out.String(), "CONDITIONS EVALUATION REPORT")
}

func TestMisspelledSettingIsWarnedOfOnce(t *testing.T) {
	log := started(t, app.Spec{Options: []fx.Option{yaml("spring.lifecycle.timeout-per-shutdwn-phase: 3s\n")}})
	require.Equal(t, 1, strings.Count(log, " WARN "), log)
	require.Contains(t, log, `did you mean spring.lifecycle.timeout-per-shutdown-phase? key=spring.lifecycle.timeout-per-shutdwn-phase origin=classpath:application.yml:1:45`)
}

func TestContainerGetsConfigurationAndLogger(t *testing.T) {
	log := started(t, app.Spec{
		Properties: map[string]string{"logging.level.orders": "debug"},
		Options: []fx.Option{fx.Invoke(func(c *config.Config, log *slog.Logger) {
			value, _ := c.Lookup("logging.level.orders")
			log.With("logger", "orders").Debug("hello", "level", value)
			log.Debug("unheard")
		})},
	})
	require.Contains(t, log, "orders               : hello level=debug\n")
	require.NotContains(t, log, "unheard")
}

func TestStepsOfTheContainerAreLoggedOnRequest(t *testing.T) {
	require.NotContains(t, started(t, app.Spec{}), " fx ")
	require.Contains(t, started(t, app.Spec{Args: []string{"--logging.level.fx=debug"}}), " fx ")
}

func TestDefaultLoggerOfTheProcessStaysAsItWas(t *testing.T) {
	before := slog.Default()
	started(t, app.Spec{})
	require.Same(t, before, slog.Default())
}

func TestConfigurationThatCannotBeUsedIsReported(t *testing.T) {
	for name, test := range map[string]struct {
		spec app.Spec
		want []string
	}{
		"unclosed bracket": {
			app.Spec{Options: []fx.Option{yaml("server:\n  port: [8080\n")}},
			[]string{"application.yml:"},
		},
		"tab": {
			app.Spec{Options: []fx.Option{yaml("server:\n\tport: 8080\n")}},
			[]string{"application.yml:2", "→port: 8080"},
		},
		"value of the wrong type in a file": {
			app.Spec{Options: []fx.Option{yaml("spring.lifecycle:\n  timeout-per-shutdown-phase: soon\n")}},
			[]string{"    spring.lifecycle.timeout-per-shutdown-phase = soon from classpath:application.yml:2:31\n", "Correct the value of spring.lifecycle.timeout-per-shutdown-phase."},
		},
		"value of the wrong type as an argument": {
			app.Spec{Args: []string{"--spring.lifecycle.timeout-per-shutdown-phase=soon"}},
			[]string{"= soon from command line argument --spring.lifecycle.timeout-per-shutdown-phase\n"},
		},
		"value of the wrong type in the environment": {
			app.Spec{Environ: []string{"SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE=soon"}},
			[]string{"= soon from environment variable SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE\n"},
		},
		"settings of the logger, all at once": {
			app.Spec{Args: []string{"--logging.level.root=loud", "--logging.structured.format.console=xml", "--spring.output.ansi.enabled=perhaps"}},
			[]string{"    logging.level.root = loud from", "    logging.structured.format.console = xml from", "    spring.output.ansi.enabled = perhaps from", "ecs, gelf and logstash"},
		},
		"switch that is neither on nor off": {
			app.Spec{Args: []string{"--eureka.client.enabled=perhaps"}, Bundle: func(c *config.Config) fx.Option {
				c.Enabled("eureka", "eureka.client.enabled", true)
				return fx.Options()
			}},
			[]string{"    eureka.client.enabled = perhaps from"},
		},
		"missing placeholder": {
			app.Spec{Options: []fx.Option{yaml("spring.lifecycle.timeout-per-shutdown-phase: ${nowhere}\n")}},
			[]string{"${nowhere}", "    spring.lifecycle.timeout-per-shutdown-phase = ${nowhere} from classpath:application.yml:1:46\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := startFailing(t, test.spec)
			for _, want := range test.want {
				require.Contains(t, report, want)
			}
		})
	}
}

func TestReportMasksSecrets(t *testing.T) {
	fault := &foreseen{
		description: `The value "hunter2" is refused by http://me:hunter3@host/.`, action: "Think.",
		keys: []string{"db.password", "eureka.client.service-url.defaultZone", "server.port", "not.set"},
	}
	report := startFailing(t, app.Spec{Options: []fx.Option{fx.Error(fault), yaml(
		"db.password: hunter2\neureka.client.service-url.defaultZone: http://me:hunter4@eureka-1/,http://you:hunter5@eureka-2/\nserver.port: 80\n")}})
	require.NotContains(t, report, "hunter")
	require.Contains(t, report, `The value "******" is refused by http://******@host/.
    db.password = ****** from classpath:application.yml:1:14
    eureka.client.service-url.defaultZone = http://******@eureka-1/,http://******@eureka-2/ from classpath:application.yml:2:40
    server.port = 80 from classpath:application.yml:3:14
    not.set is not set; its default holds
`)
}

func TestModuleOfAMissingTypeIsNamed(t *testing.T) {
	needsEcho := fx.Invoke(func(*echo.Echo) {})
	report := startFailing(t, app.Spec{
		Args: []string{"--web.on=false"},
		Bundle: func(c *config.Config) fx.Option {
			c.Enabled("web", "web.on", true)
			return fx.Options()
		},
		Options: []fx.Option{needsEcho},
	})
	require.Contains(t, report, `needs *echo.Echo, which nothing provides. The module "web" does, but it is off: web.on = false from command line argument --web.on.`)
	require.Contains(t, report, "Switch the module web on, or do without: a field of a parameter struct (fx.In) tagged `optional:\"true\"`.")
	report = startFailing(t, app.Spec{Options: []fx.Option{needsEcho}})
	require.Contains(t, report, `The module "web" does, but it is not in the bundle.`)
	require.Contains(t, report, "add web.Module to yours")
}

func TestFilesOfTheWorkingDirectoryBeatEmbeddedOnes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "application.yml"), []byte("spring.application.name: outer\n"), 0o600))
	out := &buffer{}
	a := app.New(app.Spec{Dir: dir, Stdout: out, Options: []fx.Option{yaml("spring.application.name: inner\n")}})
	require.NoError(t, a.Start(t.Context()))
	require.NoError(t, a.Stop(t.Context()))
	require.Contains(t, out.String(), "Started outer in")
}

func TestStopThatOutlivesItsContextIsLeftBehind(t *testing.T) {
	release := make(chan struct{})
	out := &buffer{}
	a := app.New(app.Spec{NoFiles: true, Stdout: out, Options: []fx.Option{fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StopHook(func() { <-release }))
	})}})
	require.NoError(t, a.Start(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, a.Stop(ctx), "the stop hook of app_test.TestStopThatOutlivesItsContextIsLeftBehind.func")
	require.Contains(t, out.String(), "ERROR")
	close(release)
}

// lingering is a registration whose callers take long to notice, once it is listed.
type lingering struct{ listed bool }

func (l *lingering) Up(discovery.Address)         { l.listed = true }
func (l *lingering) Down(context.Context) error   { return nil }
func (l *lingering) Remove(context.Context) error { return nil }
func (l *lingering) Drain() time.Duration {
	if !l.listed {
		return 0
	}
	return 10 * time.Minute
}

func TestALongDrainIsNotCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := app.New(app.Spec{NoFiles: true, Stdout: &buffer{}, Options: []fx.Option{
			fx.Provide(discovery.AsRegistration(func() *lingering { return &lingering{} })),
		}})
		require.NoError(t, a.Start(t.Context()))
		began := time.Now()
		require.NoError(t, a.Stop(t.Context()))
		require.Equal(t, 10*time.Minute, time.Since(began))
	})
}

func TestErrorOfAStopHookMakesTheExitCodeOne(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var events recorder
	code := app.New(app.Spec{NoFiles: true, Stdout: when("Started application", cancel), Options: []fx.Option{
		events.component("other"),
		fx.Invoke(func(lc fx.Lifecycle) {
			lc.Append(fx.StopHook(func() error { return io.ErrClosedPipe }))
			lc.Append(fx.StopHook(func() { panic("out of ink") }))
		}),
	}}).Run(ctx)
	require.Equal(t, 1, code)
	require.Equal(t, []string{"other up", "other down"}, events.all(), "the others are stopped all the same")
}

func TestStoppingWhatNeverStartedIsNothing(t *testing.T) {
	require.NoError(t, app.New(app.Spec{}).Stop(t.Context()))
}
