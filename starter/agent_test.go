package starter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

func localConfig(server *eurekatest.Server) starter.Config {
	return starter.Config{EurekaServer: server.URL, AppName: "Orders", InstanceHost: "localhost", InstanceIP: "127.0.0.1"}
}

func agent(t *testing.T, start func(context.Context, starter.Config) (*starter.Agent, error), cfg starter.Config) *starter.Agent {
	t.Helper()
	a, err := start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close(context.Background())) })
	return a
}

func TestOneCallRegistersDiscoversCallsAndDeregisters(t *testing.T) {
	server := eurekatest.NewServer(t)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path":%q}`, r.URL.RequestURI())
	}))
	defer node.Close()
	server.Add(discovery.Instance{Service: "other-service-name", ID: "o", Address: strings.TrimPrefix(node.URL, "http://")})
	a := agent(t, starter.Init, localConfig(server))
	i := server.Only("orders")
	require.NotNil(t, i, "registered before Init returns")
	require.Equal(t, "127.0.0.1:orders:9090", i.InstanceID)
	require.Equal(t, []any{"UP", "orders", "orders", 9090, "http://localhost:9090/info", "http://localhost:9090/health", "http://localhost:9090/"},
		[]any{i.Status.String(), i.VIPAddress, i.SecureVIPAddress, i.Port.Number, i.StatusPageURL, i.HealthCheckURL, i.HomePageURL})
	require.Equal(t, map[string]string{"management.port": "9090", "zone": "default"}, i.Metadata.Map())

	body, err := a.DoService(t.Context(), "OTHER-SERVICE-NAME", "/service/context/path?x=1")
	require.NoError(t, err)
	require.Equal(t, `{"path":"/service/context/path?x=1"}`, body)
	got, err := starter.DoServiceJSON[struct{ Path string }](t.Context(), a, "other-service-name", "p", invoker.Method("DELETE"))
	require.NoError(t, err)
	require.Equal(t, "/p", got.Path)
	url, err := starter.WalkNodes(t.Context(), a, "other-service-name", "/walk", func(_ context.Context, url string) (string, error) { return url, nil })
	require.NoError(t, err)
	require.Equal(t, node.URL+"/walk", url)

	require.NoError(t, a.Close(t.Context()))
	require.NoError(t, a.Close(t.Context()), "twice is fine")
	require.Nil(t, server.Only("orders"))
	writes := server.Writes()
	require.Equal(t, []string{"POST apps/ORDERS", "POST apps/ORDERS", "DELETE apps/ORDERS/127.0.0.1:orders:9090"}, writes)
	require.NoError(t, (*starter.Agent)(nil).Close(t.Context()))
}

func TestHalvesWorkAlone(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Add(discovery.Instance{Service: "stock", ID: "s", Address: "127.0.0.1:1"})
	registering := agent(t, starter.Register, localConfig(server))
	require.NotNil(t, server.Only("orders"))
	_, err := registering.DoService(t.Context(), "stock", "/")
	require.ErrorIs(t, err, discovery.ErrUnknownService)
	for _, r := range server.Requests() {
		require.NotContains(t, r.Path, "delta")
		require.NotEqual(t, "GET", r.Method)
	}
	discovering := agent(t, starter.Discover, starter.Config{EurekaServer: server.URL})
	before := len(server.Writes())
	url, err := starter.WalkNodes(t.Context(), discovering, "stock", "/", func(_ context.Context, url string) (string, error) { return url, nil })
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1/", url)
	require.Empty(t, discovering.InstanceID())
	require.Len(t, server.Writes(), before)
}

func TestEverythingAboutTheInstanceCanBeSaid(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := localConfig(server)
	cfg.InstanceID, cfg.InstancePort, cfg.SecurePort, cfg.SecurePortEnabled, cfg.PortDisabled = "my ${id}", 8080, 8443, true, true
	cfg.HomePageURL, cfg.StatusPageURL, cfg.HealthCheckURL, cfg.SecureHealthURL = "https://me/", "state", "/up", "https://me/up"
	cfg.VIPAddress, cfg.SecureVIPAddress, cfg.DataCenter = "vip", "svip", "Netflix"
	cfg.Metadata = map[string]string{"my-key": "${x}", "zone": "a", "management.port": "1"}
	cfg.RenewalInterval, cfg.LeaseDuration = 5*time.Second, 15*time.Second
	agent(t, starter.Register, cfg)
	i := server.Only("orders")
	require.Equal(t, []any{"my ${id}", 8080, false, 8443, true, "https://me/", "https://me/up", "vip", "svip", "Netflix", 5, 15},
		[]any{i.InstanceID, i.Port.Number, i.Port.Enabled, i.SecurePort.Number, i.SecurePort.Enabled, i.HomePageURL, i.SecureHealthCheckURL, i.VIPAddress, i.SecureVIPAddress, i.DataCenter.Name, i.Lease.RenewalInterval, i.Lease.Duration})
	require.Equal(t, []string{"https://localhost:8443/state", "https://localhost:8443/up"}, []string{i.StatusPageURL, i.HealthCheckURL})
	require.Equal(t, map[string]string{"my-key": "${x}", "zone": "a", "management.port": "1"}, i.Metadata.Map())
}

