package traces_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
)

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

// export is what a program's exporter sends.
func export(service string, spans ...*trace.Span) *collector.ExportTraceServiceRequest {
	return &collector.ExportTraceServiceRequest{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: []*common.KeyValue{text("service.name", service), text("host.name", "secret-host")}},
		ScopeSpans: []*trace.ScopeSpans{{Spans: spans}},
	}}}
}

func packed(t testing.TB, m proto.Message) []byte {
	t.Helper()
	body, err := proto.Marshal(m)
	require.NoError(t, err)
	return body
}

func zipped(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// sample is a span with everything that one can have.
var sample = &trace.Span{
	TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: bytes.Repeat([]byte{1}, 8), ParentSpanId: bytes.Repeat([]byte{2}, 8), TraceState: "a=b",
	Name: "GET /stock/{sku}", Kind: trace.Span_SPAN_KIND_CLIENT, StartTimeUnixNano: 1_000_000_000, EndTimeUnixNano: 1_005_000_000,
	Attributes: []*common.KeyValue{
		text("http.request.method", "GET"), number("http.response.status_code", 503), text("url.full", "http://eve:pass@inventory:8080/stock/7?token=t0p#x"),
		text("http.request.header.authorization", "Bearer t0p"), text("archimedes.service", "inventory"), number("http.request.resend_count", 1),
		{Key: "url.path", Value: &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{{}}}}}},
	},
	Events: []*trace.Span_Event{
		{Name: "exception", Attributes: []*common.KeyValue{text("exception.type", "IOException"), text("exception.message", `GET "http://a/b?token=t0p": EOF`), text("exception.stacktrace", "t0p")}},
		{Name: "retry", Attributes: []*common.KeyValue{text("exception.message", "not an exception")}},
	},
	Links:  []*trace.Span_Link{{TraceId: bytes.Repeat([]byte{1}, 16)}},
	Status: &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: "status 503 from http://a:b@c/d?e=f, given up"},
}

const sampleJSON = `{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"x"},"spans":[{"traceId":"ABababababababababababababababab","spanId":"0101010101010101",
"parentSpanId":"0202020202020202","name":"GET /stock/{sku}","kind":3,"startTimeUnixNano":"1000000000","endTimeUnixNano":1005000000,"new":[{}],"attributes":[
{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"http.response.status_code","value":{"intValue":"503"}},
{"key":"url.full","value":{"stringValue":"http://eve:pass@inventory:8080/stock/7?token=t0p#x"}},{"key":"http.request.header.authorization","value":{"stringValue":"Bearer t0p"}},
{"key":"archimedes.service","value":{"stringValue":"inventory"}},{"key":"http.request.resend_count","value":{"intValue":1}},{"key":"url.path","value":{"arrayValue":{"values":[{}]}}}],
"events":[{"name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"IOException"}},{"key":"exception.message","value":{"stringValue":"GET \"http://a/b?token=t0p\": EOF"}}]},
{"name":"retry","attributes":[{"key":"exception.message","value":{"stringValue":"not an exception"}}]}],
"status":{"code":2,"message":"status 503 from http://a:b@c/d?e=f, given up"}}]}],
"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}},{"key":"host.name","value":{"stringValue":"secret-host"}}]}}]}`

