package traces

import (
	"errors"
	"time"
)

// batch is what one request brings.
type batch struct {
	max      int // spans that are taken; what is beyond would push out what was just taken
	spans    []Span
	rejected int               // spans without an identity, or beyond max
	known    map[string]string // text that comes again and again is kept once
}

func newBatch(max int) *batch { return &batch{max: max, known: map[string]string{}} }

var errSpan = errors.New("a span is not what OTLP says it is")

// text returns a copy of bytes that is fit to be kept.
func (b *batch) text(raw []byte, max int) string {
	if len(raw) > maxText { // seldom the same again
		return tidy(string(raw), max)
	}
	if text, ok := b.known[string(raw)]; ok {
		return text
	}
	text := tidy(string(raw), max)
	if len(b.known) < 1024 {
		b.known[string(raw)] = text
	}
	return text
}

// reading is a span of which not everything has been read.
type reading struct {
	Span
	start, end uint64
	traceID    bool // its trace has an identity
	spanID     bool
}

// keep keeps an attribute if it is one that is shown. A program's name is the service of its spans.
func (b *batch) keep(s *Span, key, value []byte, program bool) {
	switch {
	case len(value) == 0:
		return
	case program && string(key) == "service.name":
		s.Service = b.text(value, maxText)
		return
	case len(s.Attributes) == maxAttributes || !kept[string(key)]:
		return
	}
	if s.Attributes == nil {
		s.Attributes = make([]Attribute, 0, 8)
	}
	limit := maxText
	if string(key) == "exception.message" {
		limit = maxMessage
	}
	s.Attributes = append(s.Attributes, Attribute{b.text(key, maxText), b.text(value, limit)})
}

// add takes a span that was read whole.
func (b *batch) add(s *reading) {
	if !s.traceID || !s.spanID || len(b.spans) == b.max {
		b.rejected++
		return
	}
	s.Start = clamp(s.start)
	s.Duration = time.Duration(max(0, clamp(s.end)-s.Start))
	if s.Service == "" {
		s.Service = "unknown_service"
	}
	if s.Name == "" {
		s.Name = "unnamed"
	}
	b.spans = append(b.spans, s.Span)
}

// clamp keeps sums of times within an int64: the year 2116 is far enough.
func clamp(nanos uint64) int64 { return int64(min(nanos, 1<<62)) }

// identity reads a trace or span id that comes as bytes, and reports whether it is one.
func identity(into, from []byte) bool {
	if len(from) != len(into) {
		clear(into)
		return false
	}
	copy(into, from)
	for _, b := range from {
		if b != 0 {
			return true
		}
	}
	return false
}
