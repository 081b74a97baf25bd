package invoker_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// stream is a body that cannot be replayed and counts how often it is closed.
type stream struct {
	io.Reader
	closed atomic.Int32
}

func (s *stream) Close() error { s.closed.Add(1); return nil }

func posting(t *testing.T, body io.ReadCloser) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://stock/", body)
	require.NoError(t, err)
	return request
}

// sends reads a body as net/http's transport does.
func sends(answer func(*http.Request) (*http.Response, error), got *[]string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body.Close()
		*got = append(*got, string(body))
		return answer(r)
	}
}

func TestAStreamThatWasNotTouchedIsSentWholeToTheNext(t *testing.T) {
	var got []string
	var late io.Reader
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(&hosts{serve: map[string]func(*http.Request) (*http.Response, error){
		"a": func(r *http.Request) (*http.Response, error) {
			late = r.Body
			r.Body.Close()
			return nil, errRefused
		},
		"b": func(r *http.Request) (*http.Response, error) {
			n, err := late.Read(make([]byte, 3)) // the first transport is slow to notice that its time is over
			require.Zero(t, n)
			require.Error(t, err)
			return sends(answering(200), &got)(r)
		},
	}}))
	body := &stream{Reader: strings.NewReader("once")}
	response, err := c.Do(posting(t, body))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, []string{"once"}, got)
	require.Equal(t, int32(1), body.closed.Load())
}

func TestAStreamThatWasSentIsNotSentAgain(t *testing.T) {
	var got []string
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(&hosts{serve: map[string]func(*http.Request) (*http.Response, error){
		"a": sends(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") }, &got),
		"b": sends(answering(200), &got),
	}})).With(invoker.Idempotent())
	body := &stream{Reader: strings.NewReader("once")}
	_, err := c.Do(posting(t, body))
	require.ErrorContains(t, err, "connection reset")
	require.Equal(t, []string{"once"}, got)
	require.Equal(t, int32(1), body.closed.Load())
}

func TestABodyThatCanBeReplayedIsSentToEachWhole(t *testing.T) {
	var got []string
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(&hosts{serve: map[string]func(*http.Request) (*http.Response, error){
		"a": sends(answering(503), &got), "b": sends(answering(200), &got),
	}}))
	require.NoError(t, invoker.Put(t.Context(), c, "http://stock/", Stock{"a", 1}))
	require.Equal(t, []string{`{"sku":"a","left":1}`, `{"sku":"a","left":1}`}, got)
}

func TestAnAnswerMayComeWhileTheBodyIsStillBeingSent(t *testing.T) {
	var sending io.ReadCloser
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		sending = r.Body
		_, err := sending.Read(make([]byte, 2))
		require.NoError(t, err)
		return ok(r), nil
	})))
	body := &stream{Reader: strings.NewReader("a long one")}
	response, err := c.Do(posting(t, body))
	require.NoError(t, err)
	defer response.Body.Close()
	rest, err := io.ReadAll(sending)
	require.NoError(t, err)
	require.Equal(t, "long one", string(rest))
	require.Zero(t, body.closed.Load())
	sending.Close()
	require.Equal(t, int32(1), body.closed.Load())
}

func TestBodiesAreClosedOnceHoweverACallEnds(t *testing.T) {
	for name, serve := range map[string]func(*http.Request) (*http.Response, error){
		"refused":            func(r *http.Request) (*http.Response, error) { r.Body.Close(); return nil, errRefused },
		"untouched answer":   func(r *http.Request) (*http.Response, error) { r.Body.Close(); return ok(r), nil },
		"untouched bad one":  func(r *http.Request) (*http.Response, error) { r.Body.Close(); return answering(503)(r) },
		"forgotten in error": func(*http.Request) (*http.Response, error) { return nil, errRefused },
	} {
		body := &stream{Reader: strings.NewReader("x")}
		c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(serve)))
		if response, err := c.Do(posting(t, body)); err == nil {
			response.Body.Close()
		}
		require.Equal(t, int32(1), body.closed.Load(), name)
	}
	for name, c := range map[string]*invoker.Client{
		"no instance": rest(t), "no balancer": invoker.New(invoker.DefaultConfig(), nil), "no strategy": rest(t, ab()...).With(invoker.Strategy("nearest")),
	} {
		body := &stream{Reader: strings.NewReader("x")}
		_, err := c.Do(posting(t, body))
		require.Error(t, err)
		require.Equal(t, int32(1), body.closed.Load(), name)
	}
}

func TestAStreamGoesOutOnANewConnectionWhenTheOldOneTurnsOutClosed(t *testing.T) {
	var got []string
	c := calling(t, loadbalancer.DefaultConfig(), ab()[:1], invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		r.Body.Close() // as net/http does when nothing could be written
		again, err := r.GetBody()
		require.NoError(t, err)
		second := r.Clone(r.Context())
		second.Body = again
		return sends(answering(200), &got)(second)
	})))
	body := &stream{Reader: strings.NewReader("once")}
	response, err := c.Do(posting(t, body))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, []string{"once"}, got)
	require.Equal(t, int32(1), body.closed.Load())
}
