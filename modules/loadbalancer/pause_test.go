package loadbalancer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// asks is an answer that asks to be left alone.
func asks(status int, d time.Duration) loadbalancer.Outcome {
	return loadbalancer.Outcome{Failed: status >= 500, Status: status, RetryAfter: d}
}

func TestAnInstanceThatAsksForItIsLeftAloneForThatLong(t *testing.T) {
	for name, tc := range map[string]struct {
		o     loadbalancer.Outcome
		least time.Duration
		most  time.Duration
	}{
		"unavailable":       {asks(503, 20*time.Second), 20 * time.Second, 24 * time.Second},
		"too many requests": {asks(429, 20*time.Second), 20 * time.Second, 24 * time.Second},
		"a year":            {asks(503, 365*24*time.Hour), 5 * time.Minute, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := balancer(t, stock(of(3)...), loadbalancer.RoundRobin)
				tell(t, b, "i0", tc.o)
				time.Sleep(tc.least - time.Millisecond)
				require.Equal(t, only("i1", "i2"), users(t, b))
				require.Equal(t, "i0", pick(t, b, loadbalancer.Request{Tried: []string{"i1", "i2"}}), "better than nobody")
				time.Sleep(tc.most - tc.least + 2*time.Millisecond)
				tell(t, b, "i0", keeps)
				require.Equal(t, only("i0", "i1", "i2"), users(t, b))
			})
		})
	}
}

func TestWhatWasAskedForLastsWhateverIsAnsweredToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		var under loadbalancer.Pick // a call that is under way
		for under.Instance() == nil || under.Instance().ID != "i0" {
			var err error
			under, err = b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
		}
		tell(t, b, "i0", asks(503, time.Minute))
		under.Done(keeps)
		require.Equal(t, only("i1"), users(t, b))
	})
}

func TestNoMoreThanHalfAreLeftAloneSinceTheyAskNorTheLast(t *testing.T) {
	for name, tc := range map[string]struct {
		instances int
		want      map[string]bool
	}{
		"one":   {1, only("i0")},
		"two":   {2, only("i1")},
		"three": {3, only("i1", "i2")},
		"four":  {4, only("i2", "i3")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := balancer(t, stock(of(tc.instances)...), loadbalancer.RoundRobin)
				for _, i := range of(tc.instances) {
					tell(t, b, i.ID, asks(503, time.Minute))
				}
				require.Equal(t, tc.want, users(t, b))
			})
		})
	}
}

func TestATrialMayAskForMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		tell(t, b, "i0", asks(503, 10*time.Second))
		time.Sleep(12*time.Second + time.Millisecond)
		tell(t, b, "i0", asks(503, time.Minute))
		time.Sleep(time.Minute - time.Millisecond)
		require.Equal(t, only("i1"), users(t, b))
	})
}

func TestNobodyIsLeftAloneWithEjectionSwitchedOff(t *testing.T) {
	cfg := loadbalancer.DefaultConfig()
	cfg.Ejection.Enabled, cfg.Strategy = false, loadbalancer.RoundRobin
	b, err := loadbalancer.New(cfg, discovery.Static{"stock": discovery.NewSet(of(2)...)})
	require.NoError(t, err)
	tell(t, b, "i0", asks(503, time.Minute))
	require.Equal(t, only("i0", "i1"), users(t, b))
}
