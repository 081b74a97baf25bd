package eurekaserver_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/starter"
)

// shop is an estate whose spans are told to a server.
type shop struct {
	t      *testing.T
	server *apptest.App
	begun  time.Time
}

// one is a span in few words: times in microseconds after the beginning, attributes as key=value.
type one struct {
	id, parent byte
	service    string
	kind       trace.Span_SpanKind
	name       string
	start, end int
	failure    string
	attributes string
}

const (
	serves = trace.Span_SPAN_KIND_SERVER
	asks   = trace.Span_SPAN_KIND_CLIENT
)

func newShop(t *testing.T) *shop {
	t.Helper()
	return &shop{t, apptest.Start(t, starter.EurekaServer, apptest.YAML("eureka.dashboard.traces: true")), time.Now().Add(-30 * time.Second)}
}

// tell exports a trace, each service for itself, and returns its id.
func (s *shop) tell(number byte, spans ...one) string {
	s.t.Helper()
	id := bytes.Repeat([]byte{number}, 16)
	for _, o := range spans {
		out := &trace.Span{
			TraceId: id, SpanId: []byte{0, 0, 0, 0, 0, 0, 0, o.id}, Name: o.name, Kind: o.kind,
			StartTimeUnixNano: uint64(s.begun.Add(time.Duration(o.start) * time.Microsecond).UnixNano()), EndTimeUnixNano: uint64(s.begun.Add(time.Duration(o.end) * time.Microsecond).UnixNano()),
		}
		if o.parent > 0 {
			out.ParentSpanId = []byte{0, 0, 0, 0, 0, 0, 0, o.parent}
		}
		if o.failure != "" {
			out.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: o.failure}
		}
		for _, pair := range strings.Fields(o.attributes) {
			key, value, _ := strings.Cut(pair, "=")
			out.Attributes = append(out.Attributes, &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}})
		}
		body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
			Resource:   &resource.Resource{Attributes: []*common.KeyValue{{Key: "service.name", Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: o.service}}}}},
			ScopeSpans: []*trace.ScopeSpans{{Spans: []*trace.Span{out}}},
		}}})
		require.NoError(s.t, err)
		status, _, text := ask(s.t, "POST", s.server.URL+"/v1/traces", string(body), "Content-Type", "application/x-protobuf")
		require.Equal(s.t, http.StatusOK, status, text)
	}
	return strings.Repeat(fmt.Sprintf("%02x", number), 16)
}

// order is a request that went through five services, with a retry.
func (s *shop) order(number byte) string {
	return s.tell(number,
		one{1, 0, "gateway", serves, "GET /shop/:id", 0, 48_200, "", "http.request.method=GET http.route=/shop/:id http.response.status_code=200 url.path=/shop/7"},
		one{2, 1, "gateway", asks, "GET /orders/{id}", 900, 47_000, "", "archimedes.service=orders archimedes.instance.id=localhost:orders:8080 http.response.status_code=200"},
		one{3, 2, "orders", serves, "GET /orders/:id", 1_600, 46_100, "", "http.route=/orders/:id http.response.status_code=200"},
		one{4, 3, "orders", asks, "GET /stock/{sku}", 2_400, 9_000, "status 503", "archimedes.service=inventory archimedes.instance.id=localhost:inventory:8091 http.response.status_code=503 error.type=503 url.full=http://127.0.0.1:8091/stock/7?key=hidden"},
		one{5, 4, "inventory", serves, "GET /stock/:sku", 3_000, 8_200, "the stock is being counted", "http.response.status_code=503"},
		one{6, 3, "orders", asks, "GET /stock/{sku}", 9_300, 21_000, "", "archimedes.service=inventory archimedes.instance.id=localhost:inventory:8092 http.request.resend_count=1 http.response.status_code=200"},
		one{7, 6, "inventory", serves, "GET /stock/:sku", 10_000, 20_100, "", "http.response.status_code=200"},
		one{8, 7, "inventory", asks, "SELECT stock", 11_000, 19_000, "", "db.system.name=postgresql server.address=postgres"},
		one{9, 3, "orders", asks, "POST /prices", 21_500, 44_000, "", "archimedes.service=prices http.response.status_code=200"},
		one{10, 9, "prices", serves, "POST /prices", 22_400, 43_000, "", "http.response.status_code=200"},
		one{11, 10, "prices", asks, "GET /rates", 24_000, 41_000, "", "server.address=rates.example http.response.status_code=200"},
		one{12, 1, "gateway", asks, "GET /prices/{id}", 47_100, 47_900, "", "archimedes.service=prices http.response.status_code=200"},
	)
}

