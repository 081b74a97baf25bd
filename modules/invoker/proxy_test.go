package invoker_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

const proxied = "INVOKER_TEST_BEHIND_PROXY"

// net/http reads the environment once, and never takes a proxy for localhost: hence a process of its own, and names of its own.
func TestTheProxyOfTheEnvironmentIsForTheWorldOutsideOnly(t *testing.T) {
	if os.Getenv(proxied) != "" {
		behindProxy(t)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), proxied+"=1", "HTTP_PROXY=http://127.0.0.1:1", "http_proxy=http://127.0.0.1:1", "NO_PROXY=", "no_proxy=")
	output, err := child.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "--- PASS: "+t.Name())
}

// behindProxy registers, finds itself and calls itself by name while HTTP_PROXY leads nowhere.
func behindProxy(t *testing.T) {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: localNames}
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") }))
	defer node.Close()
	_, port, _ := strings.Cut(node.Listener.Addr().String(), ":")
	at, err := strconv.Atoi(port)
	require.NoError(t, err)
	server := eurekatest.NewServer(t)
	cfg := configtest.FromYAML(t, `
spring.application.name: orders
eureka:
  client: {service-url.defaultZone: "`+strings.NewReplacer("localhost", "registry.example", "127.0.0.1", "registry.example").Replace(server.URL)+`", registry-fetch-interval-seconds: 1}
  instance: {hostname: node.example, ip-address: 127.0.0.1, lease-renewal-interval-in-seconds: 1}
`)
	var (
		registrar *eureka.Registrar
		ready     *health.Availability
		rest      *invoker.Client
		plain     *invoker.Plain
	)
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), health.Module(cfg), eureka.Module(cfg), discovery.Module(cfg),
		loadbalancer.Module(cfg), invoker.Module(cfg), fx.Populate(&registrar, &ready, &rest, &plain))
	app.RequireStart()
	defer app.RequireStop()
	ready.Accept()
	registrar.Up(discovery.Address{Port: at})
	require.Eventually(t, func() bool {
		body, err := invoker.GetForObject[string](t.Context(), rest, "http://orders/")
		return err == nil && body == "direct"
	}, 20*time.Second, 20*time.Millisecond, "a call by name never takes the proxy")
	beats := func() (n int) {
		for _, r := range server.Requests() {
			if eurekatest.Heartbeats(r) {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return beats() > 0 }, 20*time.Second, 20*time.Millisecond, "nor does a heartbeat")
	require.NoError(t, registrar.Remove(t.Context()))

	_, err = invoker.GetForObject[string](t.Context(), plain, "http://node.example:{port}/", at)
	require.ErrorContains(t, err, "127.0.0.1:1", "the world outside is behind it")
	_, err = invoker.GetForObject[string](t.Context(), plain, node.URL)
	require.NoError(t, err, "but for this machine")
	_, err = invoker.GetForObject[string](t.Context(), rest, "http://node.example/")
	require.ErrorContains(t, err, "invoker.Plain")
}

// localNames answers the questions of a resolver: every name is this machine.
func localNames(context.Context, string, string) (net.Conn, error) {
	asker, answerer := net.Pipe()
	go func() {
		defer answerer.Close()
		head := make([]byte, 2)
		for {
			if _, err := io.ReadFull(answerer, head); err != nil {
				return
			}
			packet := make([]byte, int(head[0])<<8|int(head[1]))
			if _, err := io.ReadFull(answerer, packet); err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(packet); err != nil {
				return
			}
			m.Response, m.Additionals = true, nil
			for _, q := range m.Questions {
				if q.Type == dnsmessage.TypeA {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
					})
				}
			}
			packed, err := m.Pack()
			if err != nil {
				return
			}
			if _, err := answerer.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...)); err != nil {
				return
			}
		}
	}()
	return asker, nil
}