// post sends an export as a program of this machine does; pairs of headers change that.
func post(h http.Handler, body []byte, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost:8761/v1/traces", bytes.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/x-protobuf")
	for i := 0; i+1 < len(headers); i += 2 {
		switch headers[i] {
		case "Peer":
			r.RemoteAddr = headers[i+1]
		case "Host":
			r.Host = headers[i+1]
		case "Method":
			r.Method = headers[i+1]
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnExportIsTakenInEachFormatWithoutItsSecrets(t *testing.T) {
	want := traces.Span{
		Service: "orders", Name: "GET /stock/{sku}", Kind: traces.Client, Failed: true, Message: "status 503 from http://c/d given up",
		Start: 1_000_000_000, Duration: 5_000_000,
		Attributes: []traces.Attribute{
			{Key: "http.request.method", Value: "GET"}, {Key: "http.response.status_code", Value: "503"}, {Key: "url.full", Value: "http://inventory:8080/stock/7"},
			{Key: "archimedes.service", Value: "inventory"}, {Key: "http.request.resend_count", Value: "1"},
			{Key: "exception.type", Value: "IOException"}, {Key: "exception.message", Value: `GET "http://a/b": EOF`},
		},
	}
	hex.Decode(want.Trace[:], []byte(strings.Repeat("ab", 16)))
	hex.Decode(want.ID[:], []byte(strings.Repeat("01", 8)))
	hex.Decode(want.Parent[:], []byte(strings.Repeat("02", 8)))
	body := packed(t, export("orders", sample))
	for name, c := range map[string]struct {
		body    []byte
		headers []string
		answer  string
	}{
		"protobuf":       {body, nil, ""},
		"gzip":           {zipped(t, body), []string{"Content-Encoding", "gzip"}, ""},
		"json":           {[]byte(sampleJSON), []string{"Content-Type", "application/json; charset=utf-8"}, "{}"},
		"json, gzip":     {zipped(t, []byte(sampleJSON)), []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, "{}"},
		"ipv6":           {body, []string{"Peer", "[::1]:1", "Host", "[::1]:8761"}, ""},
		"127.0.0.2":      {body, []string{"Peer", "127.0.0.2:1", "Host", "127.0.0.2"}, ""},
		"mapped address": {body, []string{"Peer", "[::ffff:127.0.0.1]:1", "Host", "LOCALHOST:8761"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store := traces.New(100)
			w := post(traces.NewHandler(store), c.body, c.headers...)
			require.Equal(t, 200, w.Code, w.Body)
			require.Equal(t, c.answer, w.Body.String())
			require.Contains(t, []string{"application/x-protobuf", "application/json"}, w.Header().Get("Content-Type"))
			kept := store.Traces()
			require.Len(t, kept, 1)
			require.Equal(t, []traces.Span{want}, kept[0].Spans)
		})
	}
}

func TestAnExportThatIsNoneIsRefusedInWords(t *testing.T) {
	body := packed(t, export("orders", sample))
	bomb := zipped(t, make([]byte, 8<<20))
	require.Less(t, len(bomb), 1<<20)
	for name, c := range map[string]struct {
		body    []byte
		headers []string
		status  int
		words   string
	}{
		"cut off":              {body[:len(body)-3], nil, 400, "this is no ExportTraceServiceRequest"},
		"no protobuf":          {[]byte("hello"), nil, 400, "this is no ExportTraceServiceRequest"},
		"a field of number 0":  {[]byte{0, 1}, nil, 400, "this is no ExportTraceServiceRequest"},
		"no json":              {[]byte("{"), []string{"Content-Type", "application/json"}, 400, "this is no ExportTraceServiceRequest"},
		"json of another kind": {[]byte(`{"resourceSpans":{"a":1}}`), []string{"Content-Type", "application/json"}, 400, "this is no ExportTraceServiceRequest"},
		"json with a time":     {[]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}`), []string{"Content-Type", "application/json"}, 400, "a span is not"},
		"no gzip":              {body, []string{"Content-Encoding", "gzip"}, 400, "the body is not gzip"},
		"half gzip":            {zipped(t, body)[:40], []string{"Content-Encoding", "gzip"}, 400, "the body could not be read"},
		"too large":            {make([]byte, 4<<20+1), nil, 413, "4 MB at most"},
		"too large gzip":       {bomb, []string{"Content-Encoding", "gzip"}, 413, "4 MB at most"},
		"another coding":       {body, []string{"Content-Encoding", "br"}, 415, "plain or as gzip"},
		"another type":         {body, []string{"Content-Type", "text/plain"}, 415, "application/x-protobuf or application/json"},
		"no type":              {body, []string{"Content-Type", ""}, 415, "application/x-protobuf or application/json"},
		"GET":                  {nil, []string{"Method", "GET"}, 405, "with POST"},
		"OPTIONS":              {nil, []string{"Method", "OPTIONS"}, 405, "with POST"},
		"from elsewhere":       {body, []string{"Peer", "192.0.2.1:4711"}, 403, "comes from elsewhere"},
		"no address":           {body, []string{"Peer", "@"}, 403, "comes from elsewhere"},
		"it says it is here":   {body, []string{"Peer", "192.0.2.1:4711", "X-Forwarded-For", "127.0.0.1"}, 403, "comes from elsewhere"},
		"through a proxy here": {body, []string{"X-Forwarded-For", "127.0.0.1"}, 403, "a proxy passed this on, says X-Forwarded-For"},
		"another host":         {body, []string{"Host", "rebound.example:8761"}, 403, "another host than localhost"},
		"a host that begins":   {body, []string{"Host", "localhost.example"}, 403, "another host than localhost"},
		"no host":              {body, []string{"Host", ""}, 403, "another host than localhost"},
		"a page":               {body, []string{"Origin", "http://localhost:8761"}, 403, "a browser sent this, says Origin"},
		"a page without":       {body, []string{"Sec-Fetch-Site", "cross-site"}, 403, "a browser sent this, says Sec-Fetch-Site"},
	} {
		t.Run(name, func(t *testing.T) {
			store := traces.New(100)
			w := post(traces.NewHandler(store), c.body, c.headers...)
			require.Equal(t, c.status, w.Code)
			require.Contains(t, w.Body.String(), c.words)
			require.Empty(t, store.Traces())
		})
	}
}

func TestABombIsReadNoFurtherThanItMay(t *testing.T) {
	bomb := bytes.Repeat(zipped(t, make([]byte, 1<<20)), 1024) // a gigabyte
	require.Less(t, len(bomb), 2<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Equal(t, 413, post(traces.NewHandler(traces.New(100)), bomb, "Content-Encoding", "gzip").Code)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

func TestSpansWithoutIdentityAreRefusedAndTheOthersTaken(t *testing.T) {
	nobody, zero := proto.Clone(sample).(*trace.Span), proto.Clone(sample).(*trace.Span)
	nobody.TraceId, zero.SpanId = nil, make([]byte, 8)
	store := traces.New(100)
	w := post(traces.NewHandler(store), packed(t, export("orders", nobody, sample, zero)))
	require.Equal(t, 200, w.Code)
	var answer collector.ExportTraceServiceResponse
	require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &answer))
	require.EqualValues(t, 2, answer.PartialSuccess.RejectedSpans)
	require.Contains(t, answer.PartialSuccess.ErrorMessage, "without ids")
	kept, _ := store.Size()
	require.Equal(t, 1, kept)

	w = post(traces.NewHandler(store), []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{},{"traceId":"`+strings.Repeat("ab", 16)+`","spanId":"x"}]}]}]}`), "Content-Type", "application/json")
	require.JSONEq(t, `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"spans without ids are refused, and those beyond what is kept"}}`, w.Body.String())
}

func TestTextIsBoundedAndFitToBeShown(t *testing.T) {
	long := proto.Clone(sample).(*trace.Span)
	long.Name = strings.Repeat("ü", 1000)
	long.Status.Message = strings.Repeat("x", 10_000)
	long.Attributes = []*common.KeyValue{text("http.route", strings.Repeat("r", 100_000))}
	for range 1000 {
		long.Attributes = append(long.Attributes, text("url.path", "/a?b=c"))
	}
	body := packed(t, export(strings.Repeat("s", 70_000), long))
	store := traces.New(100)
	require.Equal(t, 200, post(traces.NewHandler(store), bytes.Replace(body, []byte("xxxx"), []byte("x\xffxx"), 1)).Code)
	s := store.Traces()[0].Spans[0]
	require.Equal(t, strings.Repeat("ü", 98)+"…", s.Name)
	require.Len(t, s.Service, 200)
	require.Len(t, s.Message, 400)
	require.Contains(t, s.Message, "x\uFFFDx")
	require.Len(t, s.Attributes, 24)
	require.Len(t, s.Attributes[0].Value, 200)
	require.Equal(t, "/a", s.Attributes[1].Value)
}

func TestTimesThatCannotBeAreBounded(t *testing.T) {
	for _, c := range []struct{ start, end uint64 }{{0, 0}, {5, 2}, {1 << 63, 1<<64 - 1}, {0, 1<<64 - 1}, {1<<64 - 1, 0}} {
		s := proto.Clone(sample).(*trace.Span)
		s.StartTimeUnixNano, s.EndTimeUnixNano = c.start, c.end
		store := traces.New(100)
		require.Equal(t, 200, post(traces.NewHandler(store), packed(t, export("orders", s))).Code)
		kept := store.Traces()[0].Spans[0]
		require.GreaterOrEqual(t, kept.Start, int64(0))
		require.GreaterOrEqual(t, kept.Duration, kept.Duration*0)
		require.GreaterOrEqual(t, kept.End(), kept.Start)
	}
}

// stall is a body that does not come until it is released, and then breaks off.
type stall struct{ begun, released chan struct{} }

func (s stall) Read([]byte) (int, error) {
	s.begun <- struct{}{}
	<-s.released
	return 0, io.ErrUnexpectedEOF
}

func TestExportsBeyondEightAtOnceAreToldToComeAgain(t *testing.T) {
	h := traces.NewHandler(traces.New(100))
	body := stall{make(chan struct{}), make(chan struct{})}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "http://localhost/v1/traces", body)
			r.RemoteAddr = "127.0.0.1:1"
			r.Header.Set("Content-Type", "application/json")
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	for range 8 {
		<-body.begun // it has its place
	}
	w := post(h, packed(t, export("orders", sample)))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	close(body.released)
	all.Wait()
	require.Equal(t, 200, post(h, packed(t, export("orders", sample))).Code)
}

