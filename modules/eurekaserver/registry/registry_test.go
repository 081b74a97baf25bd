package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func TestMain(m *testing.M) {
	if file := os.Getenv("REGISTRY_FILE"); file != "" {
		writer(file)
	}
	goleak.VerifyTestMain(m)
}

func slogTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func ExampleRegistry() {
	r := registry.New(registry.DefaultConfig())
	_ = r.Register(instance("ORDERS", "web-1"), false)
	fmt.Println(r.Snapshot().Hash, r.Instance("orders", "web-1").HostName)
	// Output: UP_1_ localhost
}

func instance(app, id string) *wire.Instance {
	i := wire.NewInstance()
	i.App, i.InstanceID, i.HostName, i.IPAddr = app, id, "localhost", "127.0.0.1"
	i.DataCenter.Name = wire.MyOwn
	i.LastDirty = 1
	return i
}

func register(t *testing.T, r *registry.Registry, app string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, r.Register(instance(app, id), false))
	}
}

func names(apps []*wire.Application) string {
	var all []string
	for _, app := range apps {
		var ids []string
		for _, i := range app.Instances {
			ids = append(ids, i.ID()+" "+i.Action.String())
		}
		all = append(all, app.Name+": "+strings.Join(ids, ", "))
	}
	return strings.Join(all, "; ")
}

func TestASnapshotSharesEveryApplicationInWhichNothingChanged(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	register(t, r, "A", "a1")
	register(t, r, "B", "b1")
	before := r.Snapshot()
	require.Same(t, before, r.Snapshot(), "nothing changed")
	_, err := r.Renew("A", "a1", registry.Renewal{})
	require.NoError(t, err)
	require.Same(t, before, r.Snapshot(), "a renewal changes nothing")
	register(t, r, "B", "b2")
	after := r.Snapshot()
	require.Greater(t, after.Version, before.Version)
	require.Same(t, before.All[0], after.All[0])
	require.Same(t, before.Delta[0], after.Delta[0])
	require.NotSame(t, before.All[1], after.All[1])
	require.Equal(t, "B: b1 ADDED", names(before.All[1:]), "a snapshot never changes")
}

func TestTimesOfRenewalsInASnapshotAreAtMostThreeMinutesOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		register(t, r, "A", "a1")
		for range 8 {
			time.Sleep(30 * time.Second)
			_, err := r.Renew("A", "a1", registry.Renewal{})
			require.NoError(t, err)
			shown := time.UnixMilli(r.Snapshot().All[0].Instances[0].Lease.LastRenewal)
			require.LessOrEqual(t, time.Since(shown), 3*time.Minute)
		}
	})
}

func TestTheDeltaTellsEachChangeForAsLongAsItShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		register(t, r, "A", "a1", "a2")
		time.Sleep(2 * time.Minute)
		register(t, r, "B", "b1")
		require.NoError(t, r.Override("A", "a1", discovery.OutOfService, 0))
		require.NoError(t, r.Cancel("A", "a2"))
		require.Equal(t, "A: a1 MODIFIED, a2 DELETED; B: b1 ADDED", names(r.Snapshot().Delta), "the latest of each, in the order in which they came")
		require.NoError(t, r.Cancel("B", "b1"))
		require.Equal(t, "A: a1 MODIFIED", names(r.Snapshot().All))
		require.Equal(t, "A: a1 MODIFIED, a2 DELETED; B: b1 DELETED", names(r.Snapshot().Delta))
		register(t, r, "B", "b1")
		time.Sleep(2 * time.Minute)
		require.Equal(t, "A: a1 MODIFIED, a2 DELETED; B: b1 ADDED", names(r.Snapshot().Delta))
		time.Sleep(2 * time.Minute)
		require.Empty(t, r.Snapshot().Delta)
		require.Equal(t, "OUT_OF_SERVICE_1_UP_1_", r.Snapshot().Hash)
	})
}

func TestAFloodOfChangesKeepsTheDeltaBounded(t *testing.T) {
	cfg := registry.DefaultConfig()
	cfg.MaxInstances = 100
	r := registry.New(cfg)
	for n := range 10_000 {
		id := fmt.Sprint(n)
		register(t, r, "A", id)
		require.NoError(t, r.Cancel("A", id))
	}
	require.LessOrEqual(t, len(r.Snapshot().Delta[0].Instances), 100)
	require.Equal(t, "9999", r.Snapshot().Delta[0].Instances[len(r.Snapshot().Delta[0].Instances)-1].ID())
}

func TestCapsRefuseWhatIsNewAndNothingElse(t *testing.T) {
	for name, set := range map[string]func(*registry.Config){
		"instances":    func(c *registry.Config) { c.MaxInstances = 2 },
		"applications": func(c *registry.Config) { c.MaxApplications = 2 },
		"size":         func(c *registry.Config) { c.MaxSize = 1600 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := registry.DefaultConfig()
			set(&cfg)
			var log bytes.Buffer
			r := registry.New(cfg, registry.WithLogger(slogTo(&log)))
			register(t, r, "A", "a1")
			register(t, r, "B", "b1")
			require.ErrorIs(t, r.Register(instance("C", "c1"), false), registry.ErrFull)
			require.ErrorIs(t, r.Register(instance("C", "c1"), true), registry.ErrFull)
			require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "said once:\n%s", &log)
			_, err := r.Renew("A", "a1", registry.Renewal{})
			require.NoError(t, err)
			register(t, r, "A", "a1")
			require.NoError(t, r.Cancel("B", "b1"))
			register(t, r, "C", "c1")
		})
	}
}

func TestOneLookEndsAShareOfTheLeasesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		for n := range 100 {
			register(t, r, "A", fmt.Sprint(n))
		}
		r.Evict(0)
		require.Equal(t, 100, r.Size())
		time.Sleep(91 * time.Second)
		r.Evict(30 * time.Second)
		require.Equal(t, 100, r.Size(), "time that the server lost is nobody's fault")
		r.Evict(0)
		require.Equal(t, 85, r.Size())
		r.Evict(0)
		require.Equal(t, 73, r.Size())
		require.EqualValues(t, 27, r.Stats().Evicted)
	})
}

func TestAnApplicationOfWhichAllLeasesEndedIsNotListedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		for n := range 50 {
			register(t, r, "A", fmt.Sprint(n))
		}
		register(t, r, "B", "b")
		time.Sleep(91 * time.Second)
		_, err := r.Renew("B", "b", registry.Renewal{})
		require.NoError(t, err)
		for r.Size() > 1 {
			before := r.Size()
			r.Evict(0)
			require.Less(t, r.Size(), before)
			require.Equal(t, r.Size(), len(r.Leases()))
		}
		require.Equal(t, 1, r.Stats().Applications)
		require.Equal(t, "B: b ADDED", names(r.Snapshot().All))
		require.Nil(t, r.Application("A"))
		require.Len(t, r.Snapshot().Delta[0].Instances, 50)
		register(t, r, "A", "0")
		require.Equal(t, "A: 0 ADDED; B: b ADDED", names(r.Snapshot().All))
	})
}

func TestALeaseThatGetsShorterEndsSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		register(t, r, "A", "long", "short")
		r.Evict(0)
		i := instance("A", "short")
		i.Lease.RenewalInterval, i.Lease.Duration = 1, 3
		require.NoError(t, r.Register(i, false))
		time.Sleep(4 * time.Second)
		r.Evict(0)
		require.Equal(t, "A: long ADDED", names(r.Snapshot().All))
	})
}

func TestSelfPreservationIsSaidWhenItBeginsAndWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := registry.DefaultConfig()
		cfg.SelfPreservation = true
		var log bytes.Buffer
		r := registry.New(cfg, registry.WithLogger(slogTo(&log)))
		ids := make([]string, 10)
		for n := range ids {
			ids[n] = fmt.Sprint(n)
		}
		register(t, r, "A", ids...)
		beat := func(alive int) {
			for range 12 {
				time.Sleep(10 * time.Second)
				if time.Now().Second()%30 == 0 {
					for _, id := range ids[:alive] {
						_, _ = r.Renew("A", id, registry.Renewal{})
					}
				}
				r.Evict(0)
			}
		}
		beat(10)
		require.False(t, r.Stats().Preserving)
		beat(5)
		beat(5)
		require.True(t, r.Stats().Preserving)
		require.Equal(t, 10, r.Size(), "half of them are silent, but listed")
		require.NoError(t, r.Cancel("A", "9"))
		require.Nil(t, r.Instance("A", "9"), "a cancel is a cancel")
		beat(9)
		beat(9)
		require.False(t, r.Stats().Preserving)
		require.Equal(t, 1, strings.Count(log.String(), "self-preservation ended"), log.String())
	})
}

func TestEventsAreTheLatestThousandNewestFirst(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	news := r.News()
	for n := range 1500 {
		register(t, r, "A", fmt.Sprint(n))
	}
	<-news
	events := r.Events()
	require.Len(t, events, 1000)
	require.Equal(t, []string{"1499", "500"}, []string{events[0].ID, events[999].ID})
	require.Equal(t, registry.Registered, events[0].Kind)
}

// slowLog takes no line until it is told to.
type slowLog struct{ free chan struct{} }

func (s slowLog) Write(p []byte) (int, error) { <-s.free; return len(p), nil }

func TestALogThatIsNotReadKeepsNobodyWaiting(t *testing.T) {
	log := slowLog{make(chan struct{})}
	r := registry.New(registry.DefaultConfig(), registry.WithLogger(slogTo(log)))
	done := make(chan error)
	go func() { done <- r.Register(instance("A", "a1"), false) }()
	require.Eventually(t, func() bool { return r.Size() == 1 }, 10*time.Second, time.Millisecond)
	_, err := r.Renew("A", "a1", registry.Renewal{})
	require.NoError(t, err)
	close(log.free)
	require.NoError(t, <-done)
}

func TestAnInstanceOnAmazonHasAnID(t *testing.T) {
	for given, want := range map[string]string{"": "web-1", "i-5": "i-5"} {
		r := registry.New(registry.DefaultConfig())
		i := instance("ORDERS", "web-1")
		i.DataCenter = wire.DataCenter{Name: wire.Amazon, Metadata: discovery.NewMetadata(map[string]string{"ami-id": "a"}).With(map[string]string{"instance-id": given})}
		require.NoError(t, r.Register(i, false))
		require.Equal(t, "ami-id a instance-id "+want, strings.NewReplacer("[", "", "]", "", "{", "", "}", "").Replace(fmt.Sprint(r.Instance("ORDERS", "web-1").DataCenter.Metadata)), given)
	}
}

func TestAnOverrideThatAPeerTellsWithARenewalIsShown(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	register(t, r, "ORDERS", "web-1")
	_, err := r.Renew("ORDERS", "web-1", registry.Renewal{LastDirty: 2, Overridden: discovery.OutOfService, Replicated: true})
	require.ErrorIs(t, err, registry.ErrUnknown, "the peer has a newer version")
	require.Equal(t, discovery.OutOfService, r.Instance("ORDERS", "web-1").OverriddenStatus)
	_, err = r.Renew("ORDERS", "web-1", registry.Renewal{})
	require.NoError(t, err)
	require.Equal(t, discovery.OutOfService, r.Instance("ORDERS", "web-1").Status)
}
