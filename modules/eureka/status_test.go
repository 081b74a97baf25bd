package eureka_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

func statuses(e *estate) []string {
	i := e.registry.Instance("ORDERS", "me")
	return []string{i.Status.String(), i.OverriddenStatus.String()}
}

func TestAStatusThatTheProgramSetsIsAnOverrideThatSurvivesHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService))
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
		require.NoError(t, r.ClearStatus(t.Context()))
		require.Equal(t, []string{"UP", "UNKNOWN"}, statuses(e))
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"UP", "UNKNOWN"}, statuses(e))
	})
}

func TestAStatusThatTheProgramSetsSurvivesAServerThatForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService), "before it is registered it is remembered")
		r.Up(here)
		synctest.Wait()
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
		e.registry.Clear()
		time.Sleep(31 * time.Second)
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
		require.NoError(t, r.ClearStatus(t.Context()))
		require.Equal(t, []string{"UP", "UNKNOWN"}, statuses(e))
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService))
		require.NoError(t, r.Down(t.Context()))
		require.Equal(t, "DOWN", statuses(e)[0], "a stop beats it")
	})
}

func TestAStatusThatNoServerTakesIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) { return nil, errRefused })
		require.ErrorIs(t, r.SetStatus(t.Context(), discovery.OutOfService), errRefused)
		e.break_(nil)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
		require.ErrorContains(t, r.SetStatus(t.Context(), discovery.Unknown), "ClearStatus")
	})
}

func TestAnOverrideOfAnOperatorIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.NoError(t, e.client(t).Override(t.Context(), "orders", "me", discovery.OutOfService, r.Instance().LastDirty))
		time.Sleep(5 * time.Minute)
		require.Equal(t, []string{"OUT_OF_SERVICE", "OUT_OF_SERVICE"}, statuses(e))
	})
}

// told records what a listener is told.
type told struct {
	mu  sync.Mutex
	all []string
}

func (l *told) add(what string) { l.mu.Lock(); defer l.mu.Unlock(); l.all = append(l.all, what) }

func (l *told) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

func (l *told) listener() eureka.Listener {
	return eureka.Listener{
		Failed:  func(op eureka.Operation, err error) { l.add(fmt.Sprintf("%s: %t", op, errors.Is(err, errRefused))) },
		Changed: func(from, to discovery.Status) { l.add(from.String() + " → " + to.String()) },
	}
}

func TestListenersAreToldWhatFailsAndWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		l := &told{}
		e.listeners = []eureka.Listener{{}, l.listener()}
		refused := func(*http.Request) (*http.Response, error) { return nil, errRefused }
		e.break_(refused)
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.Equal(t, []string{"registration: true"}, l.take())
		e.break_(nil)
		time.Sleep(time.Second)
		require.Equal(t, []string{"UNKNOWN → UP"}, l.take())
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService))
		synctest.Wait()
		require.Equal(t, []string{"UP → OUT_OF_SERVICE"}, l.take())
		require.NoError(t, r.ClearStatus(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{"OUT_OF_SERVICE → UP"}, l.take())
		e.registry.Clear()
		time.Sleep(35 * time.Second)
		require.Empty(t, l.take(), "being forgotten is neither")
		e.break_(refused)
		time.Sleep(31 * time.Second)
		require.Contains(t, l.take(), "status update: true", "a heartbeat")
		e.break_(nil)
		time.Sleep(30 * time.Second)
		l.take()
		require.NoError(t, r.Down(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{"UP → DOWN"}, l.take())
	})
}

func TestAListenerThatPanicsBlocksOrCallsBackStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		var r *eureka.Registrar
		free := make(chan struct{})
		calls := 0
		l := &told{}
		e.listeners = []eureka.Listener{{Changed: func(discovery.Status, discovery.Status) {
			switch calls++; calls {
			case 1:
				panic("mine")
			case 2:
				require.NoError(t, r.SetStatus(t.Context(), discovery.Down))
			default:
				<-free
			}
		}}, l.listener()}
		r = registering(t, e)
		r.Up(here)
		synctest.Wait()
		require.NoError(t, r.SetStatus(t.Context(), discovery.OutOfService))
		synctest.Wait()
		require.Equal(t, []string{"UNKNOWN → UP", "UP → OUT_OF_SERVICE"}, l.take())
		require.Equal(t, "DOWN", statuses(e)[0])
		e.forget()
		time.Sleep(5 * time.Minute)
		require.GreaterOrEqual(t, len(e.requests()), 9, "heartbeats go on while it blocks")
		require.NoError(t, r.Down(t.Context()))
		require.NoError(t, r.Remove(t.Context()))
		close(free)
	})
}
