package dashboard_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
)

// span is one that differs from others by its numbers; attributes are pairs.
func span(trace, id, parent int, service, name string, kind traces.Kind, attributes ...string) traces.Span {
	s := traces.Span{Service: service, Name: name, Kind: kind, Start: int64(1_000_000 * id), Duration: 10 * time.Millisecond}
	binary.BigEndian.PutUint64(s.Trace[:], uint64(trace))
	binary.BigEndian.PutUint64(s.ID[:], uint64(id))
	binary.BigEndian.PutUint64(s.Parent[:], uint64(parent))
	for i := 0; i+1 < len(attributes); i += 2 {
		s.Attributes = append(s.Attributes, traces.Attribute{Key: attributes[i], Value: attributes[i+1]})
	}
	return s
}

// now is when all of this happens.
func now() time.Time { return time.Unix(1_700_000_000, 0) }

func withTraces(spans ...traces.Span) (http.Handler, *traces.Store) {
	store := traces.New(10_000, traces.WithClock(now))
	store.Add(spans)
	return dashboard.New(registry.New(registry.DefaultConfig()), dashboard.WithTraces(store), dashboard.WithClock(now)), store
}

func page(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	w := ask(h, "GET", path, nil)
	require.Equal(t, 200, w.Code, path)
	require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	require.NotContains(t, w.Body.String(), "style=", "the policy allows none")
	return w.Body.String()
}

func TestCallsAreShownWhereSpansAreTaken(t *testing.T) {
	off := dashboard.New(registry.New(registry.DefaultConfig()))
	on, _ := withTraces(span(1, 1, 0, "orders", "GET /orders/:id", traces.Server))
	for path, want := range map[string][2]int{
		"/eureka-ui/traces": {404, 200}, "/eureka-ui/traces/": {404, 200}, "/eureka-ui/traces/00000000000000010000000000000000": {404, 200},
		"/eureka-ui/traces/00000000000000020000000000000000": {404, 404}, "/eureka-ui/traces/x": {404, 404}, "/eureka-ui/tracesx": {404, 404},
		"/eureka-ui/traces/00000000000000000000000000000000": {404, 404},
	} {
		require.Equal(t, want[0], ask(off, "GET", path, nil).Code, path)
		require.Equal(t, want[1], ask(on, "GET", path, nil).Code, path)
		require.Equal(t, 405, ask(on, "POST", path, nil).Code, path)
	}
	require.NotContains(t, page(t, off, "/"), "<nav")
	require.Contains(t, page(t, on, "/"), `<a href="eureka-ui/traces">Calls</a>`)
	require.Contains(t, page(t, on, "/eureka-ui/traces"), `href="../eureka-ui/traces/00000000000000010000000000000000"`)
	require.Contains(t, ask(on, "GET", "/eureka-ui/traces/00000000000000020000000000000000", nil).Body.String(), "This trace is not kept")
}

func TestAPageWithoutCallsSaysHowToSendThem(t *testing.T) {
	h, _ := withTraces()
	for asked, want := range map[string]string{
		"/eureka-ui/traces":         "http://localhost:9761/v1/traces",
		"/estate/eureka-ui/traces":  "http://localhost:9761/estate/v1/traces", // behind a context path
		"http://x/eureka-ui/traces": "http://localhost:9761/v1/traces",
	} {
		r := httptest.NewRequest("GET", "http://localhost:9761/eureka-ui/traces", nil)
		r.RequestURI = asked
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Contains(t, w.Body.String(), "opentelemetry.tracing.export.otlp.endpoint: "+want+"</pre>")
	}
}

func TestATraceIsFoundByWhatItTellsWithoutScripts(t *testing.T) {
	bad := span(2, 1, 0, "orders", "GET /orders/:id", traces.Server)
	bad.Failed = true
	h, _ := withTraces(
		span(1, 1, 0, "orders", "GET /orders/:id", traces.Server), span(1, 2, 1, "orders", "GET /stock", traces.Client), span(1, 3, 2, "inventory", "GET /stock", traces.Server),
		bad, span(3, 1, 0, "mailer", "send", traces.Internal))
	for query, want := range map[string]string{"": "321", "q=ORDERS": "21", "q=inventory+orders": "1", "q=0000000000000003": "3", "failed=1": "2", "q=mailer&failed=1": "", "q=<b>": ""} {
		body := page(t, h, "/eureka-ui/traces?"+query)
		found := ""
		for _, row := range strings.Split(body, `<tr role="row" class="row" data-text="`)[1:] {
			found += row[15:16]
		}
		require.Equal(t, want, found, query)
		require.Equal(t, want == "", strings.Contains(body, `<p id="none" class="note">`), query)
	}
	require.Contains(t, page(t, h, "/eureka-ui/traces?failed=1"), `value="1" checked`)
	require.Contains(t, page(t, h, "/eureka-ui/traces"), "orders</bdi> → <bdi>inventory")
}

