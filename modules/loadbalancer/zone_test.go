package loadbalancer_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// zoned returns two instances in zone a, three in b, and one that names none.
func zoned() []discovery.Instance {
	all := of(6)
	for i, zone := range []string{"A", "a", "b", "b", "b", ""} {
		all[i].Zone = zone
	}
	return all
}

func preferring(t testing.TB, zone string, resolver discovery.Resolver) *loadbalancer.Balancer {
	t.Helper()
	cfg := loadbalancer.DefaultConfig()
	cfg.Configurations, cfg.Zone = []string{"zone-preference"}, zone
	b, err := loadbalancer.New(cfg, resolver)
	require.NoError(t, err)
	return b
}

func seen(t testing.TB, b *loadbalancer.Balancer, times int) map[string]int {
	counts := map[string]int{}
	for range times {
		counts[pick(t, b, loadbalancer.Request{})]++
	}
	return counts
}

func TestInstancesOfTheOwnZoneArePreferred(t *testing.T) {
	b := preferring(t, "a", stock(zoned()...))
	counts := seen(t, b, 400)
	require.Len(t, counts, 2)
	require.InDelta(t, 200, counts["i0"], 80)
	require.Len(t, seen(t, preferring(t, "", stock(zoned()...)), 400), 6, "without a zone of its own nobody is preferred")
	require.Len(t, seen(t, preferring(t, "elsewhere", stock(zoned()...)), 400), 6)
}

func TestWhatNamesNoZoneIsInTheDefaultZone(t *testing.T) {
	require.Equal(t, map[string]int{"i5": 10}, seen(t, preferring(t, "default", stock(zoned()...)), 10))
}

func TestACallSpillsOverToOtherZonesEvenlyWhenItsOwnHasNobodyLeft(t *testing.T) {
	b := preferring(t, "a", stock(zoned()...))
	counts := map[string]int{}
	for range 400 {
		p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Tried: []string{"i0", "i1"}})
		require.NoError(t, err)
		require.Equal(t, 3, p.Left(), "others are left with good hope")
		p.Done(loadbalancer.Outcome{})
		counts[p.Instance().ID]++
	}
	require.Len(t, counts, 4)
	for id, n := range counts {
		require.InDelta(t, 100, n, 60, id)
	}
}

func TestAnEjectedInstanceOfTheOwnZoneComesAfterOtherZones(t *testing.T) {
	b := preferring(t, "a", stock(zoned()[1:]...))
	for range 5 {
		p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		require.Equal(t, "i1", p.Instance().ID)
		p.Done(loadbalancer.Outcome{Failed: true, Unsent: true})
	}
	counts := seen(t, b, 400)
	require.Len(t, counts, 4)
	require.NotContains(t, counts, "i1")
}

func TestTheOwnZoneIsThatOfTheOwnMetadata(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer.configurations: zone-preference\neureka.instance.metadata-map.zone: a")
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(zoned()...), fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b))
	require.NoError(t, app.Err())
	require.Len(t, seen(t, b, 100), 2)
}

func TestAnUnknownWayOfChoosingIsSaidOnce(t *testing.T) {
	var log strings.Builder
	cfg := loadbalancer.DefaultConfig()
	cfg.Configurations = []string{"nearest"}
	_, err := loadbalancer.New(cfg, stock(), loadbalancer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	require.Contains(t, log.String(), "nearest")
}

func TestInstancesThatTheRegistryMayHaveLostComeLast(t *testing.T) {
	all := of(3)
	all[0].Doubtful = true
	b := balancer(t, stock(all...), loadbalancer.Random)
	require.NotContains(t, seen(t, b, 100), "i0")
	p, err := b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Tried: []string{"i1", "i2"}})
	require.NoError(t, err)
	require.Equal(t, "i0", p.Instance().ID)
	p.Done(loadbalancer.Outcome{})
	all[1].Doubtful, all[2].Doubtful = true, true
	require.Len(t, seen(t, balancer(t, stock(all...), loadbalancer.Random), 100), 3, "better than nobody")
}
