package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestDoServiceTriesEveryNodeOnceUntilOneAnswers(t *testing.T) {
	sick, well := startNode(t, status(503)), startNode(t, status(200))
	c := rest(t, dead(t, "a"), sick.instance("b"), well.instance("c"))
	body, err := invoker.DoService[string](t.Context(), c, "STOCK", "/path/{as it stands}?x=1&y=%20")
	require.NoError(t, err)
	require.Equal(t, "status 200", body)
	require.Equal(t, []string{"GET /path/%7Bas%20it%20stands%7D?x=1&y=%20"}, well.requests())
	require.Len(t, sick.requests(), 1)
	_, err = invoker.DoService[string](t.Context(), rest(t, dead(t, "a"), dead(t, "b")), "stock", "/")
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 2)
}

func TestDoServiceTakesAnAnswerForAnAnswerUnlessStrict(t *testing.T) {
	for _, code := range []int{400, 404, 500} {
		refusing, well := startNode(t, status(code)), startNode(t, status(200))
		c := rest(t, refusing.instance("a"), well.instance("b"))
		_, err := invoker.DoService[string](t.Context(), c, "stock", "/", invoker.Method("POST"), invoker.Body(map[string]int{"n": 1}))
		var answer *invoker.StatusError
		require.ErrorAs(t, err, &answer)
		require.Equal(t, code, answer.Code)
		require.Equal(t, fmt.Sprint("status ", code), string(answer.Body))
		body, err := invoker.DoService[string](t.Context(), c, "stock", "/", invoker.Method("POST"), invoker.Body(map[string]int{"n": 1}), invoker.Strict())
		require.NoError(t, err)
		require.Equal(t, "status 200", body)
		require.Equal(t, []string{`POST / {"n":1}`}, well.requests())
	}
}

func TestDoServiceGivesEachNodeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "a:1" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			response := ok(r)
			response.Body, response.ContentLength = io.NopCloser(strings.NewReader(`{"left":3}`)), -1
			return response, nil
		})))
		stock, err := invoker.DoService[Stock](t.Context(), c, "stock", "/")
		require.NoError(t, err)
		require.Equal(t, 3, stock.Left)
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestWalkNodesTriesTheUsersFunctionUntilItSucceeds(t *testing.T) {
	c := rest(t, discovery.Instance{ID: "a", Address: "a:80"}, discovery.Instance{ID: "b", Address: "[::1]:8080"}, discovery.Instance{ID: "c", SecureAddress: "c:443"}, discovery.Instance{ID: "d", Address: "d:1", Status: discovery.Down})
	var urls []string
	got, err := invoker.WalkNodes(t.Context(), c, "stock", "/x?y=1", func(_ context.Context, url string) (int, error) {
		urls = append(urls, url)
		if len(urls) < 3 {
			return 0, errors.New("not yet")
		}
		return 42, nil
	})
	require.NoError(t, err)
	require.Equal(t, 42, got)
	require.Equal(t, []string{"http://a/x?y=1", "http://[::1]:8080/x?y=1", "https://c/x?y=1"}, urls)
	_, err = invoker.WalkNodes(t.Context(), c, "stock", "/", func(context.Context, string) (int, error) { return 0, errors.New("never") })
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 3)
	require.ErrorContains(t, err, "never")
	_, err = invoker.WalkNodes(t.Context(), c, "nobody", "/", func(context.Context, string) (int, error) { return 0, nil })
	require.ErrorIs(t, err, discovery.ErrUnknownService)
}

func TestABodyThatBreaksOffIsNoAnswer(t *testing.T) {
	broken, well := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	}), startNode(t, status(200))
	c := rest(t, broken.instance("a"), well.instance("b")).With(invoker.Strategy("other"))
	for range 4 {
		body, err := invoker.DoService[string](t.Context(), c, "stock", "/")
		require.NoError(t, err)
		require.Equal(t, "status 200", body)
	}
	require.NotEmpty(t, broken.requests())
	_, err := invoker.PostForObject[string](t.Context(), rest(t, broken.instance("a"), broken.instance("b")), "http://stock/", "once")
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 1, "what was carried out once is not sent again")
}

func TestDoServiceGivesANodeThatStallsInItsBodyItsTimeAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			response := ok(r)
			reader, writer := io.Pipe()
			context.AfterFunc(r.Context(), func() { writer.CloseWithError(context.Cause(r.Context())) })
			response.Body, response.ContentLength = reader, -1
			return response, nil
		})))
		_, err := invoker.DoService[string](t.Context(), c, "stock", "/")
		require.ErrorContains(t, err, "within the time of this attempt")
		require.Equal(t, 5*time.Second, time.Since(began))
		_, err = invoker.DoService[string](t.Context(), c, "stock", "/", invoker.NodeTimeout(2*time.Second))
		require.Error(t, err)
		require.Equal(t, 7*time.Second, time.Since(began))
	})
}

func TestDoServiceCallsThePlainPortOfTwoUnlessToldOtherwise(t *testing.T) {
	var hosts []string
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "h:80", SecureAddress: "h:443", IP: "10.0.0.1"}},
		invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Scheme+"://"+r.URL.Host)
			return ok(r), nil
		})))
	for _, options := range [][]invoker.Option{nil, {invoker.PreferHTTPS()}, {invoker.PreferIP()}, {invoker.PreferHTTPS(), invoker.PreferIP()}} {
		_, err := invoker.DoService[string](t.Context(), c, "stock", "/", options...)
		require.NoError(t, err)
		url, err := invoker.WalkNodes(t.Context(), c, "stock", "/", func(_ context.Context, url string) (string, error) { return url, nil }, options...)
		require.NoError(t, err)
		hosts = append(hosts, url)
	}
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	require.Equal(t, []string{
		"http://h:80", "http://h/", "https://h:443", "https://h/", "http://10.0.0.1:80", "http://10.0.0.1/", "https://10.0.0.1:443", "https://10.0.0.1/",
		"https://h:443", // as in Spring: TLS wherever it is on
	}, hosts)
}

