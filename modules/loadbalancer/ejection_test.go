package loadbalancer_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

var (
	refused = loadbalancer.Outcome{Failed: true, Unsent: true}
	broken  = loadbalancer.Outcome{Failed: true}
)

func fail(t testing.TB, b *loadbalancer.Balancer, id string, times int, o loadbalancer.Outcome) {
	t.Helper()
	for range times {
		tell(t, b, id, o)
	}
}

func TestFiveFailuresInARowEject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(4)...), loadbalancer.RoundRobin)
		fail(t, b, "i0", 4, broken)
		tell(t, b, "i0", keeps)
		fail(t, b, "i0", 4, broken)
		require.Contains(t, users(t, b), "i0", "not in a row")
		fail(t, b, "i0", 1, broken)
		require.Equal(t, only("i1", "i2", "i3"), users(t, b))
		require.Equal(t, "i0", pick(t, b, loadbalancer.Request{Tried: []string{"i1", "i2", "i3"}}), "better than nobody")
	})
}

func TestEveryStrategyAvoidsAnEjectedInstance(t *testing.T) {
	for _, strategy := range strategies {
		synctest.Test(t, func(t *testing.T) {
			b := balancer(t, stock(of(3)...), strategy)
			first := pick(t, b, loadbalancer.Request{})
			fail(t, b, first, 5, refused)
			for range 50 {
				require.NotEqual(t, first, pick(t, b, loadbalancer.Request{}), strategy)
			}
		})
	}
}

func TestAnEjectedInstanceIsTriedByOneCallAfterTimesThatDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		fail(t, b, "i0", 5, refused)
		for _, out := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
			time.Sleep(out * time.Second * 79 / 100)
			require.Equal(t, only("i1"), users(t, b), "no sooner than %d s less 20 %%", out)
			time.Sleep(out * time.Second * 42 / 100)
			trials := 0
			var trial loadbalancer.Pick
			for range 20 {
				p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
				require.NoError(t, err)
				if p.Instance().ID == "i0" {
					trials, trial = trials+1, p
				}
			}
			require.Equal(t, 1, trials, "after %d s", out)
			trial.Done(refused)
		}
		time.Sleep(6 * time.Minute)
		tell(t, b, "i0", keeps)
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}

func TestATrialThatToldNothingIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
		fail(t, b, "i0", 5, refused)
		time.Sleep(6 * time.Second)
		tell(t, b, "i0", loadbalancer.Outcome{Unknown: true})
		tell(t, b, "i0", keeps)
		require.Equal(t, only("i0", "i1"), users(t, b))
	})
}

func TestTimesOutBeginAnewForAnInstanceThatWasWellForAsLong(t *testing.T) {
	for _, tc := range []struct {
		well time.Duration
		out  time.Duration
	}{{time.Second, 10 * time.Second}, {time.Minute, 5 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			b := balancer(t, stock(of(2)...), loadbalancer.RoundRobin)
			fail(t, b, "i0", 5, refused)
			time.Sleep(7 * time.Second)
			tell(t, b, "i0", keeps)
			time.Sleep(tc.well)
			fail(t, b, "i0", 5, refused)
			time.Sleep(tc.out * 79 / 100)
			require.Equal(t, only("i1"), users(t, b))
			time.Sleep(tc.out * 42 / 100)
			require.Equal(t, only("i0", "i1"), users(t, b))
		})
	}
}

func TestAtMostHalfAreEjectedForTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(5)...), loadbalancer.RoundRobin)
		for _, id := range []string{"i0", "i1", "i2", "i3"} {
			fail(t, b, id, 5, broken)
		}
		require.Equal(t, only("i2", "i3", "i4"), users(t, b))
	})
}

func TestInstancesThatRefuseAreEjectedButForTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(4)...), loadbalancer.RoundRobin)
		for _, id := range []string{"i0", "i1", "i2"} {
			fail(t, b, id, 5, refused)
		}
		require.Equal(t, only("i3"), users(t, b))
	})
}