func TestServersAreCompletedAsThePythonClientDoes(t *testing.T) {
	server := eurekatest.NewServer(t)
	host := strings.TrimSuffix(strings.TrimPrefix(server.URL, "http://"), "/eureka/")
	for _, text := range []string{host, "http://" + host, "http://" + host + "/", host + "/eureka", "http://u:p,q@" + host, "http://127.0.0.1:1,http://" + host} {
		cfg := localConfig(server)
		cfg.EurekaServer = text
		a := agent(t, starter.Register, cfg)
		require.NotNil(t, server.Only("orders"), text)
		require.NoError(t, a.Close(t.Context()))
	}
	cfg := localConfig(server)
	cfg.EurekaServer, cfg.EurekaUser, cfg.EurekaPassword = host, "user", "p%41:@/"
	agent(t, starter.Register, cfg)
	requests := server.Requests()
	user, password, _ := (&http.Request{Header: requests[len(requests)-1].Header}).BasicAuth()
	require.Equal(t, []string{"user", "p%41:@/"}, []string{user, password})
}

func TestWhatIsWrongIsSaidByInit(t *testing.T) {
	for name, cfg := range map[string]starter.Config{
		"Config.AppName": {}, "Config.EurekaServer": {AppName: "a", EurekaServer: " , "}, "strategy \"nearest\"": {AppName: "a", Strategy: "nearest"},
		"Config.LeaseDuration": {AppName: "a", RenewalInterval: time.Minute, LeaseDuration: time.Minute}, "Config.RenewalInterval": {AppName: "a", RenewalInterval: time.Millisecond},
		"Config.InstanceHost": {AppName: "a", InstanceHost: "http://192.168.10.11"}, "Config.InstanceIP ": {AppName: "a", InstanceIP: "localhost"},
		"Config.InstanceIPNetwork": {AppName: "a", InstanceIPNetwork: "10.0"}, "Config.InstancePort": {AppName: "a", InstancePort: 70000},
		"Config.PortDisabled": {AppName: "a", PortDisabled: true}, "MyOwn or Netflix": {AppName: "a", DataCenter: "Amazon"},
		"eureka-1:8761/eureka/": {AppName: "a", EurekaServer: "http://"},
	} {
		_, err := starter.Init(t.Context(), cfg)
		require.ErrorContains(t, err, name)
	}
}

func TestHostAndAddressFollowFromEachOther(t *testing.T) {
	server := eurekatest.NewServer(t)
	for _, one := range []struct{ host, ip, wantHost, wantIP string }{
		{"localhost", "", "localhost", "127.0.0.1"},
		{"192.0.2.7", "", "192.0.2.7", "192.0.2.7"},
		{"", "192.0.2.7", "192.0.2.7", "192.0.2.7"},
		{"web.invalid", "192.0.2.7", "web.invalid", "192.0.2.7"},
	} {
		a := agent(t, starter.Register, starter.Config{EurekaServer: server.URL, AppName: "orders", InstanceHost: one.host, InstanceIP: one.ip})
		i := server.Only("orders")
		require.Equal(t, []string{one.wantHost, one.wantIP, one.wantIP + ":orders:9090"}, []string{i.HostName, i.IPAddr, i.InstanceID})
		require.NoError(t, a.Close(t.Context()))
	}
}

func TestEurekaThatIsAwayIsNoErrorAndTheContextEndsTheAgent(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	a, err := starter.Init(ctx, localConfig(server))
	require.NoError(t, err)
	server.Start(t)
	require.Eventually(t, func() bool { return server.Only("orders") != nil }, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.Eventually(t, func() bool { return server.Only("orders") == nil }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, a.Close(t.Context()))
}

func TestTwoAgentsAreIndependent(t *testing.T) {
	one, two := eurekatest.NewServer(t), eurekatest.NewServer(t)
	a, b := agent(t, starter.Init, localConfig(one)), agent(t, starter.Init, localConfig(two))
	require.NoError(t, a.Close(t.Context()))
	require.Nil(t, one.Only("orders"))
	require.NotNil(t, two.Only("orders"))
	_, err := b.DoService(t.Context(), "nobody", "/")
	require.True(t, errors.Is(err, discovery.ErrUnknownService))
}

func TestANilContextIsAnErrorAndClosesAllTheSame(t *testing.T) {
	var none context.Context
	server := eurekatest.NewServer(t)
	for _, start := range []func(context.Context, starter.Config) (*starter.Agent, error){starter.Init, starter.Register, starter.Discover} {
		_, err := start(none, localConfig(server))
		require.ErrorContains(t, err, "a context is needed")
	}
	a := agent(t, starter.Init, localConfig(server))
	for name, call := range map[string]func() error{
		"Instances":    func() error { _, err := a.Instances(none, "nobody"); return err },
		"Refresh":      func() error { return a.Refresh(none) },
		"SetStatus":    func() error { return a.SetStatus(none, discovery.OutOfService) },
		"ClearStatus":  func() error { return a.ClearStatus(none) },
		"DoService":    func() error { _, err := a.DoService(none, "orders", "/"); return err },
		"Applications": func() error { _, err := a.REST().Applications(none); return err },
		"ServerStatus": func() error { _, err := a.REST().ServerStatus(none); return err },
		"WalkNodes": func() error {
			_, err := starter.WalkNodes(none, a, "orders", "/", func(context.Context, string) (int, error) { return 0, nil })
			return err
		},
	} {
		require.ErrorContains(t, call(), "context", name)
	}
	require.NoError(t, a.Close(none))
	require.Nil(t, server.Only("orders"))
}