func TestPreferIPBracketsIPv6AndFallsBackToTheName(t *testing.T) {
	c := rest(t, discovery.Instance{ID: "a", Address: "h:8080", IP: "::1"})
	url, err := invoker.WalkNodes(t.Context(), c, "stock", "/", func(_ context.Context, url string) (string, error) { return url, nil }, invoker.PreferIP())
	require.NoError(t, err)
	require.Equal(t, "http://[::1]:8080/", url)
	url, err = invoker.WalkNodes(t.Context(), rest(t, discovery.Instance{ID: "a", Address: "h:8080"}), "stock", "/", func(_ context.Context, url string) (string, error) { return url, nil }, invoker.PreferIP())
	require.NoError(t, err)
	require.Equal(t, "http://h:8080/", url)
}

func TestTLSOfOneCallIsItsOwn(t *testing.T) {
	node, trusted, _ := secureNode(t, "a")
	c := rest(t, node)
	_, err := invoker.DoService[string](t.Context(), c, "stock", "/")
	require.ErrorContains(t, err, "TLS handshake")
	body, err := invoker.DoService[string](t.Context(), c, "stock", "/", invoker.Method("PUT"), invoker.Body("secret"), invoker.TLS(trusted))
	require.NoError(t, err)
	require.Equal(t, "secret", body)
	_, err = invoker.DoService[string](t.Context(), c, "stock", "/")
	require.ErrorContains(t, err, "TLS handshake", "other calls trust what they did")
	c.CloseIdleConnections()
}

func TestDoServiceResponseIsTheResponseItself(t *testing.T) {
	node := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusTeapot)
		}
		w.Header().Set("X-Node", "n")
		fmt.Fprint(w, "body")
	})
	c := rest(t, node.instance("a"))
	response, err := invoker.DoServiceResponse(t.Context(), c, "stock", "/yes")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, []string{"body", "n", "a"}, []string{string(text), response.Header.Get("X-Node"), invoker.ServedBy(response)})
	_, err = invoker.DoServiceResponse(t.Context(), c, "stock", "/no")
	var answer *invoker.StatusError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, "body", string(answer.Body))
}

func TestDoServiceLeavesTheCallersHeadersAloneAndSaysWhatItSends(t *testing.T) {
	var got []http.Header
	node := startNode(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header) })
	c := rest(t, node.instance("a"))
	header := http.Header{"X-Mine": {"1"}}
	for _, body := range []any{map[string]int{"n": 1}, "text", []byte("raw"), url.Values{"a": {"b"}}, invoker.Request{Header: header, Body: map[string]int{}}} {
		_, err := invoker.DoService[string](t.Context(), c, "stock", "/", invoker.Method("POST"), invoker.Body(body), invoker.Header("X-Call", "2"))
		require.NoError(t, err)
	}
	var types []string
	for _, h := range got {
		types = append(types, h.Get("Content-Type"))
		require.Equal(t, "2", h.Get("X-Call"))
	}
	require.Equal(t, []string{"application/json", "text/plain;charset=UTF-8", "application/octet-stream", "application/x-www-form-urlencoded", "application/json"}, types)
	require.Equal(t, "1", got[4].Get("X-Mine"))
	require.Equal(t, http.Header{"X-Mine": {"1"}}, header)
}

func TestAFunctionThatPanicsLeavesNoCallUnderWay(t *testing.T) {
	c := rest(t, discovery.Instance{ID: "a", Address: "a:80"})
	for range 10 {
		require.PanicsWithValue(t, "mine", func() {
			_, _ = invoker.WalkNodes(t.Context(), c, "stock", "/", func(context.Context, string) (int, error) { panic("mine") })
		})
	}
	got, err := invoker.WalkNodes(t.Context(), c, "stock", "/", func(ctx context.Context, _ string) (int, error) {
		return invoker.WalkNodes(ctx, c, "stock", "/", func(context.Context, string) (int, error) { return 7, nil })
	})
	require.NoError(t, err)
	require.Equal(t, 7, got, "it may call back")
}

func TestADeadNodeIsRememberedBetweenWalks(t *testing.T) {
	c := rest(t, discovery.Instance{ID: "a", Address: "a:1"}, discovery.Instance{ID: "b", Address: "b:1"}, discovery.Instance{ID: "c", Address: "c:1"})
	tried := 0
	for range 200 {
		_, err := invoker.WalkNodes(t.Context(), c, "stock", "/", func(_ context.Context, url string) (int, error) {
			if url == "http://a:1/" {
				tried++
				return 0, errors.New("dead")
			}
			return 1, nil
		})
		require.NoError(t, err)
	}
	require.Equal(t, 5, tried, "after five failures it is left alone for seconds")
}

func TestWalkingWithoutAContextOrAFunctionIsAnError(t *testing.T) {
	c := rest(t, dead(t, "a"))
	fn := func(context.Context, string) (int, error) { return 1, nil }
	var request *invoker.RequestError
	_, err := invoker.WalkNodes(nil, c, "stock", "/", fn) //nolint:staticcheck // which is the point
	require.ErrorAs(t, err, &request)
	require.ErrorContains(t, err, "a call needs a context, which is nil")
	_, err = invoker.WalkNodes[int](t.Context(), c, "stock", "/", nil)
	require.ErrorAs(t, err, &request)
	require.ErrorContains(t, err, "there is no function to call")
	_, err = c.Do(nil)
	require.ErrorAs(t, err, &request)
	require.ErrorContains(t, err, "there is no request")
}
