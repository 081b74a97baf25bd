package logging

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// structured writes JSON, one object a line, with the field names of a log system. An attribute that would hide one of
// those fields gets an underscore in front.
type structured struct {
	formOptions
	taken   []string                                     // top-level fields of the form
	fixed   []slog.Attr                                  // the same on each line
	builtin func(a slog.Attr) slog.Attr                  // slog's time, level and message
	each    func(line *slog.Record, f facts) []slog.Attr // fields that differ
	top     func(s *structured, a slog.Attr) slog.Attr   // an attribute at the top of a line
}

// Keys of trace correlation, as in Spring.
const (
	keyTrace = "traceId"
	keySpan  = "spanId"
)

func (s *structured) lines() slog.Handler {
	h := slog.NewJSONHandler(s.out, &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: s.replace})
	return h.WithAttrs(s.fixed)
}

func (s *structured) attr(a slog.Attr) slog.Attr { return s.top(s, a) }

func (s *structured) write(ctx context.Context, lines slog.Handler, line slog.Record, f facts) error {
	line.AddAttrs(s.each(&line, f)...)
	return lines.Handle(ctx, line)
}

// replace gives slog's own fields the form's names. No attribute of the user's has their names at the top.
func (s *structured) replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return s.builtin(a)
	}
	switch a.Value.Kind() {
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String()) // a bare number would leave the unit open
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case config.Secret:
			a.Value = slog.StringValue(v.String())
		case error:
			a.Value = slog.StringValue(textOf(v))
		}
	}
	return a
}

// reserved are the names of every form: slog's own, which replace takes for its fields, and those of correlation.
var reserved = []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, keyTrace, keySpan}

func underscored(s *structured, a slog.Attr) slog.Attr {
	if slices.Contains(s.taken, a.Key) || slices.Contains(reserved, a.Key) {
		a.Key = "_" + a.Key
	}
	return a
}

func correlation(prefix string, f facts) []slog.Attr {
	if f.trace == "" {
		return nil
	}
	return []slog.Attr{slog.String(prefix+keyTrace, f.trace), slog.String(prefix+keySpan, f.span)}
}

func text(key, value string) []slog.Attr {
	if value == "" {
		return nil
	}
	return []slog.Attr{slog.String(key, value)}
}

// timestamp is the form of time that ECS and Logstash share.
func timestamp(at time.Time) slog.Attr {
	return slog.String("@timestamp", at.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// newECS is the Elastic Common Schema.
func newECS(o formOptions) form {
	service := o.Structured.ECS.Service
	about := slices.Concat(
		text("name", cmp.Or(service.Name, o.Name)),
		text("version", cmp.Or(service.Version, o.Version)),
		text("environment", service.Environment),
	)
	if service.NodeName != "" {
		about = append(about, nested("node", slog.String("name", service.NodeName)))
	}
	return &structured{
		formOptions: o,
		taken:       []string{"@timestamp", "message", "log", "process", "service", "ecs", "error"},
		fixed: []slog.Attr{
			nested("process", slog.Int("pid", o.PID)),
			nested("service", about...),
			nested("ecs", slog.String("version", "8.11")),
		},
		builtin: func(a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey:
				return timestamp(a.Value.Time())
			case slog.MessageKey:
				return slog.Attr{Key: "message", Value: a.Value}
			}
			return slog.Attr{} // the level stands in "log"
		},
		each: func(line *slog.Record, f facts) []slog.Attr {
			if f.stack != "" {
				addStack(line, f.stack)
			}
			about := append([]slog.Attr{slog.String("level", LevelName(line.Level))}, text("logger", f.logger)...)
			return append([]slog.Attr{nested("log", about...)}, correlation("", f)...)
		},
		top: func(s *structured, a slog.Attr) slog.Attr {
			if err, failed := a.Value.Any().(error); failed && a.Key == "error" {
				return nested("error", slog.String("type", fmt.Sprintf("%T", err)), slog.String("message", textOf(err)))
			}
			return underscored(s, a)
		},
	}
}

// addStack puts a stack into the error of the line, where ECS has it.
func addStack(line *slog.Record, stack string) {
	whole := slog.NewRecord(line.Time, line.Level, line.Message, line.PC)
	failure := []slog.Attr{slog.String("stack_trace", stack)}
	line.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" && a.Value.Kind() == slog.KindGroup {
			failure = append(slices.Clone(a.Value.Group()), failure...)
			return true
		}
		whole.AddAttrs(a)
		return true
	})
	whole.AddAttrs(nested("error", failure...))
	*line = whole
}

