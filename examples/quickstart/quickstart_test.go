package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// build builds the program as its README says it is run.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "quickstart")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func get(url string) (int, string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func TestQuickstartShowsTheWholeIdeaAndLeavesNothingBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGINT for another process on Windows")
	}
	eureka, orders := freePort(t), freePort(t)
	cmd := exec.Command(build(t), fmt.Sprint("--quickstart.eureka-port=", eureka), fmt.Sprint("--quickstart.orders-port=", orders), "--server.port=1")
	cmd.Env = append(os.Environ(), "SERVER_PORT=1") // neither counts: only the two ports do
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	var log strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
		}
	}()
	seen := map[string]bool{}
	require.Eventually(t, func() bool {
		status, body := get(fmt.Sprintf("http://localhost:%d/orders/42", orders))
		var answer struct {
			ID    string
			Stock struct{ Instance string }
		}
		if status != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil {
			return false
		}
		require.Equal(t, "42", answer.ID)
		require.Contains(t, answer.Stock.Instance, "inventory")
		seen[answer.Stock.Instance] = true
		return len(seen) == 2
	}, 20*time.Second, 5*time.Millisecond, "both instances answer")
	_, registry := get(fmt.Sprintf("http://localhost:%d/eureka/apps", eureka))
	require.Equal(t, 2, strings.Count(registry, "<app>INVENTORY</app>"))
	require.Equal(t, 1, strings.Count(registry, "<app>ORDERS</app>"))
	calls := fmt.Sprintf("http://localhost:%d/eureka-ui/traces", eureka)
	require.Eventually(t, func() bool {
		_, page := get(calls)
		return strings.Contains(page, "<bdi>outside</bdi> → <bdi>orders</bdi>") && strings.Contains(page, "<bdi>orders</bdi> → <bdi>inventory</bdi>")
	}, 20*time.Second, 20*time.Millisecond, "the dashboard shows who calls whom")
	_, page := get(calls + "?q=inventory")
	trace := regexp.MustCompile(`traces/([0-9a-f]{32})`).FindStringSubmatch(page)
	require.NotNil(t, trace, page)
	require.Eventually(t, func() bool {
		_, page = get(calls + "/" + trace[1])
		return strings.Count(page, `class="span"`) == 3
	}, 20*time.Second, 20*time.Millisecond, "each call is a waterfall: orders, its call, inventory")
	require.Regexp(t, `(?s)in0.*GET /orders/:id.*in1.*GET /stock/\{sku\}.*localhost:inventory.*in2.*GET /stock/:sku`, page)
	require.NotContains(t, page, "/v1/traces", "exports are not traced")
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	<-read
	require.NoError(t, cmd.Wait(), "exit code 0")
	require.Equal(t, 3, strings.Count(log.String(), "instance deregistered"))
	require.Equal(t, 3, strings.Count(log.String(), "instance cancelled"), "every DELETE was answered before the server stopped")
	require.Contains(t, log.String(), fmt.Sprintf("http://localhost:%d/orders/42", orders))
	require.Regexp(t, fmt.Sprintf(`http://(localhost|127\.0\.0\.1):%d/eureka-ui/traces`, eureka), log.String())
	require.NotContains(t, log.String(), "cannot be exported", "the server stops after those who export to it")
}

func TestATakenPortNamesTheKeyToChange(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	binary := build(t)
	for _, args := range [][]string{
		{fmt.Sprint("--quickstart.eureka-port=", port), fmt.Sprint("--quickstart.orders-port=", freePort(t))},
		{fmt.Sprint("--quickstart.orders-port=", port), fmt.Sprint("--quickstart.eureka-port=", freePort(t))},
	} {
		cmd := exec.Command(binary, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Run(), &exit)
		require.Equal(t, 1, exit.ExitCode())
		key, _, _ := strings.Cut(strings.TrimPrefix(args[0], "--"), "=")
		require.Contains(t, stderr.String(), fmt.Sprintf("Port %d was already in use", port))
		require.Contains(t, stderr.String(), "or set "+key+" to another value")
		require.Contains(t, stderr.String(), fmt.Sprintf("%s = %d from command line argument", key, port))
	}
}
