package loadbalancer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestStatisticsSurviveARefresh(t *testing.T) {
	r := &changing{discovery.NewSet(of(1)...)}
	var failures []int
	cfg := loadbalancer.DefaultConfig()
	cfg.Strategy = "watching"
	b, err := loadbalancer.New(cfg, r, loadbalancer.WithFactories(loadbalancer.Factory{
		Name: "watching", New: func(string) loadbalancer.Strategy {
			return watch(func(v *loadbalancer.View) { failures = append(failures, v.Stats(0).Failures()) })
		}}))
	require.NoError(t, err)
	for _, failed := range []bool{true, true, false} {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		p.Done(loadbalancer.Outcome{Failed: failed})
		r.set = discovery.NewSet(of(len(r.set.All) + 1)...)
	}
	pick(t, b, loadbalancer.Request{})
	require.Equal(t, []int{0, 1, 2, 0}, failures)
}

type watch func(*loadbalancer.View)

func (w watch) Pick(v *loadbalancer.View, _ loadbalancer.Request) int { w(v); return 0 }

func TestStatisticsBeginAnewForAnInstanceThatComesBackElsewhereOrWasNotUp(t *testing.T) {
	for name, between := range map[string][]discovery.Instance{
		"at another address": {{ID: "i0", Address: "10.0.0.9:80"}},
		"after being DOWN":   {{ID: "i0", Address: "10.0.0.1:80", Status: discovery.Down}, {ID: "i0", Address: "10.0.0.1:80"}},
		"after being gone":   {{ID: "other", Address: "10.0.0.2:80"}, {ID: "i0", Address: "10.0.0.1:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &changing{discovery.NewSet(discovery.Instance{ID: "i0", Address: "10.0.0.1:80"})}
			b := balancer(t, r, loadbalancer.Random)
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			p.Done(loadbalancer.Outcome{Failed: true})
			require.Equal(t, 1, p.Stats().Failures())
			for _, next := range between {
				r.set = discovery.NewSet(next)
				_, _ = b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			}
			p, err = b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			require.Zero(t, p.Stats().Failures())
		})
	}
}

func TestCallsUnderWayAreCounted(t *testing.T) {
	b := balancer(t, stock(of(1)...), loadbalancer.Random)
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	again := p.Again()
	require.Equal(t, 2, p.Stats().Active())
	p.Done(loadbalancer.Outcome{})
	again.Done(loadbalancer.Outcome{})
	require.Zero(t, p.Stats().Active())
}

func TestWhatTheCallerGaveUpSaysNothingAboutTheInstance(t *testing.T) {
	b := balancer(t, stock(of(1)...), loadbalancer.Random)
	for _, o := range []loadbalancer.Outcome{{Failed: true}, {Unknown: true}, {Failed: true}} {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		p.Done(o)
	}
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	require.Equal(t, 2, p.Stats().Failures())
}
