package web_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/web"
)

// seen is what a handler learns of its caller.
type seen struct{ IP, Scheme, Host string }

func TestOnlyTheFrameworkStrategyBelievesAPrefix(t *testing.T) {
	for _, one := range []struct {
		name, strategy string
		prefix         []string
		want           string
	}{
		{"framework", "framework", []string{"/api/"}, "/api/nowhere"},
		{"of several proxies", "framework", []string{"/outer, /api"}, "/outer/api/nowhere"},
		{"one that is no path", "framework", []string{"/api", "https://evil.example"}, "/shop/nowhere"},
		{"or leads to another host", "framework", []string{"//evil.example"}, "/shop/nowhere"},
		{"native does not know it, as Tomcat", "native", []string{"/api"}, "/shop/nowhere"},
		{"none", "none", []string{"/api"}, "/shop/nowhere"},
	} {
		t.Run(one.name, func(t *testing.T) {
			s := serve(t, "server.servlet.context-path: /shop\nserver.forward-headers-strategy: "+one.strategy, func(*echo.Echo) {})
			defer s.RequireStop()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/nowhere", nil)
			require.NoError(t, err)
			request.Header["X-Forwarded-Prefix"] = one.prefix
			response, err := s.client.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			var problem struct{ Instance string }
			require.NoError(t, json.NewDecoder(response.Body).Decode(&problem))
			require.Equal(t, one.want, problem.Instance)
		})
	}
}

func TestProxiesAreBelievedAsTheStrategySays(t *testing.T) {
	forged := http.Header{
		"X-Forwarded-For": {"1.2.3.4, 10.1.1.1"}, "X-Real-Ip": {"1.2.3.4"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Ssl": {"on"},
		"X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Port": {"8443"},
	}
	rfc := http.Header{"Forwarded": {`for="[2001:db8::1]:4711";proto=https;host=shop.example, for=10.1.1.1`}}
	socket := seen{"127.0.0.1", "http", "own.test"}
	for _, one := range []struct {
		name, yaml string
		header     http.Header
		want       seen
	}{
		{"by default nobody is", "", forged, socket},
		{"nor with none", "server.forward-headers-strategy: none", forged, socket},
		{"native", "server.forward-headers-strategy: native", forged, seen{"1.2.3.4", "https", "shop.example:8443"}},
		{"framework", "server.forward-headers-strategy: framework", rfc, seen{"2001:db8::1", "https", "shop.example"}},
		{"native does not know RFC 7239, as Tomcat", "server.forward-headers-strategy: native", rfc, socket},
		{"a cloud platform makes it native", "spring.main.cloud-platform: kubernetes", forged, seen{"1.2.3.4", "https", "shop.example:8443"}},
		{"what a caller put before the last foreign address is nothing", "server.forward-headers-strategy: native", http.Header{"X-Forwarded-For": {"6.6.6.6, 1.2.3.4", "10.1.1.1"}}, seen{"1.2.3.4", "http", "own.test"}},
		{"a caller that is no proxy of ours", "server.forward-headers-strategy: native\nserver.tomcat.remoteip.internal-proxies: 10.0.0.0/8", forged, socket},
		{"a regular expression of proxies", "server.forward-headers-strategy: native\nserver.tomcat.remoteip.internal-proxies: '127\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|10\\..*'", forged, seen{"1.2.3.4", "https", "shop.example:8443"}},
		{"nonsense", "server.forward-headers-strategy: native", http.Header{"X-Forwarded-For": {"who, me"}, "X-Forwarded-Proto": {"gopher"}, "X-Forwarded-Host": {"a/../b"}}, socket},
	} {
		t.Run(one.name, func(t *testing.T) {
			s := serve(t, one.yaml, func(e *echo.Echo) {
				e.GET("/", func(c echo.Context) error {
					return c.JSON(http.StatusOK, seen{c.RealIP(), c.Scheme(), c.Request().Host})
				})
			})
			defer s.RequireStop()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/", nil)
			require.NoError(t, err)
			request.Host, request.Header = "own.test", one.header.Clone()
			response, err := s.client.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			var got seen
			require.NoError(t, json.NewDecoder(response.Body).Decode(&got))
			require.Equal(t, one.want, got)
		})
	}
}

func TestFaultySettingsAreNamed(t *testing.T) {
	for key, change := range map[string]func(*web.Config){
		"tomcat.remoteip.internal-proxies":    func(c *web.Config) { c.Tomcat.RemoteIP.InternalProxies = "(" },
		"compression.excluded-user-agents[0]": func(c *web.Config) { c.Compression.ExcludedUserAgents = []string{"["} },
		"ssl.certificate":                     func(c *web.Config) { on := true; c.SSL.Enabled = &on },
	} {
		cfg := web.DefaultConfig()
		change(&cfg)
		var fault config.FieldError
		require.ErrorAs(t, cfg.Validate(), &fault)
		require.Equal(t, key, fault.Key)
	}
	require.Error(t, web.CORSConfig{AllowedOrigins: []string{"*"}, AllowCredentials: true}.Validate())
}
