package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/logging"
)

var orders = logging.Program{Name: "orders", Version: "1.2.0", PID: 4711}

// start returns a logger that writes into the buffer.
func start(t *testing.T, change func(*logging.Config)) (*slog.Logger, *logging.Levels, *bytes.Buffer) {
	t.Helper()
	cfg := logging.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	out := &bytes.Buffer{}
	log, levels, err := logging.New(cfg, orders, out, false)
	require.NoError(t, err)
	return log, levels, out
}

func format(name string) func(*logging.Config) {
	return func(c *logging.Config) { c.Structured.Format.Console = name }
}

func withSpan() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x0a, 0xf7, 15: 1}, SpanID: trace.SpanID{0xb7, 7: 2},
	}))
}

// afterTime cuts the time off a line.
func afterTime(t *testing.T, line string) string {
	t.Helper()
	at, rest, _ := strings.Cut(line, " ")
	_, err := time.Parse("2006-01-02T15:04:05.000Z07:00", at)
	require.NoError(t, err, line)
	return rest
}

func TestReadableLineNamesApplicationLoggerAndSpan(t *testing.T) {
	log, _, out := start(t, nil)
	log.With("logger", "eureka.client").InfoContext(withSpan(), "instance registered", "server", "http://eureka-1", "took", time.Second)
	require.Equal(t,
		" INFO 4711 --- [orders] [0af70000000000000000000000000001-b700000000000002] eureka.client        : instance registered server=http://eureka-1 took=1s\n",
		afterTime(t, out.String()))
}

func TestReadableLineWithoutSpanOrNameKeepsItsColumns(t *testing.T) {
	log, _, out := start(t, func(c *logging.Config) { c.IncludeName = false })
	log.Warn("tired")
	require.Equal(t, " WARN 4711 ---                      : tired\n", afterTime(t, out.String()))
}

func TestLevelsBeyondSlogHaveSpringsNames(t *testing.T) {
	log, levels, out := start(t, nil)
	levels.Set(logging.Root, logging.LevelTrace)
	log.Log(t.Context(), logging.LevelTrace, "low")
	log.Log(t.Context(), logging.LevelFatal, "high")
	lines := strings.Split(out.String(), "\n")
	require.True(t, strings.HasPrefix(afterTime(t, lines[0]), "TRACE "), lines[0])
	require.True(t, strings.HasPrefix(afterTime(t, lines[1]), "FATAL "), lines[1])
}

func TestStackStandsBelowItsLine(t *testing.T) {
	log, _, out := start(t, nil)
	log.Error("handler panicked", "error", errors.New("boom"), "stack", "goroutine 1\n\tmain.go:3\n")
	require.True(t, strings.HasSuffix(out.String(), "handler panicked error=boom\ngoroutine 1\n\tmain.go:3\n"), out.String())
}

func TestValuesCannotSpeakToTheTerminal(t *testing.T) {
	for _, value := range []any{"a\x1b[31mb", `a\x1b[31mb`, errors.New("a\x1b[31mb")} {
		cfg := logging.DefaultConfig()
		var out bytes.Buffer
		log, _, err := logging.New(cfg, orders, &out, true)
		require.NoError(t, err)
		log.Info("request", "path", value)
		_, rest, _ := strings.Cut(out.String(), "path=")
		require.NotContains(t, rest, "\x1b[31m", "%q", value)
		require.Contains(t, rest, "[31mb")
	}
}

func TestColoursAreForTerminals(t *testing.T) {
	lines := func(terminal bool) string {
		var out bytes.Buffer
		log, _, err := logging.New(logging.DefaultConfig(), orders, &out, terminal)
		require.NoError(t, err)
		log.Info("hello")
		return out.String()
	}
	require.Contains(t, lines(true), "\x1b[")
	require.NotContains(t, lines(false), "\x1b[")
}

func TestInvalidTextIsShownWhole(t *testing.T) {
	log, _, out := start(t, nil)
	log.Info("request", "path", "a\xffb\ufffdc")
	require.Contains(t, out.String(), `\xffb`)
	require.Contains(t, out.String(), "c")
}

func TestECSFields(t *testing.T) {
	log, _, out := start(t, format("ecs"))
	log.With("logger", "web").ErrorContext(withSpan(), "request failed",
		"service", "inventory", "error", io.ErrUnexpectedEOF, "stack", "main.go:3", "again_in", 1500*time.Millisecond)
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	_, err := time.Parse(time.RFC3339Nano, line["@timestamp"].(string))
	require.NoError(t, err)
	delete(line, "@timestamp")
	require.Equal(t, map[string]any{
		"message": "request failed",
		"log":     map[string]any{"level": "ERROR", "logger": "web"},
		"process": map[string]any{"pid": 4711.},
		"service": map[string]any{"name": "orders", "version": "1.2.0"},
		"ecs":     map[string]any{"version": "8.11"},
		"error":   map[string]any{"type": "*errors.errorString", "message": "unexpected EOF", "stack_trace": "main.go:3"},
		"traceId": "0af70000000000000000000000000001", "spanId": "b700000000000002",
		"_service": "inventory", "again_in": "1.5s",
	}, line)
	require.Equal(t, 1, strings.Count(out.String(), `"service"`), "a key stands once")
}

