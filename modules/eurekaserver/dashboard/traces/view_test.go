package traces_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

// piece is a span in few words: times in milliseconds, attributes as key=value.
type piece struct {
	id, parent int
	service    string
	kind       traces.Kind
	start, end int
	failed     bool
	attributes string
}

var epoch = time.Unix(1_700_000_000, 0)

// whole is a trace of pieces.
func whole(id int, pieces ...piece) traces.Trace {
	t := traces.Trace{ID: span(id, 0).Trace, Received: epoch.Add(time.Second)}
	for _, p := range pieces {
		s := span(id, p.id)
		s.Parent = span(id, p.parent).ID
		s.Service, s.Kind, s.Failed, s.Name = p.service, p.kind, p.failed, fmt.Sprint("span ", p.id)
		s.Start, s.Duration = epoch.Add(time.Duration(p.start)*time.Millisecond).UnixNano(), time.Duration(p.end-p.start)*time.Millisecond
		for _, pair := range strings.Fields(p.attributes) {
			key, value, _ := strings.Cut(pair, "=")
			s.Attributes = append(s.Attributes, traces.Attribute{Key: key, Value: value})
		}
		t.Spans = append(t.Spans, s)
	}
	return t
}

func TestCallsAreCountedBetweenServices(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []piece
		want   []string // caller, callee, whether it is traced, calls, errors, median
	}{
		"a call": {[]piece{
			{id: 1, service: "orders", kind: traces.Server, end: 10},
			{id: 2, parent: 1, service: "orders", kind: traces.Client, start: 1, end: 9},
			{id: 3, parent: 2, service: "inventory", kind: traces.Server, start: 2, end: 8},
		}, []string{" orders true 1 0 10ms", "orders inventory true 1 0 8ms"}},
		"whatever comes first": {[]piece{
			{id: 3, parent: 2, service: "inventory", kind: traces.Server, start: 2, end: 8},
			{id: 2, parent: 1, service: "orders", kind: traces.Client, start: 1, end: 9},
		}, []string{"orders inventory true 1 0 8ms"}},
		"a retry, the first of which reached nobody": {[]piece{
			{id: 2, service: "orders", kind: traces.Client, end: 1, failed: true, attributes: "archimedes.service=INVENTORY"},
			{id: 3, service: "orders", kind: traces.Client, start: 1, end: 4, attributes: "archimedes.service=inventory"},
			{id: 4, parent: 3, service: "inventory", kind: traces.Server, start: 2, end: 3},
		}, []string{"orders inventory true 2 1 1ms"}},
		"one who sends no spans": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 3, attributes: "server.address=mail.example"},
			{id: 2, service: "orders", kind: traces.Client, end: 5, attributes: "server.address=10.0.0.1 archimedes.service=stock"},
			{id: 3, service: "orders", kind: traces.Client, end: 5},
		}, []string{"orders mail.example false 1 0 3ms", "orders stock false 1 0 5ms"}},
		"an error that only the callee tells": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 3},
			{id: 2, parent: 1, service: "stock", kind: traces.Server, end: 3, failed: true},
		}, []string{"orders stock true 1 1 3ms"}},
		"itself": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 3},
			{id: 2, parent: 1, service: "orders", kind: traces.Server, end: 3},
		}, []string{"orders orders true 1 0 3ms"}},
		"a message": {[]piece{
			{id: 1, service: "orders", kind: traces.Producer, end: 3, attributes: "server.address=broker"},
			{id: 2, parent: 1, service: "mailer", kind: traces.Consumer, start: 50, end: 60},
		}, []string{"orders mailer true 1 0 3ms"}},
		"a caller that tells of its work only": {[]piece{
			{id: 1, service: "orders", kind: traces.Internal, end: 9},
			{id: 2, parent: 1, service: "stock", kind: traces.Server, end: 3},
			{id: 3, parent: 2, service: "stock", kind: traces.Server, end: 2},
		}, []string{"orders stock true 1 0 3ms"}},
		"a call around its attempts": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 9, attributes: "server.address=stock"},
			{id: 2, parent: 1, service: "orders", kind: traces.Client, end: 8, attributes: "server.address=stock"},
		}, []string{"orders stock false 1 0 8ms"}},
		"its own cause": {[]piece{
			{id: 1, parent: 1, service: "orders", kind: traces.Client, end: 9, attributes: "server.address=stock"},
		}, []string{"orders stock false 1 0 9ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range traces.Calls([]traces.Trace{whole(1, c.pieces...)}, epoch.Add(time.Minute)).Edges {
				got = append(got, fmt.Sprint(e.Caller, " ", e.Callee, " ", e.Traced, " ", e.Calls, " ", e.Errors, " ", e.P50))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestRatesAndTimesAreThoseOfAllThatIsKept(t *testing.T) {
	var all []traces.Trace
	for i := range 100 {
		all = append(all, whole(i+1, piece{id: 1, service: "orders", kind: traces.Server, end: i + 1, failed: i%4 == 0}))
	}
	g := traces.Calls(all, epoch.Add(50*time.Second))
	require.Equal(t, 50*time.Second, g.Window)
	require.Equal(t, []traces.Edge{{Callee: "orders", Traced: true, Calls: 100, Errors: 25, P50: 50 * time.Millisecond, P95: 95 * time.Millisecond}}, g.Edges)
	require.Equal(t, time.Second, traces.Calls(nil, epoch).Window, "never nothing")
	old := whole(1, piece{id: 1, service: "orders", kind: traces.Server})
	old.Spans[0].Start = 0 // a clock that was never set
	require.Equal(t, 49*time.Second, traces.Calls([]traces.Trace{old}, epoch.Add(50*time.Second)).Window)
}

// drawn is a waterfall in few words.
func drawn(w traces.Waterfall) (rows []string) {
	for _, r := range w.Rows {
		row := fmt.Sprint(strings.Repeat("  ", r.Depth), r.Name, " at ", r.Offset, " for ", r.Duration)
		if r.Orphan {
			row += ", orphan"
		}
		if r.Shifted != 0 {
			row += fmt.Sprint(", shifted by ", r.Shifted)
		}
		if r.Retry > 0 {
			row += fmt.Sprint(", retry ", r.Retry)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestAWaterfallPutsEachSpanBelowItsCause(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []piece
		want   []string
	}{
		"a call with a retry": {[]piece{
			{id: 4, parent: 3, service: "inventory", kind: traces.Server, start: 5, end: 8},
			{id: 3, parent: 1, service: "orders", kind: traces.Client, start: 4, end: 9, attributes: "http.request.resend_count=1"},
			{id: 2, parent: 1, service: "orders", kind: traces.Client, start: 1, end: 3},
			{id: 1, service: "orders", kind: traces.Server, end: 10},
		}, []string{"span 1 at 0s for 10ms", "  span 2 at 1ms for 2ms", "  span 3 at 4ms for 5ms, retry 1", "    span 4 at 5ms for 3ms"}},
		"a cause that is not kept": {[]piece{
			{id: 3, parent: 9, service: "a", start: 1, end: 2}, {id: 2, parent: 1, service: "a", end: 1}, {id: 1, service: "a", start: 3, end: 4},
		}, []string{"span 1 at 3ms for 1ms", "  span 2 at 0s for 1ms", "span 3 at 1ms for 1ms, orphan"}},
		"circles": {[]piece{
			{id: 1, parent: 2, service: "a", end: 1}, {id: 2, parent: 3, service: "a", end: 1}, {id: 3, parent: 1, service: "a", end: 1}, {id: 4, parent: 4, service: "a", end: 1},
		}, []string{"span 4 at 0s for 1ms, orphan", "span 1 at 0s for 1ms, orphan", "  span 3 at 0s for 1ms", "    span 2 at 0s for 1ms"}},
		"a clock that is behind": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, start: 100, end: 110},
			{id: 2, parent: 1, service: "stock", kind: traces.Server, start: 0, end: 6},
			{id: 3, parent: 2, service: "stock", kind: traces.Internal, start: 1, end: 2},
			{id: 4, parent: 2, service: "stock", kind: traces.Client, start: 2, end: 4},
			{id: 5, parent: 4, service: "orders", kind: traces.Server, start: 105, end: 106},
		}, []string{"span 1 at 0s for 10ms", "  span 2 at 2ms for 6ms, shifted by 102ms", "    span 3 at 3ms for 1ms, shifted by 102ms", "    span 4 at 4ms for 2ms, shifted by 102ms", "      span 5 at 5ms for 1ms"}},
		"a clock that is ahead, and a longer span": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 10},
			{id: 2, parent: 1, service: "stock", kind: traces.Server, start: 500, end: 520},
		}, []string{"span 1 at 0s for 10ms", "  span 2 at 0s for 20ms, shifted by -500ms"}},
		"a message that waits is no skew": {[]piece{
			{id: 1, service: "orders", kind: traces.Producer, end: 1}, {id: 2, parent: 1, service: "mailer", kind: traces.Consumer, start: 500, end: 520},
		}, []string{"span 1 at 0s for 1ms", "  span 2 at 500ms for 20ms"}},
		"an answer after the caller left is none": {[]piece{
			{id: 1, service: "orders", kind: traces.Client, end: 10}, {id: 2, parent: 1, service: "stock", kind: traces.Server, start: 5, end: 500},
		}, []string{"span 1 at 0s for 10ms", "  span 2 at 5ms for 495ms"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, drawn(traces.Arrange(whole(1, c.pieces...)))) })
	}
}

