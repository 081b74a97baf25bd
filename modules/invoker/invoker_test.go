package invoker_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Stock is what tests fetch.
type Stock struct {
	SKU  string `json:"sku"`
	Left int    `json:"left"`
}

// node is an instance that records what it is asked.
type node struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func startNode(t *testing.T, serve http.HandlerFunc) *node {
	n := &node{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n.mu.Lock()
		n.seen = append(n.seen, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		n.mu.Unlock()
		serve(w, r)
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *node) requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.seen...)
}

func (n *node) instance(id string) discovery.Instance {
	return discovery.Instance{ID: id, Address: n.Listener.Addr().String(), IP: "127.0.0.1"}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code); fmt.Fprint(w, "status ", code) }
}

// dead is an instance that nobody listens at.
func dead(t *testing.T, id string) discovery.Instance {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return discovery.Instance{ID: id, Address: l.Addr().String()}
}

// first always takes the first instance, so that tests know what is tried when.
type first struct{}

func (first) Pick(*loadbalancer.View, loadbalancer.Request) int { return 0 }

func calling(t testing.TB, cfg loadbalancer.Config, instances []discovery.Instance, options ...invoker.ClientOption) *invoker.Client {
	t.Helper()
	cfg.Strategy = "first"
	b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(instances...)},
		loadbalancer.WithFactories(loadbalancer.Factory{Name: "first", New: func(string) loadbalancer.Strategy { return first{} }}))
	require.NoError(t, err)
	c := invoker.New(invoker.DefaultConfig(), b, options...)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func rest(t testing.TB, instances ...discovery.Instance) *invoker.Client {
	return calling(t, loadbalancer.DefaultConfig(), instances)
}

func TestEveryVerbCarriesItsBody(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Type", r.Header.Get("Content-Type"))
		fmt.Fprint(w, `{"sku":"a","left":1}`)
	})
	c, ctx := rest(t, n.instance("i")), t.Context()
	want := Stock{"a", 1}
	got, err := invoker.GetForObject[Stock](ctx, c, "lb://stock/a?x={x}", "1&2")
	require.NoError(t, err)
	require.Equal(t, want, got)
	entity, err := invoker.PostForEntity[Stock](ctx, c, "http://STOCK/a", want)
	require.NoError(t, err)
	require.Equal(t, []any{200, want, "i", "application/json"}, []any{entity.Status, entity.Body, entity.Instance, entity.Header.Get("X-Type")})
	_, err = invoker.PostForObject[string](ctx, c, "http://stock/text", "hello")
	require.NoError(t, err)
	require.NoError(t, invoker.Put(ctx, c, "http://stock/bytes", []byte("raw")))
	require.NoError(t, invoker.Delete(ctx, c, "http://stock/{a}/{b}", invoker.Vars{"a": "x/y", "b": "ü"}))
	form, err := invoker.Exchange[[]byte](ctx, c, http.MethodPatch, "http://stock/form", invoker.Request{Header: http.Header{"x-mine": {"1"}}, Body: url.Values{"a": {"b"}}})
	require.NoError(t, err)
	require.Equal(t, "application/x-www-form-urlencoded", form.Header.Get("X-Type"))
	_, err = invoker.PostForObject[invoker.Nothing](ctx, c, "http://stock/stream", strings.NewReader("streamed"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"GET /a?x=1%262", `POST /a {"sku":"a","left":1}`, "POST /text hello", "PUT /bytes raw", "DELETE /x%2Fy/%C3%BC", "PATCH /form a=b", "POST /stream streamed",
	}, n.requests())
}

func TestTemplatesThatCannotBeExpandedAreNamed(t *testing.T) {
	c := rest(t, discovery.Instance{ID: "i", Address: "127.0.0.1:1"})
	for template, vars := range map[string][]any{
		"http://stock/{a}": nil, "http://stock/{a}/{b}": {1}, "http://stock/": {1}, "http://stock/{c}": {invoker.Vars{"a": 1}}, "http://stock/{a": {1},
	} {
		_, err := invoker.GetForObject[string](t.Context(), c, template, vars...)
		require.ErrorContains(t, err, template)
	}
}

func TestAnswersOf4xxAnd5xxAreStatusErrors(t *testing.T) {
	n := startNode(t, status(http.StatusNotFound))
	_, err := invoker.GetForObject[Stock](t.Context(), rest(t, n.instance("i"), n.instance("j")), "http://stock/{id}?token=secret", "x")
	var failed *invoker.StatusError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.NotFound())
	require.Equal(t, `404 Not Found on GET request for "http://stock/x": "status 404"`, err.Error())
	require.Len(t, n.requests(), 1, "an answer is an answer")
}

