package loadbalancer

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// probesAtOnce bounds the probes of a service that are under way.
const probesAtOnce = 16

// defaultInterval stands in for settings that name none.
const defaultInterval = 25 * time.Second

// WithProbes sends health checks through rt. Default: a transport of the balancer's own, which uses no proxy.
func WithProbes(rt http.RoundTripper) Option { return func(b *Balancer) { b.probes = rt } }

// Run probes the instances of services that are called and have "health-check" among their configurations, until ctx ends. Without it
// all pass for healthy, and so does an instance that appears between two probes.
func (b *Balancer) Run(ctx context.Context) error {
	transport := b.probes
	if transport == nil {
		own := &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}
		defer own.CloseIdleConnections()
		transport = own
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var all sync.WaitGroup
	defer all.Wait()
	watched := map[*service]bool{}
	for {
		for _, s := range b.services.all() {
			if !watched[s] && s.checked() != nil {
				watched[s] = true
				all.Go(func() { s.watch(ctx, b.resolver, client) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.news:
		}
	}
}

// tell wakes Run, if it sleeps: there is a service that it may not know, or settings have changed.
func (b *Balancer) tell() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// checked returns how the service is to be probed now; nil: not at all.
func (s *service) checked() *HealthCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.settings.has(healthCheck) {
		return nil
	}
	return &s.settings.HealthCheck
}

// watch probes until ctx ends. Settings may change meanwhile.
func (s *service) watch(ctx context.Context, resolver discovery.Resolver, client *http.Client) {
	timer := time.NewTimer(0)
	if h := s.checked(); h != nil {
		timer.Reset(h.InitialDelay)
	}
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		h := s.checked()
		interval := defaultInterval
		ill := map[*discovery.Instance]bool{}
		if h != nil {
			interval = cmp.Or(h.Interval, interval)
			if set, err := resolver.Instances(ctx, s.name); err == nil {
				ill = h.probe(ctx, client, s.name, set, interval)
			}
		}
		if ctx.Err() == nil {
			s.diagnosed(ill)
		}
		timer.Reset(interval)
	}
}

// probe asks every instance and returns those that did not answer well.
func (h *HealthCheck) probe(ctx context.Context, client *http.Client, service string, set *discovery.Set, patience time.Duration) map[*discovery.Instance]bool {
	path := byService(h.Path, service, "/actuator/health")
	if path == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var mu sync.Mutex
	ill := map[*discovery.Instance]bool{}
	var all sync.WaitGroup
	places := make(chan struct{}, probesAtOnce)
	for _, i := range set.All {
		if !callable(i) {
			continue
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if !answersWell(ctx, client, h.at(i)+path) {
				mu.Lock()
				ill[i] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return ill
}

// at returns where an instance is probed.
func (h *HealthCheck) at(i *discovery.Instance) string {
	scheme, address := "http://", i.Address
	if i.Secure() {
		scheme, address = "https://", i.SecureAddress
	}
	if h.Port != 0 {
		if host, _, err := net.SplitHostPort(address); err == nil {
			address = net.JoinHostPort(host, strconv.Itoa(h.Port))
		}
	}
	return scheme + address
}

func answersWell(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection serves again
	return response.StatusCode/100 == 2
}

// diagnosed takes in who is ill. All others are well.
func (s *service) diagnosed(ill map[*discovery.Instance]bool) {
	now := map[string]*discovery.Instance{}
	for i := range ill {
		now[i.ID] = i
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for id, stats := range s.stats {
		i := now[id]
		if is := i != nil && stats.of(i); is != stats.ill {
			stats.ill, changed = is, true
			if is {
				s.log.Warn("instance fails its health check", "service", s.name, "instance", id)
			} else {
				s.log.Info("instance passes its health check", "service", s.name, "instance", id)
			}
		}
	}
	if changed && s.view.Load() != nil {
		s.rebuild()
	}
}
