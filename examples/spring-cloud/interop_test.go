package springcloud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// greeting is what /hello of both services answers.
type greeting struct {
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Port     int    `json:"port"`
}

func call(t *testing.T, url string) greeting {
	t.Helper()
	var got greeting
	eventually(t, 30*time.Second, url, func() bool {
		status, body, _ := get(t.Context(), url)
		return status == http.StatusOK && json.Unmarshal([]byte(body), &got) == nil
	})
	return got
}

func TestGoServiceIsListedAsASpringServiceWouldBe(t *testing.T) {
	server := startEureka(t, "spring", 0)
	orders := startGo(t, "orders", server, "--eureka.instance.metadata-map.zone=z1", "--eureka.instance.metadata-map.user.name=admin")
	listed := server.awaitUp(t, "orders", 1)[0]
	base := "http://localhost:" + orders.port
	require.Equal(t, "localhost:orders:"+orders.port, listed.InstanceID)
	require.Equal(t, []string{"ORDERS", "localhost", "127.0.0.1", "UP", "UNKNOWN", "orders", "orders", "MyOwn"},
		[]string{listed.App, listed.HostName, listed.IPAddr, listed.Status, listed.Overridden, listed.VIP, listed.SecureVIP, listed.DataCenter.Name})
	require.Equal(t, orders.port, fmt.Sprint(listed.Port.Number))
	require.Equal(t, []string{"true", "false"}, []string{listed.Port.Enabled, listed.SecurePort.Enabled})
	require.Equal(t, []string{base + "/", base + "/actuator/info", base + "/actuator/health"}, []string{listed.Home, listed.StatusPage, listed.Health})
	require.Equal(t, "z1", listed.Metadata["zone"])
	require.Equal(t, "admin", listed.Metadata["user.name"])
	require.Equal(t, orders.port, listed.Metadata["management.port"])
	require.Equal(t, []int{1, 3}, []int{listed.Lease.Interval, listed.Lease.Duration})
	for _, url := range []string{listed.StatusPage, listed.Health} {
		status, body, _ := get(t.Context(), url)
		require.Equal(t, http.StatusOK, status, "%s: %s", url, body)
	}
}