func TestLogstashFields(t *testing.T) {
	log, _, out := start(t, format("Logstash"))
	log.With("logger", "web").WarnContext(withSpan(), "slow", "level", "high", "stack", "main.go:3")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	delete(line, "@timestamp")
	require.Equal(t, map[string]any{
		"@version": "1", "message": "slow", "logger_name": "web", "level": "WARN", "level_value": 30000., "_level": "high",
		"stack_trace": "main.go:3", "traceId": "0af70000000000000000000000000001", "spanId": "b700000000000002",
	}, line)
}

func TestGELFFields(t *testing.T) {
	log, _, out := start(t, format("gelf"))
	log.With("logger", "web").InfoContext(withSpan(), "hello", "id", 7, slog.Group("http", "status", 200))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.InDelta(t, float64(time.Now().Unix()), line["timestamp"], 60)
	delete(line, "timestamp")
	require.Equal(t, map[string]any{
		"version": "1.1", "host": "orders", "short_message": "hello", "level": 6., "_level_name": "INFO", "_log_logger": "web",
		"_process_pid": 4711., "_service_version": "1.2.0", "__id": 7., "_http.status": 200.,
		"_traceId": "0af70000000000000000000000000001", "_spanId": "b700000000000002",
	}, line)
}

func TestSecretsNeverPrint(t *testing.T) {
	for _, form := range []string{"", "ecs", "gelf", "logstash"} {
		log, _, out := start(t, format(form))
		log.With("with", config.Secret("s3cret")).Info("login", "password", config.Secret("s3cret"), slog.Group("in", "token", config.Secret("s3cret")))
		require.NotContains(t, out.String(), "s3cret", form)
		require.Contains(t, out.String(), "******", form)
	}
}

// slog's own rules for handlers, apart from names that the form changes.
func TestStructuredFormKeepsSlogsRules(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		out.Reset()
		cfg := logging.DefaultConfig()
		cfg.Structured.Format.Console = "logstash"
		log, _, err := logging.New(cfg, orders, &out, false)
		require.NoError(t, err)
		return log.Handler()
	}, func(t *testing.T) map[string]any {
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		for ours, theirs := range map[string]string{"message": slog.MessageKey, "@timestamp": slog.TimeKey} {
			if value, ok := line[ours]; ok {
				line[theirs] = value
			}
		}
		if line[slog.TimeKey] == "0001-01-01T00:00:00.000000Z" {
			delete(line, slog.TimeKey)
		}
		return line
	})
}

func TestLongestPrefixDecides(t *testing.T) {
	_, levels, _ := start(t, func(c *logging.Config) {
		c.Level = map[string]string{"root": "warn", "eureka": "INFO", "eureka.client": "debug", "noisy": "false"}
	})
	for name, want := range map[string]slog.Level{
		"":                       slog.LevelWarn,
		"eurekaserver":           slog.LevelWarn,
		"eureka":                 slog.LevelInfo,
		"eureka.registrar":       slog.LevelInfo,
		"eureka.client":          slog.LevelDebug,
		"Eureka.Client.registry": slog.LevelDebug,
		"noisy.thing":            logging.LevelOff,
	} {
		require.Equal(t, want, levels.Effective(name), name)
	}
}

func TestLevelChangesReachLoggersInUse(t *testing.T) {
	log, levels, out := start(t, nil)
	client := log.With("logger", "eureka.client").With("server", "a")
	client.Debug("hidden")
	levels.Set("eureka", slog.LevelDebug)
	client.Debug("shown")
	levels.Clear("eureka")
	client.Debug("hidden again")
	levels.Set("eureka.client", logging.LevelOff)
	client.Log(t.Context(), logging.LevelFatal, "silent")
	require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
	require.Contains(t, out.String(), "shown")
	level, set := levels.Configured("eureka.client")
	require.True(t, set)
	require.Equal(t, logging.LevelOff, level)
	require.Equal(t, []string{"root", "eureka.client"}, levels.Names())
}

func TestGroupsSetTheirMembers(t *testing.T) {
	_, levels, _ := start(t, func(c *logging.Config) {
		c.Group = map[string][]string{"upstream": {"invoker", "loadbalancer"}}
		c.Level = map[string]string{"upstream": "trace", "web": "debug", "invoker": "error"}
	})
	require.Equal(t, logging.LevelTrace, levels.Effective("loadbalancer"))
	require.Equal(t, slog.LevelError, levels.Effective("invoker"), "a logger's own level beats its group's")
	require.Equal(t, slog.LevelDebug, levels.Effective("web.access"))
	require.Equal(t, slog.LevelDebug, levels.Effective("actuator"))
	levels.Set("upstream", slog.LevelWarn)
	require.Equal(t, slog.LevelWarn, levels.Effective("invoker"))
	require.Contains(t, levels.Groups(), "sql")
}

