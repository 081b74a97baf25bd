package traces

import (
	"strconv"
	"sync"
	"time"
)

const (
	spanBytes     = 2048    // that a span may take on average
	leastBytes    = 1 << 20 // that a store may take, however few spans it keeps
	spansOfTrace  = 1000    // of one trace that are kept
	spanOverhead  = 300     // bytes that a span takes beside its text, with room for the next ones of its trace
	traceOverhead = 250
)

// Store keeps the latest spans: at most so many, in at most 2 KB for each (1 MB at least), and 1000 of one trace. What is too much
// makes the trace leave that came first. It is safe for concurrent use.
type Store struct {
	spans, bytes int // that may be kept
	now          func() time.Time

	mu          sync.Mutex
	traces      map[ID]*entry
	first, last *entry // in the order in which they came
	held, size  int
	version     uint64
	news        chan struct{} // nil: nobody waits
}

// entry is a trace as it is kept.
type entry struct {
	Trace
	size int
	next *entry
}

// Trace is what is known of one: its spans, in the order in which they came.
type Trace struct {
	ID       ID
	Received time.Time // when its first span came
	Spans    []Span
	Left     int // spans that came when there was no room for more of this trace
}

// Option adjusts a [Store].
type Option func(*Store)

// WithClock sets what the time is. Default: time.Now.
func WithClock(now func() time.Time) Option { return func(s *Store) { s.now = now } }

// New returns a store of so many spans. It starts nothing.
func New(spans int, opts ...Option) *Store {
	s := &Store{spans: spans, bytes: max(leastBytes, spans*spanBytes), now: time.Now, traces: map[ID]*entry{}}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Add keeps spans. A span that is there already, since its exporter was not sure, is not kept twice.
func (s *Store) Add(spans []Span) {
	if len(spans) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for i := range spans {
		s.add(spans[i], now)
	}
	s.version++
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
}

func (s *Store) add(span Span, now time.Time) {
	e := s.traces[span.Trace]
	if e == nil {
		e = &entry{Trace: Trace{ID: span.Trace, Received: now}, size: traceOverhead}
		s.traces[e.ID] = e
		if s.last == nil {
			s.first = e
		} else {
			s.last.next = e
		}
		s.last = e
		s.size += e.size
	}
	for i := len(e.Spans) - 1; i >= 0; i-- { // one that comes again comes soon
		if e.Spans[i].ID == span.ID {
			return
		}
	}
	size := span.size()
	if len(e.Spans) >= min(spansOfTrace, s.spans) || e.size+size > s.bytes/2 {
		e.Left++
		return
	}
	e.Spans = append(e.Spans, span)
	e.size += size
	s.size += size
	for s.held++; s.held > s.spans || s.size > s.bytes; {
		s.drop()
	}
}

// drop forgets the trace that came first.
func (s *Store) drop() {
	e := s.first
	if s.first = e.next; s.first == nil {
		s.last = nil
	}
	delete(s.traces, e.ID)
	s.held -= len(e.Spans)
	s.size -= e.size
}

func (s *Span) size() int {
	n := spanOverhead + len(s.Service) + len(s.Name) + len(s.Message)
	for _, a := range s.Attributes {
		n += 32 + len(a.Key) + len(a.Value)
	}
	return n
}

// Traces returns what is kept, the trace that came last first. What it returns does not change.
func (s *Store) Traces() []Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Trace, len(s.traces))
	at := len(all)
	for e := s.first; e != nil; e = e.next {
		at--
		all[at] = e.seen()
	}
	return all
}

// Trace returns one trace as it is now, if it is kept. What it returns does not change.
func (s *Store) Trace(id ID) (Trace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.traces[id]
	if e == nil {
		return Trace{}, false
	}
	return e.seen(), true
}

// seen shares the spans, which only others are added behind.
func (e *entry) seen() Trace {
	t := e.Trace
	t.Spans = t.Spans[:len(t.Spans):len(t.Spans)]
	return t
}

// Version changes when spans are added.
func (s *Store) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strconv.FormatUint(s.version, 36)
}

// News returns a channel that is closed when spans are added.
func (s *Store) News() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.news == nil {
		s.news = make(chan struct{})
	}
	return s.news
}

// Size returns how many spans are kept, and in about how many bytes.
func (s *Store) Size() (spans, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.size
}