func TestWhatASpanSendsIsTextAndNeverCode(t *testing.T) {
	const hostile = `"'><script>alert(1)</script>{}`
	s := span(1, 1, 9, hostile, hostile, traces.Client, "url.full", hostile, "server.address", "javascript:"+hostile, "http.response.status_code", hostile)
	s.Failed, s.Message = true, hostile
	h, _ := withTraces(s, span(1, 2, 0, hostile, hostile, traces.Server))
	for _, path := range []string{"/eureka-ui/traces", "/eureka-ui/traces?q=" + url.QueryEscape(hostile), "/eureka-ui/traces/00000000000000010000000000000000"} {
		body := page(t, h, path)
		require.NotContains(t, body, "<script>alert", path)
		require.NotContains(t, body, `"'>`, path)
		require.Contains(t, body, "&lt;script&gt;alert(1)&lt;/script&gt;{}", path)
		require.NotContains(t, body, `="javascript:`, path)
	}
}

func TestPagesOfManyCallsAreBounded(t *testing.T) {
	h, store := withTraces()
	for i := range 500 {
		store.Add([]traces.Span{span(i+1, 1, 0, fmt.Sprint("service-", i), "x", traces.Client, "server.address", fmt.Sprint("host-", i))})
	}
	for i := range 1000 {
		store.Add([]traces.Span{span(1000, i+1, i, "deep", "x", traces.Internal)})
	}
	body := page(t, h, "/eureka-ui/traces")
	require.Contains(t, body, "100 of 501 traces are shown")
	require.Equal(t, 100, strings.Count(body, "data-text="))
	require.Contains(t, body, "100 of 500 are shown")
	require.Contains(t, body, "The drawing shows the 24 services that are called most.")
	require.Equal(t, 24, strings.Count(body, `class="node`))
	require.Equal(t, 1000, strings.Count(page(t, h, "/eureka-ui/traces/"+store.Traces()[0].ID.String()), `class="span"`))
}

func TestCallersInACircleAreDrawn(t *testing.T) {
	call := func(trace int, caller, callee string) []traces.Span {
		return []traces.Span{span(trace, 1, 0, caller, "x", traces.Client), span(trace, 2, 1, callee, "x", traces.Server)}
	}
	h, store := withTraces()
	for i, pair := range []string{"a b", "b c", "c a", "a a", "b a", "a d", "d c"} {
		caller, callee, _ := strings.Cut(pair, " ")
		store.Add(call(i+1, caller, callee))
	}
	body := page(t, h, "/eureka-ui/traces")
	require.Equal(t, 7, strings.Count(body, `class="edge"`))
	require.Equal(t, 4, strings.Count(body, `class="node`))
	var at []string
	for _, name := range []string{"a", "b", "d", "c"} {
		_, after, _ := strings.Cut(body, `aria-label="Traces of `+name+`"`)
		_, after, _ = strings.Cut(after, `<rect x="`)
		x, _, _ := strings.Cut(after, `"`)
		at = append(at, x)
	}
	require.Equal(t, []string{"24", "279", "279", "534"}, at, "callers stand to the left, but for one call of a circle")
	require.Equal(t, body, page(t, h, "/eureka-ui/traces"), "the same calls make the same drawing")
}

