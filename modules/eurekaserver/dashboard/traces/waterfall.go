package traces

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Waterfall is a trace as it is drawn: each span below the one that caused it, at its time.
type Waterfall struct {
	Rows     []Row // never none, where the trace has a span
	Start    time.Time
	Duration time.Duration
	Services []string // in the order of the rows
	Errors   int      // spans that failed
}

// Row is a span in its place.
type Row struct {
	*Span
	Depth   int           // below the first row
	Offset  time.Duration // from the start of the waterfall
	Orphan  bool          // the span that caused it is not kept
	Shifted time.Duration // what its clock was corrected by, since it was outside of the call that led to it
	Retry   int           // which one it is; 0 for the first attempt
}

// Arrange puts the spans of a trace in their places. Spans whose cause is not kept, or that are each other's cause, stand at the top.
func Arrange(t Trace) Waterfall {
	a := arrangement{spans: t.Spans, children: make([][]int, len(t.Spans)), done: make([]bool, len(t.Spans))}
	index := t.index()
	var first, others []int
	for i := range t.Spans {
		p, known := index[t.Spans[i].Parent]
		switch {
		case known && p != i:
			a.children[p] = append(a.children[p], i)
		case t.Spans[i].Parent == SpanID{}:
			first = append(first, i)
		default:
			others = append(others, i)
		}
	}
	// What began it all comes first, whatever the clocks of others say; what goes round in circles comes last.
	a.placeAll(first, nil, 0)
	a.placeAll(others, nil, 0)
	for i := range t.Spans {
		a.placeAll([]int{i}, nil, 0)
	}
	return a.whole()
}

// arrangement is a waterfall in the making. Offsets of its rows are times since 1970 until it is whole.
type arrangement struct {
	spans    []Span
	children [][]int
	done     []bool
	rows     []Row
}

// placeAll adds spans, the earliest first, each with all that it led to below it.
func (a *arrangement) placeAll(spans []int, parent *Row, depth int) {
	slices.SortStableFunc(spans, func(i, j int) int { return cmp.Compare(a.spans[i].Start, a.spans[j].Start) })
	for _, i := range spans {
		if a.done[i] {
			continue
		}
		a.done[i] = true
		s := &a.spans[i]
		row := Row{Span: s, Depth: depth, Orphan: parent == nil && s.Parent != SpanID{}, Shifted: skew(s, parent)}
		row.Offset = time.Duration(s.Start) + row.Shifted
		row.Retry, _ = strconv.Atoi(s.Attribute(resendKey))
		a.rows = append(a.rows, row)
		a.placeAll(a.children[i], &row, depth+1)
	}
}

// skew is what a span's clock differs by from that of its parent, as far as one can see: a call cannot be served before it is made, or
// after it has ended.
func skew(s *Span, parent *Row) time.Duration {
	switch {
	case parent == nil:
		return 0
	case parent.Service == s.Service:
		return parent.Shifted // the same clock
	case s.Kind != Server || parent.Kind != Client:
		return 0
	}
	from, to := parent.Offset, parent.Offset+parent.Duration
	if start := time.Duration(s.Start); start >= from && start <= to {
		return 0
	}
	return from + max(0, parent.Duration-s.Duration)/2 - time.Duration(s.Start)
}

func (a *arrangement) whole() Waterfall {
	w := Waterfall{Rows: a.rows}
	if len(a.rows) == 0 {
		return w
	}
	start, end := a.rows[0].Offset, time.Duration(0)
	for _, row := range a.rows {
		start, end = min(start, row.Offset), max(end, row.Offset+row.Duration)
		if row.Failed {
			w.Errors++
		}
		if !slices.Contains(w.Services, row.Service) {
			w.Services = append(w.Services, row.Service)
		}
	}
	for i := range w.Rows {
		w.Rows[i].Offset -= start
	}
	w.Start, w.Duration = time.Unix(0, int64(start)), end-start
	return w
}
