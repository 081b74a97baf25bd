package loadbalancer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// owners returns the instance of each of ten thousand keys.
func owners(t *testing.T, instances ...discovery.Instance) map[string]string {
	t.Helper()
	b := balancer(t, stock(instances...), loadbalancer.ConsistentHash)
	all := map[string]string{}
	for i := range 10_000 {
		key := fmt.Sprint("customer-", i)
		all[key] = pick(t, b, loadbalancer.Request{Key: key})
	}
	return all
}

func TestAKeyKeepsItsInstanceWhateverTheOrderOfTheRegistry(t *testing.T) {
	instances := of(10)
	before := owners(t, instances...)
	rand.Shuffle(len(instances), func(i, j int) { instances[i], instances[j] = instances[j], instances[i] })
	require.Equal(t, before, owners(t, instances...))
}

func TestKeysOfAnInstanceThatLeavesAreTheOnlyOnesThatMove(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100} {
		before, after := owners(t, of(n)...), owners(t, of(n)[1:]...)
		moved := 0
		for key, was := range before {
			if was != "i0" {
				require.Equal(t, was, after[key], "%d instances", n)
			} else {
				moved++
			}
		}
		require.InEpsilon(t, 10_000/n, moved, 0.5, "%d instances", n)
	}
}

func TestKeysOfAnInstanceThatLeavesAreTheOnlyOnesThatMoveHoweverManyThereAre(t *testing.T) {
	for _, n := range []int{1000, 1024, 1100} {
		before, after := owners(t, of(n)...), owners(t, of(n)[1:]...)
		for key, was := range before {
			if was != "i0" {
				require.Equal(t, was, after[key], "%d instances", n)
			}
		}
	}
}

func TestKeysOfAnEjectedInstanceAreTheOnlyOnesThatMove(t *testing.T) {
	b := balancer(t, stock(of(5)...), loadbalancer.ConsistentHash)
	key := func(i int) loadbalancer.Request { return loadbalancer.Request{Key: fmt.Sprint("customer-", i)} }
	var before []string
	for i := range 1000 {
		before = append(before, pick(t, b, key(i)))
	}
	for range 5 {
		r := key(slices.Index(before, "i0"))
		r.Service = "stock"
		p, err := b.Pick(t.Context(), r)
		require.NoError(t, err)
		p.Done(refused)
	}
	heirs := map[string]bool{}
	for i, was := range before {
		now := pick(t, b, key(i))
		if was == "i0" {
			heirs[now] = true
		} else {
			require.Equal(t, was, now)
		}
	}
	require.Equal(t, only("i1", "i2", "i3", "i4"), heirs, "its keys are shared by all others")
}

func TestKeysAreSharedEvenly(t *testing.T) {
	counts := map[string]int{}
	for _, id := range owners(t, of(10)...) {
		counts[id]++
	}
	require.Len(t, counts, 10)
	for id, n := range counts {
		require.InDelta(t, 1000, n, 350, id)
	}
}

func TestEveryOneOfVeryManyInstancesHasKeys(t *testing.T) {
	for _, n := range []int{1000, 3000} {
		b := balancer(t, stock(of(n)...), loadbalancer.ConsistentHash)
		counts := map[string]int{}
		for i := range n * 100 {
			counts[pick(t, b, loadbalancer.Request{Key: fmt.Sprint("customer-", i)})]++
		}
		require.Len(t, counts, n)
		for id, got := range counts {
			require.InDelta(t, 100, got, 90, id)
		}
	}
}

func TestARequestWithoutAKeyGoesToAnyInstance(t *testing.T) {
	require.Len(t, seen(t, balancer(t, stock(of(3)...), loadbalancer.ConsistentHash), 200), 3)
}
