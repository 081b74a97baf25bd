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
	for _, name := range b.Config().EagerLoad.Clients {
		all.Go(func() { b.load(ctx, name) })
	}
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

// load does for a service what its first call would do.
func (b *Balancer) load(ctx context.Context, name string) {
	set, err := b.resolver.Instances(ctx, name)
	switch {
	case err == nil:
		b.service(name).refresh(set)
	case ctx.Err() == nil:
		b.log.Warn("a service of spring.cloud.loadbalancer.eager-load.clients is not known yet", "service", name, "error", err)
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
	probed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		h := s.checked()
		pause := defaultInterval
		ill := map[*discovery.Instance]bool{}
		if h != nil {
			pause = h.pause()
			if repeats := pause > 0; !repeats && probed {
				pause = defaultInterval // to look at the settings again
				timer.Reset(pause)
				continue
			}
			if set, err := resolver.Instances(ctx, s.name); err == nil {
				if s.view.Load() == nil {
					s.refresh(set) // or what the probes find would be about nobody that is known
				}
				each := func(*discovery.Instance, bool) {}
				if h.UpdateList == nil || *h.UpdateList {
					each = s.verdict
				}
				ill, probed = h.probe(ctx, client, s.name, set, each), true
			}
		} else {
			probed = false
		}
		if ctx.Err() == nil {
			s.diagnosed(ill)
		}
		timer.Reset(cmp.Or(pause, defaultInterval))
	}
}

// pause returns how long to wait for the next probes; 0 when there are to be none.
func (h *HealthCheck) pause() time.Duration {
	interval, refetch := cmp.Or(h.Interval, defaultInterval), cmp.Or(h.RefetchEvery, defaultInterval)
	repeats := h.Repeat == nil || *h.Repeat
	switch {
	case repeats && h.Refetch:
		return min(interval, refetch)
	case repeats:
		return interval
	case h.Refetch:
		return refetch
	}
	return 0
}

// probe asks every instance, tells of each whether it is ill as soon as that is known, and returns those that did not answer well.
func (h *HealthCheck) probe(ctx context.Context, client *http.Client, service string, set *discovery.Set, each func(*discovery.Instance, bool)) map[*discovery.Instance]bool {
	path := byService(h.Path, service, "/actuator/health")
	if path == "" {
		return nil
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(whole, cmp.Or(h.Interval, defaultInterval))
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
			well := answersWell(ctx, client, h.at(i)+path)
			if !well {
				mu.Lock()
				ill[i] = true
				mu.Unlock()
			}
			if whole.Err() == nil { // else the program ends, not the instance
				each(i, !well)
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
		changed = s.health(stats, i != nil && stats.of(i)) || changed
	}
	if changed && s.view.Load() != nil {
		s.rebuild()
	}
}

// verdict takes in how one instance is.
func (s *service) verdict(i *discovery.Instance, ill bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stats := s.stats[i.ID]; stats != nil && stats.of(i) && s.health(stats, ill) && s.view.Load() != nil {
		s.rebuild()
	}
}

// health says how an instance is, and reports whether that is news. The caller holds the lock.
func (s *service) health(stats *Stats, ill bool) bool {
	if stats.ill == ill {
		return false
	}
	if stats.ill = ill; ill {
		s.log.Warn("instance fails its health check", "service", s.name, "instance", stats.id)
	} else {
		s.log.Info("instance passes its health check", "service", s.name, "instance", stats.id)
	}
	return true
}