func TestThresholdHoldsForEveryLogger(t *testing.T) {
	log, levels, out := start(t, func(c *logging.Config) { c.Threshold.Console = "ERROR" })
	levels.Set("web", slog.LevelDebug)
	log.With("logger", "web").Warn("below")
	require.Empty(t, out.String())
	require.Equal(t, slog.LevelDebug, levels.Effective("web"))
}

func TestConsoleCanBeSwitchedOff(t *testing.T) {
	log, _, out := start(t, func(c *logging.Config) { c.Console.Enabled = false })
	log.Error("unheard")
	require.Empty(t, out.String())
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	cfg := logging.DefaultConfig()
	cfg.Level = map[string]string{"a": "loud", "b": "quiet"}
	cfg.Threshold.Console = "x"
	cfg.Structured.Format.Console = "xml"
	_, _, err := logging.New(cfg, orders, io.Discard, false)
	for _, part := range []string{"level.a", "level.b", `"loud" is not a level`, "threshold.console", "structured.format.console", "ecs, gelf and logstash"} {
		require.ErrorContains(t, err, part)
	}
}

func TestDisabledLineCostsNoAllocation(t *testing.T) {
	log, _, _ := start(t, nil)
	client, ctx := log.With("logger", "eureka.client"), withSpan()
	require.Zero(t, testing.AllocsPerRun(100, func() { client.DebugContext(ctx, "heartbeat") }))
}

func TestModuleProvidesTheLevelsOfTheSuppliedLogger(t *testing.T) {
	log, levels, _ := start(t, nil)
	var found *logging.Levels
	fxtest.New(t, fx.Supply(log), logging.Module(configtest.FromYAML(t, "")), fx.Populate(&found))
	require.Same(t, levels, found)
	require.NotNil(t, logging.LevelsOf(slog.New(slog.DiscardHandler)))
}

func FuzzReadableValuesStayOnTheirLine(f *testing.F) {
	f.Add("plain")
	f.Add("a\x1b[0mb\n\xff")
	f.Add(`\x1b]0;title`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, terminal := range []bool{false, true} {
			var out bytes.Buffer
			log, _, err := logging.New(logging.DefaultConfig(), orders, &out, terminal)
			require.NoError(t, err)
			log.Info("m", "k", value)
			_, rest, _ := strings.Cut(out.String(), "k=")
			require.Equal(t, 1, strings.Count(rest, "\n"))
			rest = strings.TrimPrefix(rest, "\x1b[0m")
			require.NotContains(t, rest, "\x1b")
		}
	})
}

func BenchmarkDisabledLine(b *testing.B) {
	log, _, err := logging.New(logging.DefaultConfig(), orders, io.Discard, false)
	require.NoError(b, err)
	log = log.With("logger", "eureka.client")
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		log.DebugContext(ctx, "heartbeat", "server", "a")
	}
}

func BenchmarkReadableLine(b *testing.B) {
	log, _, err := logging.New(logging.DefaultConfig(), orders, io.Discard, false)
	require.NoError(b, err)
	log = log.With("logger", "eureka.client")
	ctx := withSpan()
	b.ReportAllocs()
	for b.Loop() {
		log.InfoContext(ctx, "instance registered", "server", "a")
	}
}

func TestLevelsFollowAConfigurationThatChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "application.yml"), []byte(text), 0o600))
	}
	write("logging.level.eureka: warn")
	c, err := config.Load(config.Options{Dir: dir})
	require.NoError(t, err)
	cfg, err := logging.ConfigFrom(c)
	require.NoError(t, err)
	var out bytes.Buffer
	log, levels, err := logging.New(cfg, orders, &out, false)
	require.NoError(t, err)
	a := fxtest.New(t, fx.Supply(log), logging.Module(c)).RequireStart()
	defer a.RequireStop()
	client := log.With("logger", "eureka.client")
	require.False(t, client.Enabled(t.Context(), slog.LevelInfo))

	write("logging.level.eureka: debug")
	changed, err := c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"logging.level.eureka"}, changed)
	require.True(t, client.Enabled(t.Context(), slog.LevelDebug), "a logger that exists already")

	write("logging.level.eureka: loud")
	_, err = c.Reload(t.Context())
	require.ErrorContains(t, err, "loud")
	require.Equal(t, slog.LevelDebug, levels.Effective("eureka"), "the old level stays")

	write("")
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, slog.LevelInfo, levels.Effective("eureka"))
}
