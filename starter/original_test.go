package starter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

// What the Python client does wrong, and what it promises: README.md names these tests.

// node is a node of a service, with a count of the requests that reached it.
type node struct {
	*httptest.Server
	id   string
	hits atomic.Int64
}

// stock lists nodes called a, b, … that answer with their id.
func stock(t *testing.T, server *eurekatest.Server, n int) []*node {
	t.Helper()
	var nodes []*node
	for i := range n {
		one := &node{id: string(rune('a' + i))}
		one.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			one.hits.Add(1)
			fmt.Fprint(w, one.id)
		}))
		t.Cleanup(one.Close)
		server.Add(discovery.Instance{Service: "stock", ID: one.id, Address: one.Listener.Addr().String(), Metadata: discovery.NewMetadata(map[string]string{"zone": map[bool]string{true: "near", false: "far"}[i == 0]})})
		nodes = append(nodes, one)
	}
	return nodes
}

func discovering(t *testing.T, server *eurekatest.Server, cfg starter.Config) *starter.Agent {
	t.Helper()
	cfg.EurekaServer = server.URL
	return agent(t, starter.Discover, cfg)
}

// ask calls the service n times and returns who answered.
func ask(t *testing.T, a *starter.Agent, n int) []string {
	t.Helper()
	var answers []string
	for range n {
		body, err := a.DoService(t.Context(), "STOCK", "/")
		require.NoError(t, err)
		answers = append(answers, body)
	}
	return answers
}

func TestStickWithItsNodeDeadCostsOneMoreTry(t *testing.T) {
	server := eurekatest.NewServer(t)
	nodes := stock(t, server, 3)
	a := discovering(t, server, starter.Config{Strategy: "stick", AnyZone: true})
	stuck := ask(t, a, 5)
	require.Len(t, slices.Compact(slices.Clone(stuck)), 1)
	dead := nodes[stuck[0][0]-'a']
	dead.Close()
	var urls []string
	walked, err := starter.WalkNodes(t.Context(), a, "stock", "/", func(_ context.Context, url string) (string, error) {
		urls = append(urls, url)
		if strings.HasPrefix(url, dead.URL) {
			return "", errors.New("refused")
		}
		return url, nil
	})
	require.NoError(t, err)
	require.Len(t, urls, 2, "one extra attempt")
	again := ask(t, a, 20)
	require.Len(t, slices.Compact(again), 1)
	require.True(t, strings.HasPrefix(walked, nodes[again[0][0]-'a'].URL), "and it stays with the one that answered")
}

func TestOtherNeverAsksTheSameNodeTwiceInARow(t *testing.T) {
	server := eurekatest.NewServer(t)
	stock(t, server, 3)
	answers := ask(t, discovering(t, server, starter.Config{Strategy: "other", AnyZone: true}), 50)
	for i := 1; i < len(answers); i++ {
		require.NotEqual(t, answers[i-1], answers[i])
	}
}

func TestADeadNodeIsRememberedBetweenCalls(t *testing.T) {
	server := eurekatest.NewServer(t)
	nodes := stock(t, server, 3)
	refusing := &node{}
	refusing.Server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		refusing.hits.Add(1)
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(refusing.Close)
	server.Add(discovery.Instance{Service: "stock", ID: "dead", Address: refusing.Listener.Addr().String()})
	a := discovering(t, server, starter.Config{AnyZone: true})
	ask(t, a, 200)
	require.LessOrEqual(t, refusing.hits.Load(), int64(6), "the Python client asks it in a quarter of all calls")
	require.NotZero(t, nodes[0].hits.Load())
}

func TestNodesOfTheOwnZoneAreAskedFirst(t *testing.T) {
	server := eurekatest.NewServer(t)
	nodes := stock(t, server, 3)
	near := discovering(t, server, starter.Config{Zone: "near"})
	require.Equal(t, []string{"a"}, slices.Compact(ask(t, near, 20)))
	nodes[0].Close()
	require.NotContains(t, ask(t, near, 20), "a", "then the others")
	far := discovering(t, server, starter.Config{Zone: "near", AnyZone: true})
	require.Greater(t, len(slices.Compact(ask(t, far, 30))), 1)
}