func TestAnotherBodyThanAskedForIsAConversionError(t *testing.T) {
	for contentType, body := range map[string]string{"text/html": "<html>", "application/json": `{"left":"many"}`, "application/problem+json": `{"left":`} {
		n := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, body)
		})
		_, err := invoker.GetForObject[Stock](t.Context(), rest(t, n.instance("i")), "http://stock/")
		var failed *invoker.ConversionError
		require.ErrorAs(t, err, &failed)
		require.Contains(t, err.Error(), "invoker_test.Stock")
		require.Contains(t, err.Error(), contentType)
	}
}

func TestARefusedInstanceGivesWayForAnyMethodWithItsBodyWhole(t *testing.T) {
	n := startNode(t, status(http.StatusCreated))
	c := rest(t, dead(t, "dead"), n.instance("alive"))
	entity, err := invoker.PostForEntity[string](t.Context(), c, "http://stock/", io.NopCloser(strings.NewReader("streamed once")))
	require.NoError(t, err)
	require.Equal(t, "alive", entity.Instance)
	require.Equal(t, []string{"POST / streamed once"}, n.requests())
}

func TestAnAnswerThatCountsAsNoneGivesWayWhenIdempotent(t *testing.T) {
	for _, code := range []int{502, 503, 504} {
		sick, well := startNode(t, status(code)), startNode(t, status(200))
		c := rest(t, sick.instance("sick"), well.instance("well"))
		body, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		require.Equal(t, "status 200", body)
		_, err = invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
		require.ErrorContains(t, err, fmt.Sprint(code), "what may have been done is not repeated")
		_, err = invoker.PostForObject[string](t.Context(), c.With(invoker.Idempotent()), "http://stock/", "x")
		require.NoError(t, err)
		_, err = invoker.Exchange[string](t.Context(), c, http.MethodPost, "http://stock/", invoker.Request{Header: http.Header{"Idempotency-Key": {"1"}}, Body: "y"})
		require.NoError(t, err)
		require.Equal(t, []string{"GET /", "POST / x", "POST / y"}, well.requests())
	}
}

func TestTheLastAnswerIsTheCallersWhenAllCountAsNone(t *testing.T) {
	a, b := startNode(t, status(502)), startNode(t, status(503))
	c := rest(t, a.instance("a"), b.instance("b"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stock/", nil)
	require.NoError(t, err)
	response, err := c.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	require.Equal(t, []any{503, "b", "status 503"}, []any{response.StatusCode, invoker.ServedBy(response), string(body)})
}

func TestABrokenAnswerGivesWayWhenIdempotent(t *testing.T) {
	broken := startNode(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	well := startNode(t, status(200))
	c := rest(t, broken.instance("broken"), well.instance("well"))
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	_, err = invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1)
	require.Equal(t, http.StatusBadGateway, failed.StatusCode())
}

func TestAnErrorListsEveryAttempt(t *testing.T) {
	c := rest(t, dead(t, "one"), dead(t, "two"), dead(t, "three"))
	_, err := invoker.PostForObject[string](t.Context(), c, "http://stock/a?token=secret", "x")
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 3)
	for _, id := range []string{"one", "two", "three", "/a", "refused", "after 3 attempts"} {
		require.Contains(t, err.Error(), id)
	}
	require.NotContains(t, err.Error(), "secret")
	require.Equal(t, http.StatusBadGateway, failed.StatusCode())
}

func TestNobodyToCallIsSaidInWords(t *testing.T) {
	down := discovery.Instance{ID: "down", Address: "127.0.0.1:1", Status: discovery.Down}
	c := rest(t, down)
	for target, want := range map[string]string{
		"http://stock/":             "no instances available for stock: 1 registered, 0 of them UP",
		"http://stok/":              "known: stock",
		"http://10.0.0.1/":          "invoker.Plain",
		"http://api.example.com/":   "invoker.Plain",
		"http://user:secret@stock/": "must not hold credentials",
		"ftp://stock/":              "no scheme",
		"http:///x":                 "names no service",
	} {
		_, err := invoker.GetForObject[string](t.Context(), c, target)
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "secret")
	}
	var failed *invoker.CallError
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.ErrorAs(t, err, &failed)
	require.Equal(t, http.StatusServiceUnavailable, failed.StatusCode())
	_, err = invoker.GetForObject[string](t.Context(), invoker.New(invoker.DefaultConfig(), nil), "http://stock/")
	require.ErrorContains(t, err, "spring.cloud.loadbalancer.enabled")
}

