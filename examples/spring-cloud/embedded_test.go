package springcloud_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// override sets the status of an instance from outside, as an operator does; "" removes it.
func (e *eureka) override(t *testing.T, app, id, status string) {
	t.Helper()
	method, path := http.MethodPut, e.url()+"apps/"+strings.ToUpper(app)+"/"+id+"/status?value="+status
	if status == "" {
		method, path = http.MethodDelete, strings.TrimSuffix(path, "?value=")+"?value=UP"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

// answerers returns which instances answer so many calls of a URL. A call that fails is an empty one.
func answerers(t *testing.T, url string, calls int) (all []string) {
	t.Helper()
	for range calls {
		status, body, _ := get(t.Context(), url)
		if status != http.StatusOK {
			body = ""
		}
		if !slices.Contains(all, body) {
			all = append(all, body)
		}
	}
	return all
}

func TestSpringPythonAndAGatewayLiveTheirWholeLifeWithTheEmbeddedServer(t *testing.T) {
	kept := []string{"--eureka.server.snapshot.file=" + filepath.Join(t.TempDir(), "registry.json"), "--eureka.server.snapshot.interval=500ms"}
	server := startEureka(t, "archimedes", 0, kept...)
	one, other := startJava(t, "java-service", server), startJava(t, "java-service", server)
	gateway := startGateway(t, server)
	py := start(t, "python", python, abs(t, "testdata/service.py"), server.url())
	py.await(t, `serving on (\d+)`)
	springs := func() {
		t.Helper()
		server.awaitUp(t, "java-service", 2)
		server.awaitUp(t, "gateway", 1)
	}
	springs()
	server.awaitUp(t, "python-service", 1)
	// The locator makes routes, the balancer picks instances, from what the Spring client fetched and keeps by deltas.
	throughGateway := gateway.url() + "/java-service/hello"
	eventually(t, 30*time.Second, "both to answer through the gateway", func() bool {
		seen := answerers(t, throughGateway, 6)
		return len(seen) == 2 && !slices.Contains(seen, "")
	})
	eventually(t, 30*time.Second, "Python to answer through the gateway", func() bool {
		status, body, _ := get(t.Context(), gateway.url()+"/python-service/hello")
		return status == http.StatusOK && strings.Contains(body, "python-service")
	})
	eventually(t, 30*time.Second, "@LoadBalanced RestTemplate to find Python", func() bool {
		status, body, _ := get(t.Context(), one.url()+"/call?service=python-service&path=/hello")
		return status == http.StatusOK && strings.Contains(body, "python-service")
	})

	// Leases of 3 s, kept by heartbeats and not by registering again.
	before := server.instances("java-service")
	time.Sleep(8 * time.Second)
	for _, was := range before {
		now := server.instance("java-service", was.InstanceID)
		require.Equal(t, "UP", now.Status)
		require.Equal(t, was.Lease.Registration, now.Lease.Registration)
		require.Greater(t, now.Lease.Renewal, was.Lease.Registration+5000)
	}

	// Taken out of service by an operator, and back.
	server.override(t, "java-service", before[0].InstanceID, "OUT_OF_SERVICE")
	eventually(t, 30*time.Second, "one only to be called", func() bool {
		seen := answerers(t, throughGateway, 6)
		return len(seen) == 1 && seen[0] != "" && !strings.Contains(seen[0], before[0].InstanceID)
	})
	time.Sleep(3 * time.Second) // heartbeats do not undo it
	require.Equal(t, "OUT_OF_SERVICE", server.statusOf("java-service", before[0].InstanceID))
	server.override(t, "java-service", before[0].InstanceID, "")
	eventually(t, 30*time.Second, "both to be called again", func() bool { return len(answerers(t, throughGateway, 6)) == 2 })

	// Each leaves by itself: DOWN, then a cancel. Python does so now, since py_eureka_client 0.13.3 does not survive the next step
	// with any server: the lock around its list of servers belongs to the event loop of another thread.
	server.awaitUp(t, "python-service", 1)
	py.stop(syscall.SIGTERM, 30*time.Second)
	eventually(t, 20*time.Second, "Python to be gone", func() bool { return len(server.instances("python-service")) == 0 })

	// The server is killed and comes back with what it kept: nobody needs to register again, and no call fails.
	before = server.instances("java-service")
	time.Sleep(2 * time.Second) // it is on disk by now
	calls := startLoad(throughGateway, 2)
	server.stop(syscall.SIGKILL, time.Second)
	server = startEureka(t, "archimedes", server.port, kept...)
	springs()
	time.Sleep(5 * time.Second) // more than a lease
	for _, was := range before {
		require.Equal(t, was.Lease.Registration, server.instance("java-service", was.InstanceID).Lease.Registration)
	}
	ok, failed := calls.stop()
	require.Empty(t, failed, "of %d calls", ok)

	// It dies and comes back empty: everybody registers again by itself.
	server.stop(syscall.SIGKILL, time.Second)
	server = startEureka(t, "archimedes", server.port)
	springs()
	eventually(t, 30*time.Second, "both to answer through the gateway again", func() bool {
		seen := answerers(t, throughGateway, 6)
		return len(seen) == 2 && !slices.Contains(seen, "")
	})

	gateway.stop(syscall.SIGTERM, 30*time.Second)
	eventually(t, 20*time.Second, "the gateway to be gone", func() bool { return len(server.instances("gateway")) == 0 })
	one.stop(syscall.SIGTERM, 30*time.Second)
	eventually(t, 20*time.Second, "one to be gone", func() bool { return len(server.instances("java-service")) == 1 })
	require.Contains(t, server.instances("java-service")[0].Home, fmt.Sprint(":", other.port))
	// Killed, the last one goes when its lease of 3 s ends, and not after twice that.
	other.stop(syscall.SIGKILL, time.Second)
	killed := time.Now()
	eventually(t, 20*time.Second, "the lease to end", func() bool { return len(server.instances("java-service")) == 0 })
	t.Logf("gone %v after it was killed", time.Since(killed).Round(100*time.Millisecond))
}
