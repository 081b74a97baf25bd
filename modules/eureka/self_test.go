package eureka_test

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// following runs a registrar that sees what a replica sees.
func following(t *testing.T, e *estate, address discovery.Address) *eureka.Registrar {
	t.Helper()
	r := registering(t, e, eureka.WithRegistrarLogger(e.logger))
	replica := replicating(t, e)
	t.Cleanup(background(func(ctx context.Context) error { return r.Follow(ctx, replica) }))
	r.Up(address)
	return r
}

// entered puts an entry under the id of [self] into the registry, an hour newer than now.
func entered(t *testing.T, e *estate, port int) {
	t.Helper()
	i := self(discovery.Address{Port: port})
	i.LastDirty = time.Now().Add(time.Hour).UnixMilli()
	i.VIPAddress = "before"
	require.NoError(t, e.registry.Register(i, false))
}

func entry(e *estate) *eureka.Instance { return e.registry.Instance("ORDERS", "me") }

func TestAProgramRestartedWithItsClockSetBackIsShownWithinOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		var log strings.Builder
		e.logger = slog.New(slog.NewTextHandler(&log, nil))
		entered(t, e, here.Port)
		before := entry(e).LastDirty
		r := following(t, e, here)
		synctest.Wait()
		time.Sleep(31 * time.Second)
		require.Equal(t, "orders", entry(e).VIPAddress, "the server had kept what was there")
		require.Equal(t, before+1, entry(e).LastDirty)
		e.forget()
		time.Sleep(5 * time.Minute)
		require.NotContains(t, strings.Join(e.requests(), " "), "POST", "once")
		require.NoError(t, r.Down(t.Context()))
		require.Equal(t, discovery.Down, entry(e).Status)
		require.Contains(t, log.String(), "registering again as newer still")
	})
}

func TestAProgramThatOnlyRegistersFindsItsOwnEntryToo(t *testing.T) {
	for name, port := range map[string]int{"its clock was set back": here.Port, "another has its id": 9999} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate()
				entered(t, e, port)
				before := entry(e).LastDirty
				r := registering(t, e)
				t.Cleanup(background(r.FollowAlone))
				r.Up(here)
				time.Sleep(31 * time.Second)
				require.Equal(t, here.Port, entry(e).Port.Number)
				require.Equal(t, "orders", entry(e).VIPAddress)
				require.Equal(t, before+1, entry(e).LastDirty)
				e.forget()
				time.Sleep(30 * time.Minute)
				requests := strings.Join(e.requests(), "\n")
				require.NotContains(t, requests, "POST")
				require.LessOrEqual(t, strings.Count(requests, "GET"), 12, "seldom")
			})
		})
	}
}

func TestAnEntryThatNothingIsNewerThanIsReplacedOnce(t *testing.T) {
	for name, keeps := range map[string]bool{"it goes": false, "it comes back": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate()
				var log strings.Builder
				e.logger = slog.New(slog.NewTextHandler(&log, nil))
				i := self(here)
				i.LastDirty, i.VIPAddress = math.MaxInt64, "before"
				require.NoError(t, e.registry.Register(i, false))
				if keeps {
					e.break_(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodDelete {
							return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
						}
						return nil, nil
					})
				}
				r := following(t, e, here)
				time.Sleep(10 * time.Minute)
				require.True(t, r.Registered())
				require.Equal(t, keeps, entry(e).LastDirty == math.MaxInt64)
				require.Equal(t, keeps, entry(e).VIPAddress == "before")
				require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
				requests := strings.Join(e.requests(), "\n")
				require.Equal(t, 1, strings.Count(requests, "DELETE"), requests)
				require.Equal(t, 2, strings.Count(requests, "POST"), requests)
			})
		})
	}
}