func TestSpringsRetryKeysAreObeyed(t *testing.T) {
	off, one, all, two := false, 1, true, 2
	for name, tc := range map[string]struct {
		retry    loadbalancer.Retry
		method   string
		sick     int
		requests int
	}{
		"off":            {loadbalancer.Retry{Enabled: &off}, "GET", 503, 1},
		"one more":       {loadbalancer.Retry{NextInstance: &one}, "GET", 503, 2},
		"unset is all":   {loadbalancer.Retry{}, "GET", 503, 4},
		"same instance":  {loadbalancer.Retry{SameInstance: &two, NextInstance: &one}, "GET", 503, 6},
		"all operations": {loadbalancer.Retry{AllOperations: &all}, "POST", 503, 4},
		"status codes":   {loadbalancer.Retry{StatusCodes: []int{500}}, "GET", 500, 4},
		"only these":     {loadbalancer.Retry{StatusCodes: []int{500}}, "GET", 503, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, status(tc.sick))
			cfg := loadbalancer.DefaultConfig()
			cfg.Clients = map[string]loadbalancer.Service{"stock": {Retry: tc.retry}}
			c := calling(t, cfg, []discovery.Instance{n.instance("a"), n.instance("b"), n.instance("c"), n.instance("d")})
			_, err := invoker.Exchange[string](t.Context(), c, tc.method, "http://stock/", "body")
			require.ErrorContains(t, err, fmt.Sprint(tc.sick))
			require.Len(t, n.requests(), tc.requests)
		})
	}
}

// stub is a transport without a network.
type stub func(*http.Request) (*http.Response, error)

func (s stub) RoundTrip(r *http.Request) (*http.Response, error) { return s(r) }

func ok(r *http.Request) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}
}

func TestAnAttemptGetsHalfOfTheDeadlineWhileAnotherInstanceIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var log []string
		c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			log = append(log, fmt.Sprint(r.URL.Host, " ", time.Since(began)))
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		_, err := invoker.GetForObject[string](ctx, c, "http://stock/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []string{"a:1 0s", "b:1 2s"}, log)
		require.Equal(t, 4*time.Second, time.Since(began))
		var failed *invoker.CallError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, http.StatusGatewayTimeout, failed.StatusCode())
		_, err = invoker.GetForObject[string](t.Context(), c.With(invoker.Timeout(time.Second)), "http://stock/")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestABodyThatComesBitByBitOutlivesTheAttemptsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			response := ok(r)
			response.Body, response.ContentLength = io.NopCloser(&trickle{ctx: r.Context(), every: 4 * time.Second, text: "so"}), -1
			return response, nil
		})))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		body, err := invoker.GetForObject[string](ctx, c, "http://stock/")
		require.NoError(t, err)
		require.Equal(t, "so", body)
	})
}

// trickle is a body of which a byte comes now and then, for as long as the call may take.
type trickle struct {
	ctx   context.Context
	every time.Duration
	text  string
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, io.EOF
	}
	select {
	case <-time.After(b.every):
		p[0], b.text = b.text[0], b.text[1:]
		return 1, nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func TestTheCallersCancellationEndsTheCallAndBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			attempts++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := invoker.GetForObject[string](ctx, c, "http://stock/")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, attempts)
	})
}

func TestHTTPSDemandsASecurePortAndSecureInstancesAreCalledOverTLS(t *testing.T) {
	var urls []string
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "plain", Address: "a:80"}, {ID: "secure", SecureAddress: "b:443"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		urls = append(urls, r.URL.String())
		return ok(r), nil
	})))
	_, err := invoker.GetForObject[string](t.Context(), c, "https://stock/x")
	require.NoError(t, err)
	require.Equal(t, []string{"https://b:443/x"}, urls)
}

func TestAHostNameThatDoesNotResolveIsCalledByItsAddress(t *testing.T) {
	n := startNode(t, status(200))
	i := n.instance("i")
	_, port, _ := net.SplitHostPort(i.Address)
	i.Address = net.JoinHostPort("no-such-host.invalid", port)
	entity, err := invoker.GetForEntity[string](t.Context(), rest(t, i), "http://stock/")
	require.NoError(t, err)
	require.Equal(t, "i", entity.Instance)
}

func TestTheCallersHeadersAreLeftAlone(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-More"), r.Host) })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stock/", nil)
	require.NoError(t, err)
	request.Header.Set("X-Own", "1")
	before := request.Header.Clone()
	c := rest(t, n.instance("i")).With(invoker.Header("X-More", "2"))
	response, err := c.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	require.Equal(t, "2"+n.Listener.Addr().String(), string(body))
	require.Equal(t, before, request.Header)
	require.Equal(t, "stock", request.URL.Host)
}

func TestAnyLibraryCallsByNameThroughTheHTTPClient(t *testing.T) {
	n := startNode(t, status(200))
	response, err := rest(t, n.instance("i")).HTTPClient().Get("http://stock/lib")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, []string{"GET /lib"}, n.requests())
}

func TestPlainCallsAbsoluteURLs(t *testing.T) {
	n := startNode(t, status(200))
	p := invoker.NewPlain(invoker.DefaultConfig())
	defer p.CloseIdleConnections()
	body, err := invoker.GetForObject[string](t.Context(), p, n.URL+"/{x}", "a b")
	require.NoError(t, err)
	require.Equal(t, "status 200", body)
	require.Equal(t, []string{"GET /a%20b"}, n.requests())
	_, err = invoker.GetForObject[string](t.Context(), p, "http://"+dead(t, "d").Address+"/?token=secret")
	require.ErrorContains(t, err, "refused")
	require.NotContains(t, err.Error(), "secret")
}
