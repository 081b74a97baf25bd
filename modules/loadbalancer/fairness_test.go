package loadbalancer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

const million = 1_000_000

func counted(t *testing.T, b *loadbalancer.Balancer) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for range million {
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
	counts := counted(t, balancer(t, stock(of(10)...), loadbalancer.RoundRobin))
	require.Len(t, counts, 10)
	for id, n := range counts {
		require.Equal(t, million/10, n, id)
	}
}

// What is even by chance deviates from evenness as chance does: the sum of the squares, each over what was expected, passes 43.7
// once in a hundred thousand runs (chi-square with nine degrees of freedom).
func TestAMillionPicksByChanceAreAsEvenAsChance(t *testing.T) {
	for _, strategy := range []string{loadbalancer.Random, loadbalancer.Weighted, loadbalancer.ConsistentHash} {
		counts := counted(t, balancer(t, stock(of(10)...), strategy))
		chi := 0.0
		for _, n := range counts {
			d := float64(n) - million/10
			chi += d * d / (million / 10)
		}
		require.Len(t, counts, 10, strategy)
		require.Less(t, chi, 43.7, "%s: %v", strategy, counts)
	}
}

func TestLeastRequestSharesAMillionPicksAmongEquals(t *testing.T) {
	for id, n := range counted(t, balancer(t, stock(of(10)...), loadbalancer.LeastRequest)) {
		require.InEpsilon(t, million/10, n, 0.02, id)
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
	counts := counted(t, balancer(t, stock(all...), loadbalancer.Weighted))
	for i := range all {
		want := float64(1+i*i) / float64(sum)
		require.InDelta(t, want, float64(counts[all[i].ID])/million, max(0.01*want, 0.0005), all[i].ID) // chance alone may take 0.0005
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