func TestWhenAllInstancesFailAllAreUsedUntilOneAnswers(t *testing.T) {
	for name, o := range map[string]loadbalancer.Outcome{"refusing": refused, "failing": broken} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := balancer(t, stock(of(4)...), loadbalancer.RoundRobin)
				ids := []string{"i0", "i1", "i2", "i3"}
				for _, id := range ids {
					fail(t, b, id, 5, o)
				}
				require.Equal(t, only(ids...), users(t, b))
				for _, id := range ids {
					fail(t, b, id, 20, o)
				}
				require.Equal(t, only(ids...), users(t, b))
				tell(t, b, "i0", keeps)
				back := users(t, b)
				require.Contains(t, back, "i0")
				require.NotContains(t, back, "i1", "its time out is not over")
			})
		})
	}
}

func TestTheOnlyInstanceIsNeverEjected(t *testing.T) {
	b := balancer(t, stock(of(1)...), loadbalancer.RoundRobin)
	fail(t, b, "i0", 50, refused)
	require.Equal(t, only("i0"), users(t, b))
}

func TestAListThatShrinksKeepsTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &changing{discovery.NewSet(of(4)...)}
		b := balancer(t, r, loadbalancer.RoundRobin)
		fail(t, b, "i0", 5, broken)
		fail(t, b, "i1", 5, broken)
		require.Equal(t, only("i2", "i3"), users(t, b))
		r.set = discovery.NewSet(of(2)...)
		require.Equal(t, only("i1"), users(t, b), "one of two may be out")
		r.set = discovery.NewSet(of(1)...)
		require.Equal(t, only("i0"), users(t, b), "the last is in")
	})
}

func TestAnAnswerOfACallThatBeganEarlierBringsAnInstanceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := balancer(t, stock(of(2)...), loadbalancer.Stick)
		slow, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
		require.NoError(t, err)
		id := slow.Instance().ID
		fail(t, b, id, 5, broken)
		require.NotContains(t, users(t, b), id)
		slow.Done(keeps)
		other := pick(t, b, loadbalancer.Request{})
		require.NotEqual(t, id, other, "stick stays where it went")
		require.Equal(t, id, pick(t, b, loadbalancer.Request{Tried: []string{other}}))
	})
}

func TestEjectionIsSwitchedOffBySetting(t *testing.T) {
	cfg := loadbalancer.DefaultConfig()
	cfg.Ejection.Enabled, cfg.Strategy = false, loadbalancer.RoundRobin
	b, err := loadbalancer.New(cfg, stock(of(2)...))
	require.NoError(t, err)
	fail(t, b, "i0", 20, refused)
	require.Equal(t, only("i0", "i1"), users(t, b))
}

func TestEjectionAndReturnAreOneLineEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b, err := loadbalancer.New(loadbalancer.DefaultConfig(), stock(of(2)...), loadbalancer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		require.NoError(t, err)
		fail(t, b, "i0", 5, refused)
		time.Sleep(7 * time.Second)
		tell(t, b, "i0", keeps)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], `msg="instance ejected" logger=loadbalancer service=stock instance=i0 failures=5 for=5s`)
		require.Contains(t, lines[1], `msg="instance takes calls again" logger=loadbalancer service=stock instance=i0`)
	})
}

func TestTheListMayShrinkWhileACallGoesOn(t *testing.T) {
	r := &changing{discovery.NewSet(of(3)...)}
	b := balancer(t, r, loadbalancer.RoundRobin)
	first, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	var rest []discovery.Instance
	for _, i := range of(3) {
		if i.ID != first.Instance().ID {
			rest = append(rest, i)
		}
	}
	r.set = discovery.NewSet(rest...)
	second, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock", Tried: []string{first.Instance().ID}})
	require.NoError(t, err)
	require.Equal(t, 1, second.Left(), "what is gone is not counted as tried")
	require.False(t, second.Last())
}