func TestStrictGoesOnAfterAnyErrorAndTheDefaultDoesNot(t *testing.T) {
	server := eurekatest.NewServer(t)
	teapot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	}))
	t.Cleanup(teapot.Close)
	server.Add(discovery.Instance{Service: "tea", ID: "teapot", Address: teapot.Listener.Addr().String(), Metadata: discovery.NewMetadata(map[string]string{"zone": "mine"})})
	kettle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "tea") }))
	t.Cleanup(kettle.Close)
	server.Add(discovery.Instance{Service: "tea", ID: "kettle", Address: kettle.Listener.Addr().String()})

	_, err := discovering(t, server, starter.Config{Zone: "mine"}).DoService(t.Context(), "tea", "/", invoker.Method("POST"), invoker.Body("leaves"))
	var answer *invoker.StatusError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, "short and stout", string(answer.Body))
	body, err := discovering(t, server, starter.Config{Zone: "mine", Strict: true}).DoService(t.Context(), "tea", "/", invoker.Method("POST"), invoker.Body("leaves"))
	require.NoError(t, err)
	require.Equal(t, "tea", body)
}

func TestAPortThatIsOffIsNotCalled(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Add(discovery.Instance{Service: "secure", ID: "s", SecureAddress: "s.example:8443"})
	server.Add(discovery.Instance{Service: "six", ID: "6", Address: "[2001:db8::1]:8080"})
	a := discovering(t, server, starter.Config{})
	at := func(service string) string {
		url, err := starter.WalkNodes(t.Context(), a, service, "/x", func(_ context.Context, url string) (string, error) { return url, nil })
		require.NoError(t, err)
		return url
	}
	require.Equal(t, "https://s.example:8443/x", at("secure"))
	require.Equal(t, "http://[2001:db8::1]:8080/x", at("six"))
}

func TestTheErrorNamesEveryNodeWithItsCause(t *testing.T) {
	server := eurekatest.NewServer(t)
	for _, one := range stock(t, server, 3) {
		one.Close()
	}
	_, err := discovering(t, server, starter.Config{}).DoService(t.Context(), "stock", "/")
	for _, id := range []string{"a (http://127.0.0.1:", "b (http://127.0.0.1:", "c (http://127.0.0.1:", "connection refused", "3 attempts"} {
		require.ErrorContains(t, err, id)
	}
	var failed *invoker.CallError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Attempts, 3)
}

func TestTheRegistryIsReadableBeforeAnythingWasFetched(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := discovering(t, server, starter.Config{})
	require.Empty(t, a.Services())
	_, err := a.Instances(ctx, "stock")
	require.ErrorIs(t, err, discovery.ErrUnknownService)
	require.ErrorContains(t, a.SetStatus(ctx, discovery.Down), "only discovers")
}

func TestTheRegistryIsReadThroughAnAgent(t *testing.T) {
	server := eurekatest.NewServer(t)
	stock(t, server, 2)
	a := discovering(t, server, starter.Config{})
	require.Equal(t, []string{"stock"}, a.Services())
	set, err := a.Instances(t.Context(), "Stock")
	require.NoError(t, err)
	require.Len(t, set.All, 2)
	require.Equal(t, "near", set.ByID("a").Zone)
	server.Remove("stock", "a")
	require.NoError(t, a.Refresh(t.Context()))
	set, err = a.Instances(t.Context(), "stock")
	require.NoError(t, err)
	require.Nil(t, set.ByID("a"))
	listed, err := a.REST().VIP(t.Context(), "stock")
	require.NoError(t, err)
	require.Len(t, listed.Applications, 1)
}

func TestStatusChangesAreShownAndTold(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := localConfig(server)
	changes := make(chan string, 10)
	cfg.OnStatus = func(from, to discovery.Status) { changes <- from.String() + " → " + to.String() }
	a := agent(t, starter.Register, cfg)
	require.Equal(t, "UNKNOWN → UP", <-changes)
	require.True(t, a.Registered())
	require.NoError(t, a.SetStatus(t.Context(), discovery.OutOfService))
	require.Equal(t, "UP → OUT_OF_SERVICE", <-changes)
	i := server.Only("orders")
	require.Equal(t, []discovery.Status{discovery.OutOfService, discovery.OutOfService}, []discovery.Status{i.Status, i.OverriddenStatus})
	require.NoError(t, a.ClearStatus(t.Context()))
	require.Equal(t, "OUT_OF_SERVICE → UP", <-changes)
	i = server.Only("orders")
	require.Equal(t, []discovery.Status{discovery.Up, discovery.Unknown}, []discovery.Status{i.Status, i.OverriddenStatus})
	require.Error(t, a.Refresh(t.Context()))
}

