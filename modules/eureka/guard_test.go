package eureka_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// shown returns what a replica shows of a service: ids, those that are doubtful with a question mark.
func shown(r *eureka.Replica, service string) []string {
	var ids []string
	if set := r.Peek(service); set != nil {
		for _, i := range set.All {
			id := i.ID
			if i.Doubtful {
				id += "?"
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// fourOfStock runs a replica, with or without deltas, of four instances of stock and one of mail.
func fourOfStock(t *testing.T, e *estate, deltas bool) *eureka.Replica {
	t.Helper()
	for _, id := range []string{"a", "b", "c", "d"} {
		listed(t, e, "stock", id, nil)
	}
	listed(t, e, "mail", "m", nil)
	cfg := eureka.DefaultClientConfig()
	cfg.DisableDelta = !deltas
	r := eureka.NewReplica(e.client(t), cfg)
	t.Cleanup(background(r.Run))
	synctest.Wait()
	require.Equal(t, []string{"a", "b", "c", "d"}, shown(r, "stock"))
	return r
}

// untilLook waits for one look at the registry. Looks come every 27 to 30 s, so that a fixed time may hold two.
func untilLook(e *estate) {
	before := len(e.requests())
	for len(e.requests()) == before {
		time.Sleep(100 * time.Millisecond)
	}
	synctest.Wait()
}

func cancelled(t *testing.T, e *estate, ids ...string) {
	t.Helper()
	for _, id := range ids {
		require.NoError(t, e.registry.Cancel("stock", id))
	}
}

func TestAbsenceOfMostOfAServiceIsBelievedWhenItIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, false)
		cancelled(t, e, "a", "b", "c")
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"d", "a?", "b?", "c?"}, shown(r, "stock"))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"d"}, shown(r, "stock"))
	})
}

func TestAbsenceThatIsRefutedWasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, false)
		cancelled(t, e, "a", "b", "c")
		untilLook(e)
		for _, id := range []string{"a", "b", "c"} {
			listed(t, e, "stock", id, nil)
		}
		untilLook(e)
		require.ElementsMatch(t, []string{"a", "b", "c", "d"}, shown(r, "stock"))
		cancelled(t, e, "a", "b", "c")
		untilLook(e)
		require.Equal(t, []string{"d", "a?", "b?", "c?"}, shown(r, "stock"), "and the next time it is doubted anew")
	})
}

func TestAbsenceOfAMinorityAndOfASingleInstanceIsBelievedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, false)
		cancelled(t, e, "a", "b")
		require.NoError(t, e.registry.Cancel("mail", "m"))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"c", "d"}, shown(r, "stock"))
		require.Empty(t, shown(r, "mail"))
	})
}

func TestAnEmptyRegistryAfterAFullOneIsDoubtedAndThenBelieved(t *testing.T) {
	for _, deltas := range []bool{false, true} {
		t.Run(fmt.Sprint("deltas ", deltas), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate()
				r := fourOfStock(t, e, deltas)
				e.registry.Clear()
				time.Sleep(31 * time.Second)
				require.Equal(t, []string{"a?", "b?", "c?", "d?"}, shown(r, "stock"))
				require.Equal(t, []string{"m?"}, shown(r, "mail"))
				time.Sleep(31 * time.Second)
				require.Empty(t, r.Services())
			})
		})
	}
}

func TestWhatADeltaSaysIsBelievedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, true)
		cancelled(t, e, "a", "b", "c")
		require.NoError(t, e.registry.Override("stock", "d", discovery.OutOfService, 0))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"d"}, shown(r, "stock"))
		require.Equal(t, discovery.OutOfService, r.Peek("stock").All[0].Status)
	})
}

// story is what a watcher was told.
func story(t *testing.T, r *eureka.Replica) func() []string {
	t.Helper()
	l := &told{}
	ids := func(all []*discovery.Instance) (text string) {
		for _, i := range all {
			text += i.ID
		}
		return text
	}
	t.Cleanup(background(func(ctx context.Context) error {
		return r.Watch(ctx, func(c eureka.Change) {
			l.add(fmt.Sprintf("%s +%s ~%s -%s", c.Service, ids(c.Added), ids(c.Changed), ids(c.Removed)))
		})
	}))
	return func() []string { synctest.Wait(); return l.take() }
}

