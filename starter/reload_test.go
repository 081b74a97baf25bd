package starter_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

// printed is what an application prints, read while it runs.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(text)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// An application.yml is edited while its program runs: levels, the choice of instances and retries follow without a restart.
func TestAnEditedFileChangesLevelsBalancingAndRetriesWhileTheProgramRuns(t *testing.T) {
	var down sync.Map // names that answer 503
	uri := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, is := down.Load(name); is {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, name)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	file := filepath.Join(t.TempDir(), "application.yml")
	fixed := fmt.Sprintf("eureka.client.enabled: false\nspring.cloud.loadbalancer.ejection.enabled: false\n"+
		"spring.cloud.discovery.client.simple.instances.stock: [{uri: %q}, {uri: %q}]\n", uri("a"), uri("b"))
	write := func(settings string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(fixed+settings), 0o600))
		require.NoError(t, os.Rename(file+".new", file)) // as editors and deployments do
	}
	write("spring.cloud.loadbalancer: {strategy: stick, retry.enabled: false}\n")

	out := &printed{}
	var rest *invoker.Client
	var log *slog.Logger
	a := app.New(app.Spec{Bundle: starter.Client, Dir: filepath.Dir(file), Stdout: out, Options: []fx.Option{fx.Populate(&rest, &log)}})
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, a.Stop(context.Background())) })

	// answers calls a few times: each instance's name or the status counts once.
	answers := func() map[string]int {
		seen := map[string]int{}
		for range 12 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://stock/", nil)
			require.NoError(t, err)
			response, err := rest.Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			if response.StatusCode != http.StatusOK {
				body = []byte(response.Status)
			}
			seen[string(body)]++
		}
		return seen
	}
	become := func(settings, said string) {
		write(settings)
		require.Eventually(t, func() bool { return strings.Contains(out.String(), said) }, 20*time.Second, 10*time.Millisecond, said)
	}

	require.Len(t, answers(), 1, "it sticks to one")
	become("spring.cloud.loadbalancer: {strategy: round-robin, retry.enabled: false}\n", "spring.cloud.loadbalancer.strategy")
	require.Equal(t, map[string]int{"a": 6, "b": 6}, answers())

	down.Store("b", true)
	require.Equal(t, map[string]int{"a": 6, "503 Service Unavailable": 6}, answers(), "nobody tries again")
	become("spring.cloud.loadbalancer: {strategy: round-robin, retry.enabled: true}\n", "spring.cloud.loadbalancer.retry.enabled")
	require.Equal(t, map[string]int{"a": 12}, answers(), "the other one answers")

	orders := log.With("logger", "orders")
	require.False(t, orders.Enabled(t.Context(), slog.LevelDebug))
	become("spring.cloud.loadbalancer: {strategy: round-robin, retry.enabled: true}\nlogging.level.orders: debug\n", "logging.level.orders")
	require.True(t, orders.Enabled(t.Context(), slog.LevelDebug))

	become("spring.cloud.loadbalancer: {strategy: nonsense}\nlogging.level.orders: info\n", "nonsense")
	require.True(t, orders.Enabled(t.Context(), slog.LevelDebug), "of what cannot be used nothing applies")
	require.Equal(t, map[string]int{"a": 12}, answers())
}
