package main

import (
	"context"
	"fmt"
	"math/rand/v2"
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
			instances = append(instances, discovery.Instance{ID: fmt.Sprint(i), Address: fmt.Sprintf("10.0.%d.%d:80", i/250, i%250)})
		}
		known := discovery.Static{"stock": discovery.NewSet(instances...)}
		for _, strategy := range []string{loadbalancer.Random, loadbalancer.Stick, loadbalancer.Other, loadbalancer.RoundRobin} {
			cfg := loadbalancer.DefaultConfig()
			cfg.Strategy = strategy
			b := must(loadbalancer.New(cfg, known))
			rows = append(rows, row{
				what: fmt.Sprintf("pick, %s, %d instances", strategy, n), beside: "load, look-up, random", budget: 5,
				measure: func() (time.Duration, time.Duration) {
					return each(func() {
						p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock"})
						if err != nil {
							panic(err)
						}
						p.Done(loadbalancer.Outcome{})
					}), each(least(known))
				},
			})
		}
	}
	return rows
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