// newLogstash is what the Logstash encoder for Java writes.
func newLogstash(o formOptions) form {
	return &structured{
		formOptions: o,
		taken:       []string{"@timestamp", "@version", "message", "logger_name", "level_value", "stack_trace", "tags"},
		fixed:       []slog.Attr{slog.String("@version", "1")},
		builtin: func(a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey:
				return timestamp(a.Value.Time())
			case slog.MessageKey:
				return slog.Attr{Key: "message", Value: a.Value}
			}
			return slog.String("level", LevelName(levelOf(a)))
		},
		each: func(line *slog.Record, f facts) []slog.Attr {
			return slices.Concat(
				[]slog.Attr{slog.Int("level_value", logback(line.Level))},
				text("logger_name", f.logger),
				correlation("", f),
				text("stack_trace", f.stack),
			)
		},
		top: underscored,
	}
}

// newGELF is Graylog's. Its additional fields start with an underscore and cannot be nested.
func newGELF(o formOptions) form {
	return &structured{
		formOptions: o,
		fixed: slices.Concat(
			[]slog.Attr{
				slog.String("version", "1.1"),
				slog.String("host", cmp.Or(o.Structured.GELF.Host, o.Name, "localhost")),
				slog.Int("_process_pid", o.PID),
			},
			text("_service_version", cmp.Or(o.Structured.GELF.Service.Version, o.Version)),
		),
		builtin: func(a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey:
				return slog.Float64("timestamp", float64(a.Value.Time().UnixMilli())/1000)
			case slog.MessageKey:
				return slog.Attr{Key: "short_message", Value: a.Value}
			}
			return slog.Int("level", syslog(levelOf(a)))
		},
		each: func(line *slog.Record, f facts) []slog.Attr {
			return slices.Concat(
				text("_level_name", LevelName(line.Level)),
				text("_log_logger", f.logger),
				correlation("_", f),
				text("_error_stack_trace", f.stack),
			)
		},
		top: func(_ *structured, a slog.Attr) slog.Attr { return nested("", flat("", a)...) },
	}
}

func nested(key string, attrs ...slog.Attr) slog.Attr {
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}

// flat returns the leaves of an attribute under dotted names. Graylog has no field called "_id".
func flat(prefix string, a slog.Attr) []slog.Attr {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() != slog.KindGroup {
		key := "_" + prefix + a.Key
		if key == "_id" {
			key = "__id"
		}
		return []slog.Attr{{Key: key, Value: a.Value}}
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	var leaves []slog.Attr
	for _, member := range a.Value.Group() {
		leaves = append(leaves, flat(prefix, member)...)
	}
	return leaves
}

func levelOf(a slog.Attr) slog.Level {
	level, _ := a.Value.Any().(slog.Level)
	return level
}

// logback returns the number that Logback gives a level.
func logback(level slog.Level) int {
	switch LevelName(level) {
	case "TRACE":
		return 5000
	case "DEBUG":
		return 10000
	case "INFO":
		return 20000
	case "WARN":
		return 30000
	}
	return 40000
}

// syslog returns the severity that syslog gives a level.
func syslog(level slog.Level) int {
	switch LevelName(level) {
	case "TRACE", "DEBUG":
		return 7
	case "INFO":
		return 6
	case "WARN":
		return 4
	case "ERROR":
		return 3
	}
	return 2
}
