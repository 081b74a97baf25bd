package loadbalancer_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// under calls a service a number of times, every so often, and returns how long the calls took, sorted, and how many each
// instance got.
func under(t *testing.T, b *loadbalancer.Balancer, calls int, every time.Duration, answers func(id string) time.Duration) ([]time.Duration, map[string]int) {
	t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	got := map[string]int{}
	var all sync.WaitGroup
	for range calls {
		time.Sleep(every)
		all.Go(func() {
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			if err != nil {
				t.Error(err)
				return
			}
			d := answers(p.Instance().ID)
			time.Sleep(d)
			p.Done(loadbalancer.Outcome{Status: 200, Took: d})
			mu.Lock()
			defer mu.Unlock()
			took = append(took, d)
			got[p.Instance().ID]++
		})
	}
	all.Wait()
	slices.Sort(took)
	return took, got
}

func p99(sorted []time.Duration) time.Duration { return sorted[len(sorted)*99/100] }

func slowly(slow string) func(string) time.Duration {
	return func(id string) time.Duration {
		if id == slow {
			return 100 * time.Millisecond
		}
		return 10 * time.Millisecond
	}
}

func TestLeastRequestSparesCallersAnInstanceThatIsTenTimesSlower(t *testing.T) {
	tail := map[string]time.Duration{}
	for _, strategy := range []string{loadbalancer.RoundRobin, loadbalancer.LeastRequest} {
		synctest.Test(t, func(t *testing.T) {
			b := balancer(t, stock(of(3)...), strategy)
			took, _ := under(t, b, 5000, time.Millisecond, slowly("i1"))
			tail[strategy] = p99(took)
		})
	}
	require.LessOrEqual(t, 2*tail[loadbalancer.LeastRequest], tail[loadbalancer.RoundRobin], "%v", tail)
}

func TestLeastRequestReturnsToAnInstanceThatIsNoLongerSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.LeastRequest)
		under(t, b, 2000, time.Millisecond, slowly("i1"))
		under(t, b, 6000, 10*time.Millisecond, slowly("nobody"))
		_, got := under(t, b, 2000, time.Millisecond, slowly("nobody"))
		require.InDelta(t, 1000, got["i1"], 300)
	})
}

func TestLeastRequestTakesTheInstanceWithFewerRequestsUnderWay(t *testing.T) {
	b := balancer(t, stock(of(2)...), loadbalancer.LeastRequest)
	seen := map[string]int{}
	for range 100 { // none of them ends
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		seen[p.Instance().ID]++
	}
	require.Equal(t, map[string]int{"i0": 50, "i1": 50}, seen)
}

func TestANewInstanceIsNeitherShunnedNorFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &changing{discovery.NewSet(of(3)...)}
		b := balancer(t, r, loadbalancer.LeastRequest)
		under(t, b, 1000, time.Millisecond, slowly("nobody"))
		r.set = discovery.NewSet(of(4)...)
		_, got := under(t, b, 9, time.Millisecond, slowly("nobody")) // before it could answer
		require.NotZero(t, got["i3"])
		require.Less(t, got["i3"], 8)
	})
}

func TestFailingFastIsNoSignOfSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.LeastRequest)
		under(t, b, 200, 10*time.Millisecond, slowly("nobody"))
		seen := map[string]int{}
		for range 1000 {
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			seen[p.Instance().ID]++
			o := loadbalancer.Outcome{Status: 200, Took: 10 * time.Millisecond}
			if p.Instance().ID == "i0" {
				o = loadbalancer.Outcome{Status: 500, Took: time.Microsecond}
			}
			p.Done(o)
		}
		require.InDelta(t, 500, seen["i0"], 150)
	})
}

func TestLatencyIsKeptByIDFadesWithTimeAndSurvivesARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &changing{discovery.NewSet(of(1)...)}
		b := balancer(t, r, loadbalancer.LeastRequest)
		latency := func(o loadbalancer.Outcome) time.Duration {
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			p.Done(o)
			return p.Stats().Latency()
		}
		require.Equal(t, 100*time.Millisecond, latency(loadbalancer.Outcome{Took: 100 * time.Millisecond}))
		r.set = discovery.NewSet(of(1)...)
		require.Equal(t, 100*time.Millisecond, latency(loadbalancer.Outcome{Unknown: true}))
		require.Equal(t, 80*time.Millisecond, latency(loadbalancer.Outcome{Took: 20 * time.Millisecond}))
		time.Sleep(2 * time.Second)
		require.Less(t, latency(loadbalancer.Outcome{}), 75*time.Millisecond)
	})
}