func TestFiguresOnLinesThatCrossStandApart(t *testing.T) {
	h, store := withTraces()
	n := 0
	for _, caller := range []string{"a", "b", "c"} {
		for _, callee := range []string{"x", "y", "z"} {
			n++
			call := span(n, 1, 0, caller, "get", traces.Client)
			call.Failed = n%2 == 0
			store.Add([]traces.Span{call, span(n, 2, 1, callee, "get", traces.Server)})
		}
	}
	body := page(t, h, "/eureka-ui/traces")
	var at [][2]int
	for _, match := range regexp.MustCompile(`<text class="figure(?: bad)?" x="(\d+)" y="(\d+)">`).FindAllStringSubmatch(body, -1) {
		x, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		y, err := strconv.Atoi(match[2])
		require.NoError(t, err)
		at = append(at, [2]int{x, y})
	}
	require.Len(t, at, 9+4)
	for i, one := range at {
		for _, other := range at[i+1:] {
			require.False(t, max(one[0]-other[0], other[0]-one[0]) < 80 && max(one[1]-other[1], other[1]-one[1]) < 13, "%v and %v of %v", one, other, at)
		}
	}
}

func TestFiguresOfCallsAreRead(t *testing.T) {
	h, store := withTraces()
	for i := range 300 {
		s := span(i+1, 1, 0, "orders", "GET /", traces.Server)
		s.Start, s.Duration, s.Failed = now().Add(-100*time.Second).UnixNano(), time.Duration(i+1)*time.Millisecond, i == 0
		store.Add([]traces.Span{s})
	}
	body := page(t, h, "/eureka-ui/traces")
	for _, want := range []string{
		"Requests from outside</dt><dd>3.0/s", "Calls between services</dt><dd>0/s", "Failed</dt><dd>&lt; 1 %", "300 <small>spans of 300 traces, 1 min",
		`>3.0/s · 150 ms</text>`, `data-label="Number">300<`, `data-label="95 %">285 ms<`,
	} {
		require.Contains(t, body, want)
	}
}

func TestAWaterfallShowsItsSpans(t *testing.T) {
	failed := span(1, 2, 1, "orders", "GET /stock/{sku}", traces.Client, "http.response.status_code", "503")
	failed.Failed, failed.Message = true, "no stock"
	late := span(1, 9, 8, "mailer", "send", traces.Internal)
	h, _ := withTraces(span(1, 1, 0, "orders", "GET /orders/:id", traces.Server), failed,
		span(1, 3, 1, "orders", "GET /stock/{sku}", traces.Client, "http.request.resend_count", "1", "archimedes.instance.id", "inventory-2"), late)
	body := page(t, h, "/eureka-ui/traces/00000000000000010000000000000000")
	for _, want := range []string{
		"<title>orders GET /orders/:id</title>", ">1 error<", "in0", "in1", ">retry 1<", "error 503", "no stock", "inventory-2", "0000000000000008, which is not kept",
		`<rect x="0" width="555" height="1"/>`, `<rect x="444" width="555" height="1"/>`, "<dd>18.0 ms</dd>",
	} {
		require.Contains(t, body, want)
	}
}

func TestAPageHearsOfNewSpansAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, store := withTraces()
		follow := func(path string) (chan string, func()) {
			f := flow{http.Header{}, make(chan string, 100)}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				h.ServeHTTP(f, httptest.NewRequest("GET", path, nil).WithContext(ctx))
			}()
			<-f.frames // what the page began with
			return f.frames, func() { cancel(); <-done }
		}
		all, stopAll := follow("/eureka-ui/traces/events")
		one, stopOne := follow("/eureka-ui/traces/events?of=00000000000000010000000000000000")
		synctest.Wait()
		for i := range 1000 { // ten seconds of spans, of which one trace gets one
			store.Add([]traces.Span{span(i+1, 1, 0, "orders", "x", traces.Server)})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		require.InDelta(t, 11, len(all), 1)
		require.Len(t, one, 1)
		require.Equal(t, "data: 1\n\n", <-one)
		require.Contains(t, page(t, h, "/eureka-ui/traces"), `data-version="`+last(all)+`"`)
		require.Contains(t, page(t, h, "/eureka-ui/traces/00000000000000010000000000000000"), `data-version="1"`)
		stopAll()
		stopOne()
	})
}

func BenchmarkCallsPage(b *testing.B) {
	h, store := withTraces()
	for i := range 3333 {
		store.Add([]traces.Span{
			span(i+1, 1, 0, "orders", "GET /orders/:id", traces.Server), span(i+1, 2, 1, "orders", "GET /stock", traces.Client),
			span(i+1, 3, 2, "inventory", "GET /stock", traces.Server),
		})
	}
	for b.Loop() {
		ask(h, "GET", "/eureka-ui/traces", nil)
	}
}
