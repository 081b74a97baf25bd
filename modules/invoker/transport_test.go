package invoker_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// secureNode is an instance that speaks TLS, and the settings that trust it.
func secureNode(t *testing.T, id string) (discovery.Instance, *tls.Config, *atomic.Value) {
	t.Helper()
	proto := &atomic.Value{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		_, _ = io.Copy(w, r.Body)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return discovery.Instance{ID: id, SecureAddress: server.Listener.Addr().String()}, &tls.Config{RootCAs: roots}, proto
}

// stalling is a listener that accepts and then says nothing.
func stalling(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(all.Wait)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestSecureInstancesAreCalledOverTLSAndHTTP1(t *testing.T) {
	i, trust, proto := secureNode(t, "i")
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{i}, invoker.WithTLS(trust))
	body, err := invoker.PostForObject[string](t.Context(), c, "http://stock/", "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", body)
	require.Equal(t, "HTTP/1.1", proto.Load())
}

func TestAHandshakeThatFailsSendsAnyMethodElsewhere(t *testing.T) {
	well, trust, _ := secureNode(t, "well")
	plain := startNode(t, status(200)).Listener.Addr().String()
	untrusted := httptest.NewUnstartedServer(status(200))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	cert, err := selfSigned()
	require.NoError(t, err)
	untrusted.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	untrusted.StartTLS()
	defer untrusted.Close()
	for name, address := range map[string]string{
		"no TLS there": plain, "a certificate nobody trusts": untrusted.Listener.Addr().String(), "silence": stalling(t).Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := invoker.DefaultConfig()
			cfg.ConnectTimeout = 100 * time.Millisecond
			b, err := loadbalancer.New(loadbalancer.Config{Service: loadbalancer.Service{Strategy: "first"}}, discovery.Static{"stock": discovery.NewSet(discovery.Instance{ID: "bad", SecureAddress: address}, well)},
				loadbalancer.WithFactories(loadbalancer.Factory{Name: "first", New: func(string) loadbalancer.Strategy { return first{} }}))
			require.NoError(t, err)
			c := invoker.New(cfg, b, invoker.WithTLS(trust))
			defer c.CloseIdleConnections()
			body, err := invoker.PostForObject[string](t.Context(), c, "http://stock/", io.NopCloser(strings.NewReader("streamed")))
			require.NoError(t, err)
			require.Equal(t, "streamed", body)
		})
	}
}

func TestConnectionsAreKeptForABusyCaller(t *testing.T) {
	var opened atomic.Int64
	var instances []discovery.Instance
	for i := range 3 {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				opened.Add(1)
			}
		}
		server.Start()
		t.Cleanup(server.Close)
		instances = append(instances, discovery.Instance{ID: fmt.Sprint(i), Address: server.Listener.Addr().String()})
	}
	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), discovery.Static{"stock": discovery.NewSet(instances...)})
	require.NoError(t, err)
	c := invoker.New(invoker.DefaultConfig(), b)
	t.Cleanup(c.CloseIdleConnections)
	crowd := func(calls int64) {
		var left atomic.Int64
		left.Store(calls)
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					if _, err := invoker.GetForObject[string](t.Context(), c, "http://stock/"); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	crowd(2000)
	before := opened.Load()
	crowd(6000)
	require.LessOrEqual(t, opened.Load()-before, int64(30), "5 for each 1,000 calls")
}

func TestConnectionsThatTheInstanceHasClosedFailNoCall(t *testing.T) {
	n := startNode(t, status(200))
	c := rest(t, n.instance("i"))
	for range 20 {
		require.NoError(t, invoker.Put(t.Context(), c, "http://stock/", "x"))
		n.CloseClientConnections()
		require.NoError(t, invoker.Delete(t.Context(), c, "http://stock/"))
		n.CloseClientConnections()
	}
}

func TestCallsByNameTakeNoProxy(t *testing.T) {
	// The environment's proxy is read once in a process, and never used for loopback: hence another one, and another name.
	if address := os.Getenv("INVOKER_TEST_INSTANCE"); address != "" {
		_, port, _ := net.SplitHostPort(address)
		c := rest(t, discovery.Instance{ID: "i", Address: net.JoinHostPort("no-such-host.invalid", port), IP: "127.0.0.1"})
		_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
		require.NoError(t, err)
		p := invoker.NewPlain(invoker.DefaultConfig())
		_, err = invoker.GetForObject[string](t.Context(), p, "http://no-such-host.invalid:"+port+"/")
		require.ErrorContains(t, err, "proxyconnect", "Plain does")
		return
	}
	n := startNode(t, status(200))
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCallsByNameTakeNoProxy$")
	again.Env = append(os.Environ(), "INVOKER_TEST_INSTANCE="+n.Listener.Addr().String(),
		"HTTP_PROXY=http://"+dead(t, "d").Address, "http_proxy=", "NO_PROXY=", "no_proxy=")
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Len(t, n.requests(), 1)
}

func TestManyCallsInEveryWayLeaveNothingBehind(t *testing.T) {
	well, slow := startNode(t, status(200)), startNode(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	sick := startNode(t, status(503))
	c := rest(t, sick.instance("sick"), well.instance("well"))
	stuck := rest(t, slow.instance("slow"))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				_, _ = invoker.GetForObject[string](t.Context(), c, "http://stock/")
				_, _ = invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				_, _ = invoker.GetForObject[string](ctx, stuck, "http://stock/")
				cancel()
			}
		})
	}
	all.Wait() // goleak looks at what is left
}
