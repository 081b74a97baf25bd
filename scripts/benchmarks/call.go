package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

type stub struct{}

func (stub) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func byName(options []invoker.ClientOption, addresses ...string) *invoker.Client {
	var instances []discovery.Instance
	for _, a := range addresses {
		instances = append(instances, discovery.Instance{Address: a})
	}
	b := must(loadbalancer.New(loadbalancer.DefaultConfig(), discovery.Static{"stock": discovery.NewSet(instances...)}))
	return invoker.New(invoker.DefaultConfig(), b, options...)
}

func caller(do func(*http.Request) (*http.Response, error), url string) func() {
	request := must(http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil))
	return func() {
		response := must(do(request))
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// anyOf calls several addresses, any of them, as the balancer does: the same one again costs another time than one after the other.
func anyOf(do func(*http.Request) (*http.Response, error), addresses ...string) func() {
	var calls []func()
	for _, a := range addresses {
		calls = append(calls, caller(do, "http://"+a+"/x"))
	}
	return func() { calls[rand.IntN(len(calls))]() }
}

// callRows: a call by name beside one of an address.
func callRows() []row {
	var opened atomic.Int64
	addresses := make([]string, 3)
	for i := range addresses {
		addresses[i] = greeting(&opened)
	}
	stubbed := byName([]invoker.ClientOption{invoker.WithTransport(stub{})}, "a:1", "b:1")
	real := byName(nil, addresses...)
	bare := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	bounded := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, ResponseHeaderTimeout: invoker.DefaultConfig().ReadTimeout, IdleConnTimeout: 50 * time.Second}}
	connections := ""
	return []row{
		{
			what: "call over a stub transport", ours: "by name", beside: "http.Client", plus: 2 * time.Microsecond,
			measure: func() (time.Duration, time.Duration) {
				return each(caller(stubbed.Do, "http://stock/x")), each(caller((&http.Client{Transport: stub{}}).Do, "http://a:1/x"))
			},
		},
		{
			what: "call on loopback, processor time", ours: "by name", beside: "http.Client with the same time-outs, three addresses", budget: 1.05,
			measure: func() (time.Duration, time.Duration) {
				return spent(caller(real.Do, "http://stock/x"), anyOf(bounded.Do, addresses...))
			},
		},
		{
			what: "call on loopback, processor time", ours: "by name", beside: "http.Client without time-outs, three addresses", // what they cost, too
			measure: func() (time.Duration, time.Duration) {
				return spent(caller(real.Do, "http://stock/x"), anyOf(bare.Do, addresses...))
			},
		},
		{
			what: "32 callers, 3 instances", ours: "by name", beside: "http.DefaultTransport's limits",
			measure: func() (time.Duration, time.Duration) {
				crowd(real.Do, 5000)
				before := opened.Load()
				took := crowd(real.Do, 100_000)
				connections = perThousand(opened.Load()-before, 100_000)
				if opened.Load()-before > 5*100 {
					connections += " OVER 5"
				}
				stingy := byName([]invoker.ClientOption{invoker.WithTransport(&http.Transport{MaxIdleConns: 100})}, addresses...)
				defer stingy.CloseIdleConnections()
				before = opened.Load()
				beside := crowd(stingy.Do, 20_000)
				connections += " new connections per 1000 calls, beside " + perThousand(opened.Load()-before, 20_000)
				return took / 100_000, beside / 20_000
			},
			note: func() string { return connections },
		},
	}
}

// greeting starts a server, which counts the connections that it accepts, and returns its address.
func greeting(opened *atomic.Int64) string {
	node := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	node.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew && opened != nil {
			opened.Add(1)
		}
	}
	node.Start()
	return node.Listener.Addr().String()
}

func perThousand(n, calls int64) string { return fmt.Sprintf("%.2f", float64(n)*1000/float64(calls)) }

// crowd makes n calls with 32 callers.
func crowd(do func(*http.Request) (*http.Response, error), n int64) time.Duration {
	var left atomic.Int64
	left.Store(n)
	began := time.Now()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			call := caller(do, "http://stock/x")
			for left.Add(-1) >= 0 {
				call()
			}
		})
	}
	all.Wait()
	return time.Since(began)
}