func inTheDark(ctx context.Context, tab *chromedp.Target) error {
	_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	return err
}

const (
	isLive   = `document.getElementById("live")?.textContent === "Live"`
	rowCount = `document.querySelectorAll("tr[data-text]").length`
	rowsSeen = `[...document.querySelectorAll("tr[data-text]")].filter(r => !r.hidden && !r.parentElement.hidden).length`
	drawnOne = `[...document.querySelectorAll(".span")].map(li => li.querySelector(".what").className.match(/in(\d+)/)[1] + " " + li.querySelector(".who").textContent).join(", ")`
)

func TestABrowserShowsWhoCallsWhomAndFollows(t *testing.T) {
	s := newShop(t)
	b := open(t, s.server.URL+"/eureka-ui/traces")
	b.until(isLive)
	require.Contains(t, b.say(`document.querySelector("pre").textContent`), "/v1/traces", "how to begin")
	s.order(1)
	b.until(rowCount + ` === 1`) // by itself
	for n := byte(2); n <= 20; n++ {
		s.order(n)
	}
	s.tell(21, one{1, 0, "orders", serves, "GET /actuator/health", 0, 900, "", ""})
	b.until(rowCount + ` === 21`)
	require.Equal(t, "true", b.say(`[...document.querySelectorAll(".edges tbody tr")].map(r => r.cells[0].textContent + "|" + r.cells[1].textContent).includes("orders → inventory|40")`))
	require.Equal(t, "true", b.say(`[...document.querySelectorAll(".edges tbody tr")].some(r => r.textContent.includes("orders → inventory") && r.textContent.includes("50 %"))`))
	require.Equal(t, "true", b.say(`[...document.querySelectorAll(".edges tbody tr")].some(r => r.textContent.includes("rates.example not traced"))`))
	require.Equal(t, "7", b.say(`document.querySelectorAll(".graph .node").length`), "four services, two that are not traced, and the outside")
	b.picture("calls-light-1280")
	b.say(`q.focus()`)
	b.do(chromedp.KeyEvent("actuator"))
	b.until(rowsSeen + ` === 1`)
	b.say(`(q.value = "", q.dispatchEvent(new Event("input")))`)
	b.until(rowsSeen + ` === 21`)
	b.say(`document.querySelector("[name=failed]").click()`)
	b.until(rowCount + ` === 20`)
	require.Contains(t, b.say(`location.href`), "failed=1")
	b.say(`document.querySelector("a.node[aria-label='Traces of prices']").focus()`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.search === "?q=prices" && ` + isLive)
	b.until(rowsSeen + ` === 20`)
	b.do(chromedp.Navigate(s.server.URL+"/"), chromedp.Func(inTheDark))
	b.until(isLive)
	require.Equal(t, "Registry", b.say(`document.querySelector("nav [aria-current]").textContent`))
	b.do(chromedp.Navigate(s.server.URL + "/eureka-ui/traces"))
	b.until(isLive)
	b.picture("calls-dark-1280")
	b.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile), chromedp.Reload())
	b.until(isLive)
	require.Equal(t, "true", b.say(noSlide), "nothing is wider than the phone")
	b.picture("calls-dark-375")
}

func TestABrowserShowsAWaterfallByKeyboardAlone(t *testing.T) {
	s := newShop(t)
	id := s.order(7)
	b := open(t, s.server.URL+"/eureka-ui/traces?q=shop")
	b.until(isLive)
	b.say(`document.querySelector("tr[data-text] a").focus()`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`location.pathname === "/eureka-ui/traces/` + id + `" && ` + isLive)
	require.Equal(t, "0 gateway, 1 gateway, 2 orders, 3 orders, 4 inventory, 3 orders, 4 inventory, 5 inventory, 3 orders, 4 prices, 5 prices, 1 gateway", b.say(drawnOne))
	require.Equal(t, "retry 1", b.say(`document.querySelectorAll(".span")[5].querySelector(".status").textContent`), "beside the first attempt")
	require.Equal(t, "error 503", b.say(`document.querySelectorAll(".span")[3].querySelector(".status").textContent`))
	// Bars stand where their times are, from the first to the last pixel of the axis.
	place := func(i int) string {
		return b.say(fmt.Sprintf(`(() => { const whole = document.querySelectorAll(".bar")[0].getBoundingClientRect(), r = document.querySelectorAll(".bar rect")[%d].getBoundingClientRect();
			return [(r.left - whole.left) / whole.width, r.width / whole.width].map(x => Math.round(x * 100)).join(" ") })()`, i))
	}
	require.Equal(t, "0 100", place(0))
	require.Equal(t, "19 24", place(5), "9.3 to 21.0 of 48.2 ms")
	require.Equal(t, "98 2", place(11))
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)) // over the link that skips
	b.until(`document.activeElement.id === "spans"`)
	for range 4 {
		b.do(chromedp.KeyEvent(kb.Tab))
	}
	require.NotEqual(t, "none", b.say(`getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelectorAll(".span")[3].querySelector("details").open`)
	about := b.say(`document.querySelectorAll(".span")[3].querySelector(".about").textContent`)
	require.Contains(t, about, "http://127.0.0.1:8091/stock/7")
	require.NotContains(t, about, "hidden", "a query may be secret")
	b.picture("trace-light-1280")
	s.tell(7, one{40, 10, "prices", trace.Span_SPAN_KIND_INTERNAL, "round", 41_500, 42_500, "", ""})
	b.until(`document.querySelectorAll(".span").length === 13`) // a late span comes by itself
	require.Equal(t, "true", b.say(`document.querySelectorAll(".span")[3].querySelector("details").open && document.activeElement === document.querySelectorAll(".span")[3].querySelector("summary")`), "what was open stays so, and the focus")
	b.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile), chromedp.Func(inTheDark), chromedp.Reload())
	b.until(isLive)
	require.Equal(t, "true", b.say(noSlide), "nothing is wider than the phone")
	b.say(`document.querySelectorAll("details")[3].open = true`)
	b.picture("trace-dark-375")
}

func TestABrowserRunsNothingThatASpanSent(t *testing.T) {
	s := newShop(t)
	const hostile = `"'><script>owned=1</script><img/src=x/onerror=owned=1>`
	id := s.tell(3,
		one{1, 0, hostile, serves, hostile, 0, 500, hostile, "url.path=" + hostile + " http.route=javascript:owned=1"},
		one{2, 1, hostile, asks, hostile + strings.Repeat("long", 100), 0, 500, hostile, "server.address=" + hostile})
	b := open(t, s.server.URL+"/eureka-ui/traces")
	for _, path := range []string{"/eureka-ui/traces", "/eureka-ui/traces/" + id, "/eureka-ui/traces?q=%22%3E%3Cscript%3Eowned%3D1%3C/script%3E"} {
		b.do(chromedp.Navigate(s.server.URL + path))
		b.until(isLive)
		require.Equal(t, "undefined", b.say(`typeof owned`))
		require.Equal(t, "1 0", b.say(`document.scripts.length + " " + document.images.length`), "only the page's own script")
		require.Equal(t, "true", b.say(`[...document.links].every(a => /^https?:/.test(a.href) && new URL(a.href).origin === location.origin)`))
		require.Equal(t, "true", b.say(`!document.querySelector("[onmouseover], [onerror]")`))
		require.Equal(t, "true", b.say(noSlide))
	}
	require.Equal(t, "0", b.say(rowsSeen), "a search for what is nowhere")
	b.do(chromedp.Navigate(s.server.URL+"/eureka-ui/traces/"+id), chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile))
	b.until(isLive)
	require.Contains(t, b.say(`document.querySelector(".what").textContent`), hostile, "it is shown as text")
	require.Equal(t, "true", b.say(noSlide))
}
