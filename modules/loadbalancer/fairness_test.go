package loadbalancer_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

const million = 1_000_000

func counted(t *testing.T, b *loadbalancer.Balancer, picks int) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range picks {
		p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		if err != nil {
			t.Fatal(err)
		}
		p.Done(loadbalancer.Outcome{Status: 200})
		counts[p.Instance().ID]++
	}
	return counts
}

func TestRoundRobinSharesAMillionPicksExactly(t *testing.T) {
	counts := counted(t, balancer(t, stock(of(10)...), loadbalancer.RoundRobin), million)
	require.Len(t, counts, 10)
	for id, n := range counts {
		require.Equal(t, million/10, n, id)
	}
}

// What is even by chance deviates from evenness as chance does: the sum of the squares, each over what was expected, passes 43.7
// once in a hundred thousand runs (chi-square with nine degrees of freedom).
func TestPicksByChanceAreAsEvenAsChance(t *testing.T) {
	for strategy, picks := range map[string]int{loadbalancer.Random: million, loadbalancer.Weighted: million / 10, loadbalancer.ConsistentHash: million / 10} {
		counts := counted(t, balancer(t, stock(of(10)...), strategy), picks)
		chi, want := 0.0, float64(picks)/10
		for _, n := range counts {
			d := float64(n) - want
			chi += d * d / want
		}
		require.Len(t, counts, 10, strategy)
		require.Less(t, chi, 43.7, "%s: %v", strategy, counts)
	}
}

func TestLeastRequestIsEvenAmongEquals(t *testing.T) {
	for id, n := range counted(t, balancer(t, stock(of(10)...), loadbalancer.LeastRequest), million/10) {
		require.InEpsilon(t, million/100, n, 0.06, id)
	}
}

func TestAMillionPicksKeepWeightsWithinOnePercent(t *testing.T) {
	all := of(10)
	sum := 0
	for i := range all {
		w := 1 + i*i // 1 to 82
		sum += w
		all[i].Metadata = discovery.NewMetadata(map[string]string{"weight": fmt.Sprint(w)})
	}
	all[0].Metadata = nil // one without a weight weighs 1
	counts := counted(t, balancer(t, stock(all...), loadbalancer.Weighted), million)
	for i := range all {
		want := float64(1+i*i) / float64(sum)
		chance := 5 * math.Sqrt(want*(1-want)/million) // what a light one may deviate by, once in a million runs
		require.InDelta(t, want, float64(counts[all[i].ID])/million, max(0.01*want, chance), all[i].ID)
	}
}

func TestAWeightThatIsNoneCountsAsOne(t *testing.T) {
	for _, text := range []string{"", "0", "-3", "heavy", "1.5", "99999999999999999999"} {
		all := of(2)
		all[0].Metadata = discovery.NewMetadata(map[string]string{"weight": text})
		counts := seen(t, balancer(t, stock(all...), loadbalancer.Weighted), 1000)
		require.InDelta(t, 500, counts["i0"], 150, text)
	}
}