func TestErrorsAreToldByWhatWasAsked(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Fail(http.StatusInternalServerError)
	cfg := localConfig(server)
	told := make(chan eureka.Operation, 100)
	cfg.OnError = func(op eureka.Operation, err error) {
		if strings.Contains(err.Error(), "status 500") {
			told <- op
		}
	}
	agent(t, starter.Init, cfg)
	first := []eureka.Operation{<-told, <-told}
	require.Contains(t, append(first, <-told, <-told), eureka.Registration)
	require.Contains(t, first, eureka.Fetch)
}

func TestAnAgentMayBeClosedByItsOwnCallback(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := localConfig(server)
	var a atomic.Pointer[starter.Agent]
	started, closed := make(chan struct{}), make(chan error, 10)
	cfg.OnStatus = func(_, to discovery.Status) {
		<-started
		if to == discovery.Up {
			closed <- a.Load().Close(context.Background())
		}
	}
	one, err := starter.Register(t.Context(), cfg)
	require.NoError(t, err)
	a.Store(one)
	close(started)
	require.NoError(t, <-closed)
	require.Nil(t, server.Only("orders"))
}

func TestASlowEurekaServerDelaysNobody(t *testing.T) {
	server := eurekatest.NewServer(t)
	stock(t, server, 2)
	cfg := localConfig(server)
	cfg.RenewalInterval, cfg.LeaseDuration = time.Second, 90*time.Second
	a := agent(t, starter.Init, cfg)
	server.Silent()
	seen := len(server.Requests())
	require.Eventually(t, func() bool { return len(server.Requests()) > seen+1 }, 10*time.Second, time.Millisecond, "requests hang")
	began := time.Now()
	ask(t, a, 100)
	require.True(t, a.Registered())
	require.NotEmpty(t, a.Services())
	require.NotEmpty(t, a.InstanceID())
	require.Less(t, time.Since(began), 5*time.Second, "nothing waits for Eureka")
	server.Heal()
}

func TestAHandleOfOneKindAnswersForTheOtherInWords(t *testing.T) {
	server := eurekatest.NewServer(t)
	a := discovering(t, server, starter.Config{})
	require.False(t, a.Registered())
	require.ErrorContains(t, a.ClearStatus(t.Context()), "Init or Register")
}

func TestHostsAndCredentialsOfAnyShapeAreTaken(t *testing.T) {
	for _, one := range []struct{ server, user, password, want, basic string }{
		{server: "eureka_1:8761", want: "eureka_1:8761"},
		{server: "http://a.b.c", want: "a.b.c"},
		{server: "http://[::1]:8761", want: "[::1]:8761"},
		{server: "http://u@host", want: "host", basic: "u:"},
		{server: "http://u:p@ss:w/o#r%d,x@host", want: "host", basic: "u:p@ss:w/o#r%d,x"},
		{server: "http://u:%41%@host", want: "host", basic: "u:A%"},
		{server: "host", user: "u:1", password: "a/b@c,d%20 +", want: "host", basic: "u:1:a/b@c,d%20 +"},
	} {
		t.Run(one.server+one.user, func(t *testing.T) {
			t.Parallel()
			seen := make(chan *http.Request, 10)
			cfg := starter.Config{EurekaServer: one.server, EurekaUser: one.user, EurekaPassword: config.Secret(one.password)}
			cfg.Transport = transport(func(r *http.Request) (*http.Response, error) {
				select {
				case seen <- r:
				default:
				}
				return nil, errors.New("away")
			})
			a, err := starter.Discover(t.Context(), cfg)
			require.NoError(t, err, one.server)
			r := <-seen
			require.NoError(t, a.Close(t.Context()))
			basic := ""
			if user, password, ok := r.BasicAuth(); ok {
				basic = user + ":" + password
			}
			require.Equal(t, []string{one.want, one.basic, "/eureka/apps/"}, []string{r.URL.Host, basic, r.URL.Path}, one.server)
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
