package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
