package eureka_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// estate is one registry behind several server names, without sockets, so that it works in a bubble of test time.
type estate struct {
	registry  *registry.Registry
	handler   http.Handler
	began     time.Time
	logger    *slog.Logger // of clients
	listeners []eureka.Listener
	clock     *eurekatest.Clock // of clients; nil: the system's
	hosts     []string          // of the servers that clients know; default localhost

	mu    sync.Mutex
	seen  []string // "12s host METHOD path"
	fault func(*http.Request) (*http.Response, error)
}

func newEstate() *estate {
	r := registry.New(registry.DefaultConfig())
	return &estate{registry: r, handler: rest.New(r), began: time.Now(), logger: slog.New(slog.DiscardHandler)}
}

var errRefused = errors.New("connection refused")

func (e *estate) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/eureka/")
	e.mu.Lock()
	if strings.Contains(r.URL.RawQuery, "status=") {
		path += " " + r.URL.Query().Get("status")
	}
	e.seen = append(e.seen, fmt.Sprintf("%v %s %s %s", time.Since(e.began).Truncate(time.Second), r.URL.Hostname(), r.Method, path))
	fault := e.fault
	e.mu.Unlock()
	if fault != nil {
		if response, err := fault(r); response != nil || err != nil {
			return response, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	e.handler.ServeHTTP(answer, r)
	return answer.Result(), nil
}

func (e *estate) break_(fault func(*http.Request) (*http.Response, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = fault
}

// requests returns what was sent, without times and hosts.
func (e *estate) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	for _, s := range e.seen {
		all = append(all, strings.SplitN(s, " ", 3)[2])
	}
	return all
}

func (e *estate) log() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string{}, e.seen...)
}

func (e *estate) forget() { e.mu.Lock(); defer e.mu.Unlock(); e.seen = nil }

func page(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<html>no</html>"))}
}

// answer is JSON of a server's.
func answer(body string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

// client returns a client of servers with these names.
func (e *estate) client(t *testing.T, hosts ...string) *eureka.Client {
	t.Helper()
	cfg := eureka.DefaultClientConfig()
	if len(hosts) == 0 {
		hosts = e.hosts
	}
	if len(hosts) > 0 {
		var urls []string
		for _, host := range hosts {
			urls = append(urls, "http://"+host+":8761/eureka/")
		}
		cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(strings.Join(urls, ","))}
	}
	opts := []eureka.Option{eureka.WithTransport(e), eureka.WithLogger(e.logger), eureka.WithListeners(e.listeners...)}
	if e.clock != nil {
		opts = append(opts, eureka.WithClock(e.clock.Now))
	}
	client, err := eureka.NewClient(cfg, opts...)
	require.NoError(t, err)
	return client
}

// self is an instance that tests register.
func self(address discovery.Address) *eureka.Instance {
	i := &eureka.Instance{App: "ORDERS", InstanceID: "me", HostName: "localhost", IPAddr: "127.0.0.1", VIPAddress: "orders", OverriddenStatus: discovery.Unknown}
	i.Port.Number, i.Port.Enabled = address.Port, true
	i.DataCenter.Name = "MyOwn"
	i.Lease.RenewalInterval, i.Lease.Duration = 30, 90
	return i
}