func TestAWaterfallTellsOfTheWhole(t *testing.T) {
	w := traces.Arrange(whole(1,
		piece{id: 1, service: "orders", kind: traces.Server, start: 5, end: 30, failed: true},
		piece{id: 2, parent: 1, service: "orders", kind: traces.Client, start: 6, end: 40},
		piece{id: 3, parent: 2, service: "stock", kind: traces.Server, start: 7, end: 9, failed: true}))
	require.Equal(t, epoch.Add(5*time.Millisecond).UnixNano(), w.Start.UnixNano())
	require.Equal(t, 35*time.Millisecond, w.Duration)
	require.Equal(t, []string{"orders", "stock"}, w.Services)
	require.Equal(t, 2, w.Errors)
	require.Empty(t, traces.Arrange(traces.Trace{}).Rows)
}

func TestAnyTraceIsDrawnWithEachSpanOnceWithinItsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var one traces.Trace
		for i := range rapid.IntRange(1, 40).Draw(t, "spans") {
			s := span(1, i+1)
			s.Parent = span(1, rapid.IntRange(0, 45).Draw(t, "parent")).ID
			s.Service = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "service")
			s.Kind = traces.Kind(rapid.IntRange(0, 5).Draw(t, "kind"))
			s.Start = rapid.Int64Range(0, 1<<62).Draw(t, "start")
			s.Duration = time.Duration(rapid.Int64Range(0, 1<<62-s.Start).Draw(t, "duration"))
			one.Spans = append(one.Spans, s)
		}
		w := traces.Arrange(one)
		seen := map[traces.SpanID]bool{}
		for _, r := range w.Rows {
			require.False(t, seen[r.ID])
			seen[r.ID] = true
			require.GreaterOrEqual(t, r.Offset, time.Duration(0))
			require.LessOrEqual(t, r.Offset+r.Duration, w.Duration)
		}
		require.Len(t, seen, len(one.Spans))
		traces.Calls([]traces.Trace{one}, epoch)
	})
}

func TestADeepTraceIsDrawn(t *testing.T) {
	store := traces.New(10_000)
	for i := range 1000 {
		s := span(1, i+1)
		s.Parent = span(1, i).ID
		store.Add([]traces.Span{s})
	}
	w := traces.Arrange(store.Traces()[0])
	require.Equal(t, 999, w.Rows[999].Depth)
}

func BenchmarkCalls(b *testing.B) {
	var all []traces.Trace
	for i := range 3334 {
		all = append(all, whole(i+1,
			piece{id: 1, service: "orders", kind: traces.Server, end: 10},
			piece{id: 2, parent: 1, service: "orders", kind: traces.Client, start: 1, end: 9},
			piece{id: 3, parent: 2, service: "inventory", kind: traces.Server, start: 2, end: 8}))
	}
	b.ReportAllocs()
	for b.Loop() {
		traces.Calls(all, epoch)
	}
}
