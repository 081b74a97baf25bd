package traces

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Graph is who calls whom, as far as spans tell.
type Graph struct {
	Edges  []Edge        // the most used first
	Window time.Duration // that rates are about: since the oldest call that is kept; at least a second
}

// Edge is all calls of one service by another. Errors and times are what the caller saw.
type Edge struct {
	Caller   string // "" for one that sends no spans
	Callee   string
	Traced   bool // the callee sends spans
	Calls    int
	Errors   int
	P50, P95 time.Duration
}

// Calls finds the calls in traces: each CLIENT span that led to a SERVER span of another program or, where that sends none, to what its
// attributes name; and each SERVER span that nobody known called.
func Calls(all []Trace, now time.Time) Graph {
	found := calls{names: map[string]string{}, edges: map[[2]string]*edge{}}
	oldest := now.Add(-time.Second)
	for _, t := range all {
		for i := range t.Spans {
			found.names[strings.ToLower(t.Spans[i].Service)] = t.Spans[i].Service
		}
		if begun := t.begun(); begun.Before(oldest) {
			oldest = begun
		}
	}
	for _, t := range all {
		found.add(t)
	}
	g := Graph{Window: now.Sub(oldest)}
	for names, e := range found.edges {
		slices.Sort(e.times)
		_, traced := found.names[strings.ToLower(names[1])]
		g.Edges = append(g.Edges, Edge{names[0], names[1], traced, len(e.times), e.errors, share(e.times, 50), share(e.times, 95)})
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee))
	})
	return g
}

// begun is when a trace began, or when it came where what its spans say cannot be.
func (t Trace) begun() time.Time {
	begun := t.Received
	for i := range t.Spans {
		if at := time.Unix(0, t.Spans[i].Start); at.Before(begun) && t.Received.Sub(at) < time.Hour {
			begun = at
		}
	}
	return begun
}

// share is the time that so many percent of calls stayed within.
func share(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

type calls struct {
	names map[string]string // of services that send spans, by their names in lower case
	edges map[[2]string]*edge
}

type edge struct {
	times  []time.Duration
	errors int
}

func (c *calls) add(t Trace) {
	index := t.index()
	led := make([]bool, len(t.Spans)) // to a span that tells more of the call
	for i := range t.Spans {
		s := &t.Spans[i]
		p, known := index[s.Parent]
		switch {
		case s.Kind.serves() && !known:
			c.call("", s.Service, s.Duration, s.Failed)
		case s.Kind.serves() && t.Spans[p].Kind.calls():
			led[p] = true
			by := &t.Spans[p]
			c.call(by.Service, s.Service, by.Duration, by.Failed || s.Failed)
		case s.Kind.serves() && t.Spans[p].Service != s.Service:
			c.call(t.Spans[p].Service, s.Service, s.Duration, s.Failed)
		case s.Kind.calls() && known && p != i && t.Spans[p].Kind.calls() && t.Spans[p].Service == s.Service:
			led[p] = true // such as a call around its attempts
		}
	}
	for i := range t.Spans {
		if s := &t.Spans[i]; s.Kind.calls() && !led[i] {
			if callee := c.callee(s); callee != "" {
				c.call(s.Service, callee, s.Duration, s.Failed)
			}
		}
	}
}

// callee is who a CLIENT span says it called.
func (c *calls) callee(s *Span) string {
	for _, key := range calleeKeys {
		if name := s.Attribute(key); name != "" {
			if known, ok := c.names[strings.ToLower(name)]; ok {
				return known
			}
			return name
		}
	}
	return ""
}

func (c *calls) call(caller, callee string, took time.Duration, failed bool) {
	names := [2]string{caller, callee}
	e := c.edges[names]
	if e == nil {
		e = &edge{}
		c.edges[names] = e
	}
	e.times = append(e.times, took)
	if failed {
		e.errors++
	}
}

// index is where each span of a trace is.
func (t Trace) index() map[SpanID]int {
	index := make(map[SpanID]int, len(t.Spans))
	for i := range t.Spans {
		index[t.Spans[i].ID] = i
	}
	return index
}