func TestAnApplicationThatIsNamedInLowerCaseIsFoundInTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		entered(t, e, here.Port)
		before := entry(e).LastDirty
		replica := replicating(t, e)
		r := eureka.NewRegistrar(e.client(t), eureka.DefaultInstanceConfig(), func(at discovery.Address) *eureka.Instance {
			i := self(at)
			i.App = "orders"
			return i
		})
		t.Cleanup(background(r.Run))
		t.Cleanup(background(func(ctx context.Context) error { return r.Follow(ctx, replica) }))
		r.Up(here)
		time.Sleep(31 * time.Second)
		require.Equal(t, before+1, entry(e).LastDirty, "registered again as newer than what was there")
	})
}

func TestAnIDIsTakenOverOnceAndThenLeftToTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		var log strings.Builder
		e.logger = slog.New(slog.NewTextHandler(&log, nil))
		entered(t, e, 9999)
		r := following(t, e, here)
		time.Sleep(31 * time.Second)
		require.Equal(t, here.Port, entry(e).Port.Number, "taken over after the own start")
		entered(t, e, 9999) // it is alive, and back
		e.forget()
		time.Sleep(10 * time.Minute)
		require.Equal(t, 9999, entry(e).Port.Number)
		require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), log.String())
		for _, address := range []string{"localhost:8080", "localhost:9999"} {
			require.Contains(t, log.String(), address)
		}
		requests := strings.Join(e.requests(), "\n")
		require.NotContains(t, requests, "POST")
		require.GreaterOrEqual(t, strings.Count(requests, "PUT"), 20, "heartbeats go on")
		require.NoError(t, r.Down(t.Context()))
		require.NoError(t, r.Remove(t.Context()))
		require.Equal(t, 9999, entry(e).Port.Number, "neither deletes the other")
		require.Equal(t, discovery.Up, entry(e).Status)
	})
}

func TestTwoProgramsWithOneIDEachSaySoOnceAndComeToRest(t *testing.T) {
	for name, second := range map[string]time.Duration{"the second right after the first": 0, "the second much later": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEstate()
				var logs [2]strings.Builder
				programs := make([]*eureka.Registrar, 2)
				for n, port := range []int{8080, 9090} {
					e.logger = slog.New(slog.NewTextHandler(&logs[n], nil))
					programs[n] = following(t, e, discovery.Address{Port: port})
					synctest.Wait()
					time.Sleep(second)
				}
				time.Sleep(5 * time.Minute)
				e.forget()
				time.Sleep(10 * time.Minute)
				requests := strings.Join(e.requests(), "\n")
				require.NotContains(t, requests, "POST")
				require.GreaterOrEqual(t, strings.Count(requests, "PUT"), 40, "heartbeats of both go on")
				for n := range logs {
					require.Equal(t, 1, strings.Count(logs[n].String(), "level=ERROR"), logs[n].String())
					require.Contains(t, logs[n].String(), "localhost:8080")
					require.Contains(t, logs[n].String(), "localhost:9090")
				}
				shown, hidden := programs[0], programs[1]
				if entry(e).Port.Number == 9090 {
					shown, hidden = hidden, shown
				}
				require.NoError(t, hidden.Down(t.Context()))
				require.NoError(t, hidden.Remove(t.Context()))
				require.Equal(t, discovery.Up, entry(e).Status, "it does not delete the other")
				require.NoError(t, shown.Down(t.Context()))
				require.NoError(t, shown.Remove(t.Context()))
				require.Nil(t, entry(e))
			})
		})
	}
}

// heartbeatsAreAnswered is a server beside the one that lists nothing any more.
func heartbeatsAreAnswered(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}
	return nil, nil
}

func TestWhatOneServerHasLostIsFoundOutAlthoughAnotherTakesTheHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "other", "o", nil)
		r := following(t, e, here)
		synctest.Wait()
		e.break_(heartbeatsAreAnswered)
		e.registry.Clear()
		listed(t, e, "other", "o", nil)
		time.Sleep(90 * time.Second)
		require.NotNil(t, entry(e))
		require.True(t, r.Registered())
	})
}