// FuzzExports compares with the generated types: what they read is read, to the same spans; and nothing panics.
func FuzzExports(f *testing.F) {
	f.Add(packed(f, export("orders", sample)), false)
	f.Add(packed(f, export("", &trace.Span{})), false)
	f.Add([]byte(sampleJSON), true)
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":null}]},null]}`), true)
	f.Add([]byte{0x0a, 0x00, 0x0b, 0x0c}, false)
	f.Fuzz(func(t *testing.T, body []byte, inJSON bool) {
		store := traces.New(1000)
		kind := map[bool]string{true: "application/json", false: "application/x-protobuf"}[inJSON]
		w := post(traces.NewHandler(store), body, "Content-Type", kind)
		require.Contains(t, []int{200, 400, 413}, w.Code)
		var request collector.ExportTraceServiceRequest
		if inJSON || proto.Unmarshal(body, &request) != nil {
			return
		}
		require.Equal(t, 200, w.Code, w.Body)
		want := map[string]string{}
		for _, program := range request.ResourceSpans {
			for _, scope := range program.ScopeSpans {
				for _, s := range scope.Spans {
					id := fmt.Sprintf("%x/%x", s.TraceId, s.SpanId)
					if _, again := want[id]; again || len(s.TraceId) != 16 || len(s.SpanId) != 8 || allZero(s.TraceId) || allZero(s.SpanId) {
						continue
					}
					kind := s.Kind
					if kind < 0 || kind > 5 {
						kind = 0 // one that OTLP does not know yet
					}
					want[id] = fmt.Sprintf("%d %t %d", kind, s.GetStatus().GetCode() == 2, min(s.StartTimeUnixNano, 1<<62))
				}
			}
		}
		if len(want) > 1000 {
			return
		}
		got := map[string]string{}
		for _, one := range store.Traces() {
			for _, s := range one.Spans {
				got[s.Trace.String()+"/"+s.ID.String()] = fmt.Sprintf("%d %t %d", s.Kind, s.Failed, s.Start)
			}
		}
		require.Equal(t, want, got)
	})
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func BenchmarkExport(b *testing.B) {
	var spans []*trace.Span
	for i := range 512 {
		s := proto.Clone(sample).(*trace.Span)
		s.SpanId = fmt.Appendf(nil, "%08d", i)
		s.TraceId = fmt.Appendf(nil, "%016d", i/4)
		s.Events, s.Links = nil, nil
		spans = append(spans, s)
	}
	body := packed(b, export("orders", spans...))
	h := traces.NewHandler(traces.New(10_000))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if w := post(h, body); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/span")
}