func TestJavaAndGoCallEachOtherByNameThroughEitherServer(t *testing.T) {
	for _, kind := range []string{"spring", "archimedes"} {
		t.Run(kind, func(t *testing.T) {
			server := startEureka(t, kind, 0)
			spans := startCollector(t)
			traced := []string{"--management.opentelemetry.tracing.export.otlp.endpoint=" + spans.url(), "--management.tracing.sampling.probability=1.0"}
			front := startGo(t, "front", server, traced...)
			back := startGo(t, "back", server, traced...)
			java := startJava(t, "java-service", server)
			server.awaitUp(t, "java-service", 1)

			require.Equal(t, greeting{"back", "localhost:back:" + back.port, number(t, back.port)}, call(t, java.url()+"/call?service=back&path=/hello"))
			byGo := call(t, front.url()+"/call?service=java-service&path=/hello")
			require.Equal(t, "java-service", byGo.Service)
			require.Equal(t, number(t, java.port), byGo.Port)

			// One trace runs Go → Java → Go.
			require.Equal(t, "back", call(t, front.url()+"/call?service=java-service&path=%2Fcall%3Fservice%3Dback%26path%3D%2Fhello").Service)
			eventually(t, 20*time.Second, "one trace through both Go services", func() bool {
				ids := spans.traces("front")
				return slices.ContainsFunc(spans.traces("back"), func(id string) bool { return slices.Contains(ids, id) })
			})

			// SIGTERM of the Java service: its own client says DOWN, then cancels; ours stops calling it.
			java.stop(syscall.SIGTERM, 30*time.Second)
			eventually(t, 20*time.Second, "the Java service to be gone", func() bool { return len(server.instances("java-service")) == 0 })
			eventually(t, 20*time.Second, "503 for a service that is gone", func() bool {
				status, _, _ := get(t.Context(), front.url()+"/call?service=java-service&path=/hello")
				return status == http.StatusServiceUnavailable
			})
		})
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	var n int
	_, err := fmt.Sscan(text, &n)
	require.NoError(t, err)
	return n
}

func TestLeaseIsKeptOverTwentyHeartbeats(t *testing.T) {
	server := startEureka(t, "spring", 0)
	startGo(t, "keeper", server)
	first := server.awaitUp(t, "keeper", 1)[0]
	for end := time.Now().Add(21 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		now := server.instance("keeper", first.InstanceID)
		require.Equal(t, "UP", now.Status, "the lease of 3 s must not lapse")
		require.Equal(t, first.Lease.Registration, now.Lease.Registration, "kept by renewing, not by registering again")
	}
	renewed := time.UnixMilli(server.instance("keeper", first.InstanceID).Lease.Renewal)
	require.Less(t, time.Since(renewed), 5*time.Second)
}

func TestServerRestartedEmptyHasTheRegistrationBackWithinTwoIntervals(t *testing.T) {
	server := startEureka(t, "spring", 0)
	startGo(t, "phoenix", server, "--eureka.instance.lease-renewal-interval-in-seconds=5", "--eureka.instance.lease-expiration-duration-in-seconds=15")
	server.awaitUp(t, "phoenix", 1)
	server.stop(syscall.SIGKILL, time.Second)
	server = startEureka(t, "spring", server.port)
	answered := time.Now() // the server answers by now: it has said that it started
	server.awaitUp(t, "phoenix", 1)
	require.Less(t, time.Since(answered), 10*time.Second)
}

func TestTerminatedUnderLoadNoRequestFails(t *testing.T) {
	server := startEureka(t, "spring", 0)
	leaving := startGo(t, "stock", server)
	startGo(t, "stock", server)
	goCaller := startGo(t, "go-caller", server)
	javaCaller := startJava(t, "java-caller", server)
	server.awaitUp(t, "stock", 2)
	target := "/call?service=stock&path=/hello"
	call(t, goCaller.url()+target)
	call(t, javaCaller.url()+target)

	byGo, byJava := startLoad(goCaller.url()+target, 4), startLoad(javaCaller.url()+target, 2)
	eventually(t, 30*time.Second, "load to run", func() bool { return byGo.sofar() > 300 && byJava.sofar() > 100 })
	began := time.Now()
	leaving.signal(syscall.SIGTERM)
	id := "localhost:stock:" + leaving.port
	eventually(t, 5*time.Second, "DOWN", func() bool { return server.statusOf("stock", id) == "DOWN" })
	require.Less(t, time.Since(began), 5*time.Second, "DOWN at once, with a factor of five")
	<-leaving.done
	require.Equal(t, 0, leaving.cmd.ProcessState.ExitCode())
	require.Empty(t, server.statusOf("stock", id), "gone when the process is")
	time.Sleep(3 * time.Second) // callers that lag would fail now
	okGo, failedGo := byGo.stop()
	okJava, failedJava := byJava.stop()
	require.Empty(t, failedGo, "of %d calls by Go", okGo)
	require.Empty(t, failedJava, "of %d calls by Java", okJava)
	t.Logf("%d calls by Go and %d by Java, none failed", okGo, okJava)
}

func TestKilledUnderLoadNoGetFails(t *testing.T) {
	server := startEureka(t, "spring", 0)
	victim := startGo(t, "stock", server)
	startGo(t, "stock", server)
	startGo(t, "stock", server)
	// The caller runs with default settings: it looks at the registry every 30 s.
	caller := startGo(t, "caller", server, "--eureka.client.registry-fetch-interval-seconds=30")
	server.awaitUp(t, "stock", 3)
	target := caller.url() + "/call?service=stock&path=/hello"
	call(t, target)
	calls := startLoad(target, 8)
	eventually(t, 30*time.Second, "all three to be called", func() bool { calls.mu.Lock(); defer calls.mu.Unlock(); return len(calls.seen) == 3 })
	victim.signal(syscall.SIGKILL)
	<-victim.done
	before := calls.sofar()
	eventually(t, 30*time.Second, "calls to go on", func() bool { return calls.sofar() > before+2000 })
	ok, failed := calls.stop()
	require.Empty(t, failed, "of %d calls", ok)
}

func TestPythonClientLivesWithGoThroughEitherServer(t *testing.T) {
	for _, kind := range []string{"spring", "archimedes"} {
		t.Run(kind, func(t *testing.T) {
			server := startEureka(t, kind, 0)
			greeter := startGo(t, "go-service", server)
			server.awaitUp(t, "go-service", 1)
			py := start(t, "python", python, abs(t, "testdata/service.py"), server.url())
			port := py.await(t, `serving on (\d+)`)
			server.awaitUp(t, "python-service", 1)
			require.Equal(t, "go-service", call(t, "http://127.0.0.1:"+port+"/call-go").Service, "Python calls Go by name")
			require.Equal(t, "python-service", call(t, greeter.url()+"/call?service=python-service&path=/hello").Service, "Go calls Python by name")
			time.Sleep(4 * time.Second) // its lease of 3 s is kept by its heartbeats
			server.awaitUp(t, "python-service", 1)
			py.stop(syscall.SIGTERM, 20*time.Second)
			eventually(t, 20*time.Second, "the Python service to be gone", func() bool { return len(server.instances("python-service")) == 0 })
		})
	}
}

func TestCallsOutsideTheRegistryAreRefusedInWords(t *testing.T) {
	server := startEureka(t, "archimedes", 0)
	caller := startGo(t, "caller", server)
	server.awaitUp(t, "caller", 1)
	call(t, caller.url()+"/call?service=caller&path=/hello")
	status, body, header := get(context.Background(), caller.url()+"/call?service=nobody&path=/hello")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.True(t, strings.HasPrefix(header.Get("Content-Type"), "application/problem+json"))
	require.Contains(t, body, "caller", "the error names who is known")
}
