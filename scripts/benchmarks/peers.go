package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-kratos/kratos/v2/registry"
	kratos "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/go-resty/resty/v2"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// peerRows: a call by name beside the clients that others use, over a stub that answers at once and over three servers on loopback,
// by processor time, that of the servers included.
func peerRows() []row {
	type setting struct {
		where     string
		addresses []string
		transport http.RoundTripper
	}
	settings := []func() setting{
		func() setting { return setting{"stub", []string{"a:1", "b:1", "c:1"}, stub{}} },
		sync.OnceValue(func() setting {
			var addresses []string
			for range 3 {
				addresses = append(addresses, greeting(nil))
			}
			return setting{"loopback", addresses, &http.Transport{MaxIdleConnsPerHost: 256}}
		}),
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()))
	var rows []row
	for i, where := range []string{"stub", "loopback"} {
		at := settings[i]
		ours := func(s setting, options ...invoker.ClientOption) func() {
			return caller(byName(append(options, invoker.WithTransport(s.transport)), s.addresses...).Do, "http://stock/x")
		}
		rows = append(rows,
			row{what: "peer, " + where, ours: "by name", beside: "go-kratos v2.8.3, balancing", budget: 1, measure: func() (time.Duration, time.Duration) {
				s := at()
				client := balanced(s.addresses, s.transport)
				defer client.Close()
				return spent(ours(s), caller(func(r *http.Request) (*http.Response, error) { return client.Do(r) }, "http://stock/x"))
			}},
			row{what: "peer, " + where, ours: "by name", beside: "resty v2.17.2, one address", measure: func() (time.Duration, time.Duration) {
				s := at()
				client := resty.New().SetTransport(s.transport)
				return spent(ours(s), func() { must(client.R().Get("http://" + s.addresses[0] + "/x")) })
			}},
			row{what: "peer, " + where, ours: "by name", beside: "net/http, three addresses", budget: []float64{0, 1.05}[i], measure: func() (time.Duration, time.Duration) {
				s := at()
				return spent(ours(s), anyOf((&http.Client{Transport: s.transport}).Do, s.addresses...))
			}},
			row{what: "peer, " + where + ", spans", ours: "by name", beside: "otelhttp, three addresses", budget: 1, measure: func() (time.Duration, time.Duration) {
				s := at()
				traced := otelhttp.NewTransport(s.transport, otelhttp.WithTracerProvider(provider), otelhttp.WithPropagators(propagation.TraceContext{}))
				return spent(ours(s, invoker.WithTracer(telemetry.NewClientTracer(provider, propagation.TraceContext{}))),
					anyOf((&http.Client{Transport: traced}).Do, s.addresses...))
			}})
	}
	return rows
}

// spent is pair by processor time: turns of 8 ms, in which now one is first and now the other. What disturbs one of two turns shows
// in their ratio: the half with the most usual ratios counts.
func spent(ours, beside func()) (time.Duration, time.Duration) {
	const turns, length = 160, 8 * time.Millisecond
	type turn struct {
		used  [2]time.Duration
		calls [2]int
	}
	both := [2]func(){ours, beside}
	all := make([]turn, turns+1)
	for n := range all {
		for i := range both {
			i ^= n & 1
			fn := both[i]
			began, before := time.Now(), processorTime()
			for time.Since(began) < length {
				fn()
				all[n].calls[i]++
			}
			all[n].used[i] = processorTime() - before
		}
	}
	all = all[1:] // the first one warms up
	ratio := func(t turn) float64 {
		return float64(t.used[0]) / float64(t.calls[0]) / float64(t.used[1]) * float64(t.calls[1])
	}
	slices.SortFunc(all, func(a, b turn) int { return cmp.Compare(ratio(a), ratio(b)) })
	var sum turn
	for _, t := range all[turns/4 : turns-turns/4] {
		for i := range both {
			sum.used[i] += t.used[i]
			sum.calls[i] += t.calls[i]
		}
	}
	return sum.used[0] / time.Duration(sum.calls[0]), sum.used[1] / time.Duration(sum.calls[1])
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// balanced is go-kratos' client of three instances that never change.
func balanced(addresses []string, transport http.RoundTripper) *kratos.Client {
	var nodes fixed
	for i, a := range addresses {
		nodes = append(nodes, &registry.ServiceInstance{ID: fmt.Sprint(i), Name: "stock", Endpoints: []string{"http://" + a}})
	}
	return must(kratos.NewClient(context.Background(), kratos.WithEndpoint("discovery:///stock"), kratos.WithDiscovery(nodes), kratos.WithBlock(),
		kratos.WithTransport(transport), kratos.WithErrorDecoder(func(context.Context, *http.Response) error { return nil })))
}

// fixed are instances that never change.
type fixed []*registry.ServiceInstance

func (f fixed) GetService(context.Context, string) ([]*registry.ServiceInstance, error) {
	return f, nil
}

func (f fixed) Watch(context.Context, string) (registry.Watcher, error) {
	return &watcher{nodes: f, stopped: make(chan struct{})}, nil
}

// watcher tells of the instances once.
type watcher struct {
	nodes   fixed
	told    bool
	stopped chan struct{}
}

func (w *watcher) Next() ([]*registry.ServiceInstance, error) {
	if !w.told {
		w.told = true
		return w.nodes, nil
	}
	<-w.stopped
	return nil, context.Canceled
}

func (w *watcher) Stop() error {
	close(w.stopped)
	return nil
}
