package invoker_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// within is a client that waits so long for headers.
func within(t *testing.T, limit time.Duration, instance discovery.Instance, options ...invoker.ClientOption) *invoker.Client {
	t.Helper()
	cfg := invoker.DefaultConfig()
	cfg.ReadTimeout, cfg.ConnectTimeout = limit, time.Minute
	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), discovery.Static{"stock": discovery.NewSet(instance)})
	require.NoError(t, err)
	c := invoker.New(cfg, b, options...)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestEachOfManySilentAttemptsEndsWithTheReadTimeout(t *testing.T) {
	gone := make(chan struct{})
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			<-gone
		}
	})
	t.Cleanup(func() { close(gone) })
	c := within(t, 2*time.Second, n.instance("i"))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			time.Sleep(time.Duration(i) * 10 * time.Millisecond) // one is due after the other
			if i%2 == 0 {
				_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
				if err != nil {
					t.Error(err)
				}
				return
			}
			var err error
			if i%4 == 1 {
				_, err = invoker.GetForObject[string](t.Context(), c, "http://stock/silent")
			} else {
				_, err = invoker.PostForObject[string](t.Context(), c, "http://stock/silent", "x")
			}
			var late interface{ Timeout() bool }
			if !errors.As(err, &late) || !late.Timeout() || !strings.Contains(err.Error(), "within 2s (read-timeout)") {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
}

func TestTheReadTimeoutBeginsWhenTheRequestIsSent(t *testing.T) {
	t.Parallel()
	n := startNode(t, status(200))
	c := within(t, 2*time.Second, n.instance("i"))
	body, pen := io.Pipe()
	go func() {
		for range 5 {
			_, _ = io.WriteString(pen, "x")
			time.Sleep(500 * time.Millisecond)
		}
		_ = pen.Close()
	}()
	_, err := invoker.PostForObject[string](t.Context(), c, "http://stock/", body)
	require.NoError(t, err)
}

func TestTheReadTimeoutDoesNotCountConnecting(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(status(200))
	server.Listener = hesitant{server.Listener}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := within(t, 2*time.Second, discovery.Instance{ID: "i", SecureAddress: server.Listener.Addr().String()}, invoker.WithTLS(&tls.Config{RootCAs: roots}))
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
}

// hesitant is a listener whose connections say nothing for a while.
type hesitant struct{ net.Listener }

func (h hesitant) Accept() (net.Conn, error) {
	conn, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hesitantConn{Conn: conn}, nil
}

type hesitantConn struct {
	net.Conn
	once sync.Once
}

func (c *hesitantConn) Read(p []byte) (int, error) {
	c.once.Do(func() { time.Sleep(2500 * time.Millisecond) })
	return c.Conn.Read(p)
}

func TestACallerWhoGivesUpEndsTheWaitForHeadersAndTheBody(t *testing.T) {
	reached, gone := make(chan struct{}, 2), make(chan struct{})
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			_ = http.NewResponseController(w).Flush()
		}
		reached <- struct{}{}
		<-gone
	})
	t.Cleanup(func() { close(gone) })
	c := within(t, time.Hour, n.instance("i"))
	t.Run("headers", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		_, err := invoker.GetForObject[string](ctx, c, "http://stock/silent")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("body", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://stock/stream", nil)
		require.NoError(t, err)
		response, err := c.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		<-reached
		require.NoError(t, response.Request.Context().Err())
		cancel()
		_, err = response.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, context.Canceled)
		<-response.Request.Context().Done()
		require.ErrorIs(t, response.Request.Context().Err(), context.Canceled)
	})
}

func TestCallsWithManyDeadlinesAreEachCutInTheirTimeWhileOthersAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := make(map[string]time.Duration)
		var mu sync.Mutex
		began := time.Now()
		c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/well") {
				time.Sleep(100 * time.Millisecond)
				return ok(r), nil
			}
			<-r.Context().Done()
			mu.Lock()
			defer mu.Unlock()
			if cut[r.URL.Path] == 0 {
				cut[r.URL.Path] = time.Since(began)
			}
			return nil, r.Context().Err()
		})))
		want := make(map[string]time.Duration)
		var all sync.WaitGroup
		for i := range 97 {
			deadline, path, fails := time.Duration(1+i*29%97)*time.Second, fmt.Sprint("/late/", i), context.DeadlineExceeded
			if want[path] = deadline / 2; i%3 == 0 {
				delete(want, path)
				path, fails = fmt.Sprint("/well/", i), nil
			}
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				if _, err := invoker.GetForObject[string](ctx, c, "http://stock"+path); !errors.Is(err, fails) {
					t.Error(path, err)
				}
			})
		}
		all.Wait()
		require.Equal(t, want, cut)
	})
}