func TestWatchersAreToldWhatIsAddedChangedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, true)
		told := story(t, r)
		require.Equal(t, []string{"mail +m ~ -", "stock +abcd ~ -"}, told())
		time.Sleep(5 * time.Minute)
		require.Empty(t, told())
		cancelled(t, e, "a")
		listed(t, e, "stock", "e", nil)
		listed(t, e, "new", "n", nil)
		require.NoError(t, e.registry.Override("stock", "b", discovery.OutOfService, 0))
		require.NoError(t, e.registry.Cancel("mail", "m"))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"new +n ~ -", "stock +e ~b -a", "mail + ~ -m"}, told())
	})
}

func TestAWatcherThatTakesItsTimeDelaysNobodyAndMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := fourOfStock(t, e, true)
		last := map[string]string{}
		free := make(chan struct{})
		t.Cleanup(background(func(ctx context.Context) error {
			return r.Watch(ctx, func(c eureka.Change) {
				<-free
				for _, i := range append(c.Added, c.Changed...) {
					last[i.ID] = i.Status.String()
				}
				for _, i := range c.Removed {
					delete(last, i.ID)
				}
			})
		}))
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, e.registry.Override("stock", id, discovery.OutOfService, 0))
			time.Sleep(31 * time.Second)
		}
		cancelled(t, e, "d")
		time.Sleep(31 * time.Second)
		require.Len(t, shown(r, "stock"), 3)
		close(free)
		synctest.Wait()
		require.Equal(t, map[string]string{"a": "OUT_OF_SERVICE", "b": "OUT_OF_SERVICE", "c": "OUT_OF_SERVICE", "m": "UP"}, last)
	})
}

func TestTheReplicaIsReadByApplicationVIPAndID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "app", "a", func(i *eureka.Instance) { i.VIPAddress, i.SecureVIPAddress = "One, two", "Two,three" })
		listed(t, e, "app", "b", func(i *eureka.Instance) { i.VIPAddress = "one" })
		r := eureka.NewReplica(e.client(t), eureka.DefaultClientConfig())
		require.Nil(t, r.Application("app"))
		require.Nil(t, r.VIP("one"))
		t.Cleanup(background(r.Run))
		synctest.Wait()
		require.Len(t, r.Application("App").All, 2)
		require.Len(t, r.VIP("ONE").All, 2)
		require.Len(t, r.VIP("two").All, 1)
		require.Nil(t, r.VIP("three"))
		require.Nil(t, r.VIP("app"))
		require.Equal(t, "a", r.SecureVIP("Two").All[0].ID)
		require.Equal(t, "a", r.SecureVIP("three").All[0].ID)
		require.Nil(t, r.SecureVIP("one"))
		require.Equal(t, "b", r.InstanceByID("b").ID)
		require.Nil(t, r.InstanceByID("nobody"))
		require.Nil(t, r.Application("nobody"))
	})
}

func TestOnlyWhatIsUPIsShownWhenThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		listed(t, e, "stock", "b", func(i *eureka.Instance) { i.Status = discovery.Down })
		cfg := eureka.DefaultClientConfig()
		cfg.OnlyUp = true
		r := eureka.NewReplica(e.client(t), cfg)
		t.Cleanup(background(r.Run))
		synctest.Wait()
		require.Equal(t, []string{"a"}, shown(r, "stock"))
		require.NoError(t, e.registry.Override("stock", "a", discovery.OutOfService, 0))
		listed(t, e, "stock", "b", nil)
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"b"}, shown(r, "stock"))
		require.Equal(t, []string{"GET apps/", "GET apps/delta"}, e.requests(), "the hash counts the others, too")
	})
}

func TestOneVIPIsFetchedAloneWhenThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		listed(t, e, "mail", "m", nil)
		cfg := eureka.DefaultClientConfig()
		cfg.SingleVIP = "stock"
		r := eureka.NewReplica(e.client(t), cfg)
		t.Cleanup(background(r.Run))
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"stock"}, r.Services())
		require.Equal(t, []string{"GET vips/stock", "GET vips/stock"}, e.requests())
	})
}

func TestAnApplicationOfFiftyThousandInstancesIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		for n := range 50_000 { // the delta repeats all of them
			listed(t, e, "crowd", fmt.Sprint("i", n), nil)
		}
		r := replicating(t, e)
		synctest.Wait()
		require.Len(t, r.Peek("crowd").All, 50_000)
		require.NoError(t, e.registry.Cancel("crowd", "i7"))
		time.Sleep(31 * time.Second)
		require.Len(t, r.Peek("crowd").All, 49_999)
	})
}
