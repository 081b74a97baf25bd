//go:build !windows

package springcloud_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/starter"
)

// startPeer starts one of two real servers that replicate to each other. They tell each other apart by host name, so one is
// localhost and the other 127.0.0.1.
func startPeer(t *testing.T, host string, port int, peer string) *eureka {
	t.Helper()
	e := &eureka{port: port, kind: "spring", host: host}
	e.process = start(t, "peer "+host, "java", append(slices.Clone(javaFlags), "-jar", jarOf("eureka-server"),
		fmt.Sprint("--server.port=", port), "--server.address=127.0.0.1", "--eureka.instance.hostname="+host,
		"--eureka.instance.ip-address=127.0.0.1", fmt.Sprintf("--eureka.instance.instance-id=%s:eureka-server:%d", host, port),
		"--eureka.client.register-with-eureka=true", "--eureka.client.service-url.defaultZone="+peer,
		"--eureka.server.wait-time-in-ms-when-sync-empty=0", "--eureka.server.registry-sync-retries=0",
		"--eureka.server.use-read-only-response-cache=false", "--eureka.server.enable-self-preservation=false",
		"--eureka.server.eviction-interval-timer-in-ms=1000")...)
	e.await(t, `Started .* in`)
	return e
}

// sent is one request of a client, with when it began and ended.
type sent struct {
	method, host string
	began, ended time.Time
	answered     bool
}

// watching carries requests and writes them down.
type watching struct {
	http.Transport
	mu  sync.Mutex
	all []sent
}

func (w *watching) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	response, err := w.Transport.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, sent{r.Method, r.URL.Host, began, time.Now(), err == nil})
	return response, err
}

func (w *watching) since(moment time.Time) []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	var later []sent
	for _, s := range w.all {
		if s.began.After(moment) {
			later = append(later, s)
		}
	}
	return later
}

func TestTheSecondOfTwoPeersTakesOverWithinAQuarterOfTheInterval(t *testing.T) {
	for name, fault := range map[string]struct {
		strike, heal func(t *testing.T, first *eureka) *eureka
	}{
		"killed": {
			func(_ *testing.T, first *eureka) *eureka { first.stop(syscall.SIGKILL, time.Second); return first },
			func(t *testing.T, first *eureka) *eureka { return startPeer(t, first.host, first.port, first.peer) },
		},
		"stopped": {
			func(t *testing.T, first *eureka) *eureka {
				first.signal(syscall.SIGSTOP)
				t.Cleanup(func() { first.signal(syscall.SIGCONT) })
				return first
			},
			func(_ *testing.T, first *eureka) *eureka { first.signal(syscall.SIGCONT); return first },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const interval = 8 * time.Second
			ports := []int{freePort(t), freePort(t)}
			urls := []string{fmt.Sprintf("http://localhost:%d/eureka/", ports[0]), fmt.Sprintf("http://127.0.0.1:%d/eureka/", ports[1])}
			var first, second *eureka
			var both sync.WaitGroup
			both.Go(func() { first = startPeer(t, "localhost", ports[0], urls[1]) })
			both.Go(func() { second = startPeer(t, "127.0.0.1", ports[1], urls[0]) })
			both.Wait()
			first.peer = urls[1]
			carried := &watching{}
			agent, err := starter.Init(t.Context(), starter.Config{
				EurekaServer: urls[0] + "," + urls[1], AppName: "survivor", InstanceHost: "localhost", InstanceIP: "127.0.0.1", InstancePort: 4711,
				RenewalInterval: interval, LeaseDuration: 90 * time.Second, Transport: carried,
			})
			require.NoError(t, err)
			defer agent.Close(context.Background())
			second.awaitUp(t, "survivor", 1) // replicated

			preferred := fmt.Sprint("localhost:", ports[0])
			eventually(t, time.Minute, "the preferred server in use", func() bool { // a slow machine may have made it look away
				all := carried.since(time.Time{})
				return len(all) > 0 && all[len(all)-1].host == preferred && all[len(all)-1].answered
			})

			struck := time.Now()
			first = fault.strike(t, first)
			var met, took sent // the first renewal or fetch that meets the first server
			eventually(t, 3*interval, "an answer of the second", func() bool {
				met, took = sent{}, sent{}
				for _, s := range carried.since(struck) {
					switch {
					case met.began.IsZero() && s.host == preferred && !s.answered:
						met = s
					case !met.began.IsZero() && took.began.IsZero() && s.method == met.method && s.host != preferred && s.answered:
						took = s
					}
				}
				return !took.began.IsZero()
			})
			require.Less(t, took.ended.Sub(met.began), interval/4)
			require.LessOrEqual(t, met.ended.Sub(met.began), interval/8+200*time.Millisecond, "half of that for one server")
			t.Logf("%s: the second had answered the %s after %v, the first had had %v", name, met.method, took.ended.Sub(met.began), met.ended.Sub(met.began))
			require.Equal(t, "UP", second.statusOf("survivor", agent.InstanceID()), "nobody is lost")

			first = fault.heal(t, first)
			healed := time.Now()
			eventually(t, 2*time.Minute, "the preferred server to be used again", func() bool {
				require.Equal(t, "UP", second.statusOf("survivor", agent.InstanceID()), "nobody is lost")
				return slices.ContainsFunc(carried.since(healed), func(s sent) bool { return s.host == preferred && s.answered && s.method == http.MethodPut })
			})
			first.awaitUp(t, "survivor", 1)
			require.True(t, strings.HasPrefix(agent.InstanceID(), "127.0.0.1:survivor"))
		})
	}
}
