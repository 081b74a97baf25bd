package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// pickRows: choosing an instance beside the least that choosing can cost.
func pickRows() []row {
	var rows []row
	for _, n := range []int{10, 1000} {
		var instances []discovery.Instance
		for i := range n {
			instances = append(instances, discovery.Instance{
				ID: fmt.Sprint(i), Address: fmt.Sprintf("10.0.%d.%d:80", i/250, i%250), Zone: fmt.Sprint("zone-", i%3),
				Metadata: discovery.NewMetadata(map[string]string{"weight": fmt.Sprint(1 + i%7), "hint": fmt.Sprint("hint-", i%2)}),
			})
		}
		known := discovery.Static{"stock": discovery.NewSet(instances...)}
		budget, most := 5.0, 60*time.Nanosecond
		add := func(what string, b *loadbalancer.Balancer, request loadbalancer.Request) {
			rows = append(rows, row{
				what: fmt.Sprintf("pick, %s, %d instances", what, n), beside: "load, look-up, random", budget: budget, most: most,
				measure: func() (time.Duration, time.Duration) { return pair(picking(b, request), least(known)) },
			})
		}
		for _, strategy := range []string{
			loadbalancer.Random, loadbalancer.Stick, loadbalancer.Other, loadbalancer.RoundRobin, loadbalancer.LeastRequest, loadbalancer.Weighted, loadbalancer.ConsistentHash,
		} {
			request := loadbalancer.Request{Service: "stock", Key: "any"}
			add(strategy, balancing(known, func(c *loadbalancer.Config) { c.Strategy = strategy }), request)
			ejecting := balancing(known, func(c *loadbalancer.Config) { c.Strategy = strategy })
			for i := range n / 5 {
				p := must(ejecting.Pick(context.Background(), loadbalancer.Request{Service: "stock", Prefer: &loadbalancer.Preference{Instance: fmt.Sprint(i)}}))
				for range 5 {
					p.Again().Done(loadbalancer.Outcome{Failed: true, Unsent: true})
				}
			}
			add(strategy+", a fifth ejected", ejecting, request)
		}
		add("zone-preference", balancing(known, func(c *loadbalancer.Config) { c.Configurations, c.Zone = []string{"zone-preference"}, "zone-1" }), loadbalancer.Request{Service: "stock"})
		add("subset", balancing(known, func(c *loadbalancer.Config) { c.Configurations, c.Subset.Size = []string{"subset"}, 5 }), loadbalancer.Request{Service: "stock"})
		budget, most = 0, 0 // a header is looked at, too
		add("hint in a header", balancing(known, func(*loadbalancer.Config) {}), loadbalancer.Request{Service: "stock", Header: http.Header{"X-Sc-Lb-Hint": {"hint-1"}}})
		add("session in a cookie", balancing(known, func(c *loadbalancer.Config) { c.Configurations = []string{"request-based-sticky-session"} }),
			loadbalancer.Request{Service: "stock", Header: http.Header{"Cookie": {"theme=dark; sc-lb-instance-id=7"}}})
	}
	return rows
}

func balancing(known discovery.Static, configure func(*loadbalancer.Config)) *loadbalancer.Balancer {
	cfg := loadbalancer.DefaultConfig()
	configure(&cfg)
	return must(loadbalancer.New(cfg, known))
}

// picking picks, for many keys if any, as one key's place on a ring would stay in the processor's cache.
func picking(b *loadbalancer.Balancer, request loadbalancer.Request) func() {
	var keys [1 << 10]string
	for i := range keys {
		keys[i] = fmt.Sprint("customer-", i)
	}
	next := 0
	return func() {
		if request.Key != "" {
			next = (next + 1) % len(keys)
			request.Key = keys[next]
		}
		p, err := b.Pick(context.Background(), request)
		if err != nil {
			panic(err)
		}
		p.Done(loadbalancer.Outcome{Status: 200, Took: time.Millisecond})
	}
}

var sink *discovery.Instance

func least(known discovery.Static) func() {
	var pointer atomic.Pointer[discovery.Static]
	pointer.Store(&known)
	return func() {
		set := (*pointer.Load())["stock"]
		sink = set.All[rand.IntN(len(set.All))]
	}
}
