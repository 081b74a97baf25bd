package eurekaserver_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/starter"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools give up what they hold at the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// hammer sends requests over a few connections and counts the answers by their status.
func hammer(t *testing.T, url string, n int, request func(i int) (method, path, body string)) map[int]int {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	var mu sync.Mutex
	seen := map[int]int{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				method, path, body := request(i)
				r, err := http.NewRequest(method, url+path, strings.NewReader(body))
				if err != nil {
					continue // no client can send that
				}
				r.Header.Set("Content-Type", "application/json")
				status := 0
				if response, err := client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
					status = response.StatusCode
				}
				mu.Lock()
				seen[status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return seen
}

func alive(t *testing.T, server *apptest.App) {
	t.Helper()
	status, _, _ := ask(t, "POST", server.URL+"/eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	status, _, _ = ask(t, "PUT", server.URL+"/eureka/apps/ORDERS/web-1", "")
	require.Equal(t, 200, status)
	status, _, body := ask(t, "GET", server.URL+"/eureka/apps/", "")
	require.Equal(t, 200, status)
	require.Contains(t, body, "web-1")
}

func TestManyApplicationsAreRefusedAboveTheCapAndOldOnesLiveOn(t *testing.T) {
	n, limit := 5_000, 1_000
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		n, limit = 100_000, 20_000 // the default
	}
	server := apptest.Start(t, starter.EurekaServer, apptest.Property("eureka.server.max-applications", fmt.Sprint(limit)), apptest.Property("logging.level.eureka", "warn"))
	alive(t, server)
	before := heap()
	seen := hammer(t, server.URL, n, func(i int) (string, string, string) {
		app := fmt.Sprint("APP-", i)
		return "POST", "/eureka/apps/" + app, strings.Replace(order, "ORDERS", app, 1)
	})
	require.Equal(t, map[int]int{204: limit - 1, 403: n - limit + 1}, seen)
	grown := int64(heap()) - int64(before)
	require.Less(t, grown, int64(32<<20+4<<10*limit), "bytes for connections, and for the applications listed")
	require.Equal(t, 1, strings.Count(server.Logs(), "the registry is full"))
	alive(t, server)
}

func TestHugeAndMalformedRequestsAreRefusedAndLeaveNothing(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("{}"))
	alive(t, server)
	before := heap()
	huge := strings.Replace(order, `"localhost"`, `"`+strings.Repeat("x", 1<<20)+`"`, 1)
	requests := []struct{ method, path, body string }{
		{"POST", "/eureka/apps/ORDERS", huge},
		{"POST", "/eureka/peerreplication/batch/", `{"replicationList":[` + strings.Repeat("{},", 1<<20)},
		{"POST", "/eureka/apps/ORDERS", strings.Repeat("[", 1<<17)},
		{"POST", "/eureka/apps/ORDERS", strings.Repeat(`{"instance":`, 1<<14)},
		{"POST", "/eureka/apps/ORDERS", "\x00\xff" + order},
		{"POST", "/eureka/apps/ORDERS", strings.Replace(order, "web-1", strings.Repeat("i", 2000), 1)},
		{"GET", "/eureka/apps/" + strings.Repeat("a", 3000), ""},
		{"GET", "/eureka/apps/%2e%2e/%2e%2e/etc/passwd", ""},
		{"GET", "/eureka/apps/..%2f..%2fetc%2fpasswd/x", ""},
		{"PUT", "/eureka/apps/ORDERS/%00", ""},
		{"PUT", "/eureka/apps/ORDERS/web-1?lastDirtyTimestamp=99999999999999999999999", ""},
		{"PUT", "/eureka/apps/ORDERS/web-1/status?value=%ff", ""},
		{"DELETE", "/eureka/apps/", ""},
		{"TRACE", "/eureka/apps", ""},
		{"GET", "/eureka/apps/ORDERS/web-1/a/b/c/d/e/f", ""},
	}
	seen := hammer(t, server.URL, 20*len(requests), func(i int) (string, string, string) {
		r := requests[i%len(requests)]
		return r.method, r.path, r.body
	})
	for status, n := range seen {
		// 0 is a caller that was still sending when it was refused.
		require.True(t, status == 0 || status >= 400 && status < 500, "%d times %d", n, status)
	}
	require.Less(t, int64(heap())-int64(before), int64(8<<20))
	status, _, body := ask(t, "GET", server.URL+"/eureka/apps/", "")
	require.Equal(t, 200, status)
	require.Contains(t, body, `"apps__hashcode":"UP_1_"`, "nothing of it was listed")
	alive(t, server)
}

func TestCallersThatTrickleAreCutOffAndKeepNobodyWaiting(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("server.tomcat.connection-timeout: 1s"))
	address := strings.TrimPrefix(server.URL, "http://")
	var all sync.WaitGroup
	for n := range 300 {
		all.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /eureka/apps/ORDERS HTTP/1.1\r\nHost: x\r\n")
			for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if _, err := fmt.Fprintf(conn, "X-%d: y\r\n", n); err != nil {
					return // cut off
				}
			}
			t.Error("a caller was never cut off")
		})
	}
	alive(t, server)
	all.Wait()
	// A body that never comes holds a connection, not the server.
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /eureka/apps/ORDERS HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	alive(t, server)
	// Nor does one who does not read.
	_, err = io.Copy(conn, bytes.NewReader(nil))
	require.NoError(t, err)
}
