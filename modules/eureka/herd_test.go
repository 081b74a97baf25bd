//go:build !race

package eureka_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// herdServer is a server that can be away, forgets everybody when it comes back, and counts what then arrives in each second.
type herdServer struct {
	mu       sync.Mutex
	away     bool
	restarts int
	known    map[string]bool
	since    time.Time // of the first answer after a restart
	beats    map[int]int
	fulls    map[int]int
}

func (h *herdServer) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.away {
		return nil, errRefused
	}
	if h.since.IsZero() {
		h.since = time.Now()
	}
	second := int(time.Since(h.since) / time.Second)
	status := func(code int) (*http.Response, error) {
		return &http.Response{StatusCode: code, Body: http.NoBody}, nil
	}
	listed := 10 // before the restart; after it most of them are not back yet
	if h.restarts > 0 {
		listed = 3
	}
	registry := func(instances int) string {
		var all []string
		for n := range instances {
			all = append(all, fmt.Sprintf(`{"instanceId":"i%d","app":"STOCK","hostName":"h","status":"UP"}`, n))
		}
		return fmt.Sprintf(`{"applications":{"apps__hashcode":"UP_%d_","application":[{"name":"STOCK","instance":[%s]}]}}`, listed, strings.Join(all, ","))
	}
	switch id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; {
	case r.Method == http.MethodPost:
		h.known[r.Header.Get("DiscoveryIdentity-Id")] = true
		return status(http.StatusNoContent)
	case r.Method == http.MethodPut:
		if h.beats[second]++; h.known[id] {
			return status(http.StatusOK)
		}
		return status(http.StatusNotFound)
	case id == "delta":
		return answer(registry(0)), nil
	}
	h.fulls[second]++
	return answer(registry(listed)), nil
}

func (h *herdServer) leave() { h.mu.Lock(); defer h.mu.Unlock(); h.away = true }

func (h *herdServer) comeBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away, h.since, h.known, h.beats, h.fulls = false, time.Time{}, map[string]bool{}, map[int]int{}, map[int]int{}
	h.restarts++
}

// busiest returns how the busiest second of the first minute compares with the mean.
func busiest(seconds map[int]int) (ratio float64, total int) {
	most := 0
	for second := range 60 {
		total += seconds[second]
		most = max(most, seconds[second])
	}
	return float64(most) * 60 / float64(total), total
}

// A thousand clients that were all started in the same moment meet a server that has forgotten them. The race detector of Go 1.26
// crashes on that many timers in a bubble.
func TestClientsOfAServerThatCameBackDoNotComeAtOnce(t *testing.T) {
	const clients = 1000
	for _, away := range []time.Duration{0, 10 * time.Second, time.Minute} {
		t.Run(fmt.Sprint("away for ", away), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &herdServer{restarts: -1}
				server.comeBack()
				for n := range clients {
					id := fmt.Sprint("me-", n)
					client, err := eureka.NewClient(eureka.DefaultClientConfig(), eureka.WithTransport(server), eureka.WithIdentity(func() string { return id }))
					require.NoError(t, err)
					registrar := eureka.NewRegistrar(client, eureka.DefaultInstanceConfig(), func(address discovery.Address) *eureka.Instance {
						i := self(address)
						i.InstanceID = id
						return i
					})
					replica := eureka.NewReplica(client, eureka.DefaultClientConfig())
					for _, run := range []func(context.Context) error{registrar.Run, replica.Run} {
						t.Cleanup(background(run))
					}
					registrar.Up(here)
				}
				time.Sleep(90 * time.Second)
				server.leave()
				time.Sleep(away)
				server.comeBack()
				time.Sleep(3 * time.Minute)
				server.mu.Lock()
				defer server.mu.Unlock()
				beats, all := busiest(server.beats)
				require.Greater(t, all, 2*clients*9/10)
				require.LessOrEqual(t, beats, 2.0, "heartbeats: busiest second beside the mean")
				fulls, all := busiest(server.fulls)
				require.GreaterOrEqual(t, all, clients*9/10)
				require.LessOrEqual(t, fulls, 3.0, "full fetches: busiest second beside the mean")
				t.Logf("busiest second beside the mean: heartbeats %.2f, full fetches %.2f", beats, fulls)
			})
		})
	}
}
