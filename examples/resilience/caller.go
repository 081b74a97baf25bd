package main

import (
	"cmp"
	"log/slog"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// client is how a program without a container calls by name.
func (s scenario) client(e estate, w *watch) (*invoker.Client, error) {
	cfg := loadbalancer.DefaultConfig()
	cfg.Strategy = cmp.Or(s.strategy, cfg.Strategy)
	if s.zone != "" {
		cfg.Configurations, cfg.Zone = []string{"zone-preference"}, s.zone
	}
	balancer, err := loadbalancer.New(cfg, discovery.Static{"stock": e.set()}, loadbalancer.WithLogger(slog.New(w)))
	if err != nil {
		return nil, err
	}
	return invoker.New(invoker.DefaultConfig(), balancer), nil
}
