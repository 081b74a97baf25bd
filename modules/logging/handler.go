package logging

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"
)

// keyLogger is the attribute that names a logger; keyStack one whose text has many lines.
const (
	keyLogger = "logger"
	keyStack  = "stack"
)

// handler decides which lines are written and gives each the name of its logger and the ids of its span. How they look
// is the form's business.
type handler struct {
	levels *Levels
	node   *node
	name   string // of the logger, as given
	form   form
	lines  slog.Handler // writes, and holds the attributes given to With
	open   []group      // opened by WithGroup
}

// group is an opened group and the attributes given inside it.
type group struct {
	name  string
	attrs []slog.Attr
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return int64(level) >= h.node.cut.Load()
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	f := facts{logger: h.name}
	if len(h.open) == 0 {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == keyStack && a.Value.Kind() == slog.KindString {
				f.stack = a.Value.String()
				return true
			}
			line.AddAttrs(h.form.attr(a))
			return true
		})
	} else {
		inner := slices.Clone(h.open[len(h.open)-1].attrs)
		r.Attrs(func(a slog.Attr) bool { inner = append(inner, a); return true })
		line.AddAttrs(h.form.attr(h.fold(inner)))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		f.trace, f.span = span.TraceID().String(), span.SpanID().String()
	}
	return h.form.write(ctx, h.lines, line, f)
}

// fold wraps attributes in the open groups, whose own come first.
func (h *handler) fold(inner []slog.Attr) slog.Attr {
	last := len(h.open) - 1
	folded := slog.Attr{Key: h.open[last].name, Value: slog.GroupValue(inner...)}
	for i := last - 1; i >= 0; i-- {
		attrs := append(slices.Clone(h.open[i].attrs), folded)
		folded = slog.Attr{Key: h.open[i].name, Value: slog.GroupValue(attrs...)}
	}
	return folded
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	named := *h
	if last := len(h.open) - 1; last >= 0 {
		named.open = slices.Clone(h.open)
		named.open[last].attrs = slices.Concat(h.open[last].attrs, attrs)
		return &named
	}
	rest := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		if a.Key == keyLogger && a.Value.Kind() == slog.KindString {
			named.name = a.Value.String()
			named.node = h.levels.node(named.name)
			continue
		}
		rest = append(rest, h.form.attr(a))
	}
	if len(rest) > 0 {
		named.lines = h.lines.WithAttrs(rest)
	}
	return &named
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	grouped := *h
	grouped.open = append(slices.Clone(h.open), group{name: name})
	return &grouped
}
