package eurekaserver_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/starter"
)

const order = `{"instance":{"instanceId":"web-1","hostName":"localhost","app":"ORDERS","ipAddr":"127.0.0.1","status":"UP","dataCenterInfo":{"name":"MyOwn"},"lastDirtyTimestamp":"1"}}`

// ask sends a request without a proxy and returns status, headers and body.
func ask(t *testing.T, method, url, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}

func TestTheServerTellsItsHealthAndCounts(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("management.endpoint.health.show-details: always"),
		apptest.Options(fx.Provide(fx.Annotate(func() sdkmetric.Reader { return reader }, fx.ResultTags(`group:"telemetry.metric-readers"`)))))
	status, _, _ := ask(t, "POST", server.URL+"/eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	status, _, body := ask(t, "PUT", server.URL+"/eureka/apps/ORDERS/nobody", "")
	require.Equal(t, 404, status)
	require.Empty(t, body, "through the whole server, too")
	_, health := server.Get("/actuator/health")
	require.Contains(t, health, `"eurekaServer":{"details":{"UP":1,"applications":1,"expectedRenewals":2,"renewalsLastMinute":2,"selfPreservation":"off"},"status":"UP"}`)

	var metrics metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &metrics))
	found := map[string]int64{}
	for _, scope := range metrics.ScopeMetrics {
		for _, m := range scope.Metrics {
			points := func(all []metricdata.DataPoint[int64]) {
				for _, p := range all {
					key := m.Name
					for _, label := range p.Attributes.ToSlice() {
						key += " " + label.Value.AsString()
					}
					found[key] = p.Value
				}
			}
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				points(data.DataPoints)
			case metricdata.Sum[int64]:
				points(data.DataPoints)
			}
		}
	}
	require.Subset(t, found, map[string]int64{
		"eureka.server.applications": 1, "eureka.server.instances UP": 1, "eureka.server.instances DOWN": 0, "eureka.server.renewals.expected": 2,
		"eureka.server.requests register success": 1, "eureka.server.requests renew unknown": 1, "eureka.server.evictions": 0,
	})
}

func TestOnlyTheUserPassesWhenThereIsOne(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("spring.security.user: {name: ann, password: secret}"))
	status, header, body := ask(t, "GET", server.URL+"/eureka/apps", "")
	require.Equal(t, 401, status)
	require.Contains(t, header.Get("WWW-Authenticate"), "Basic")
	require.Empty(t, body)
	with := func(userinfo string) string { return strings.Replace(server.URL, "://", "://"+userinfo+"@", 1) }
	for userinfo, want := range map[string]int{"ann:secret": 200, "ann:wrong": 401, "bob:secret": 401, "ann:": 401} {
		status, _, _ = ask(t, "GET", with(userinfo)+"/eureka/apps", "")
		require.Equal(t, want, status, userinfo)
	}
	status, _, _ = ask(t, "POST", with("ann:secret")+"/eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	require.NotContains(t, server.Logs(), "secret")
}

func TestARestartServesTheLastRegistryAtOnceAndMarksItUntilRenewed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.json")
	start := func() *apptest.App {
		return apptest.Start(t, starter.EurekaServer, apptest.YAML("management.endpoint.health.show-details: always"), apptest.Property("eureka.server.snapshot.file", file))
	}
	first := start()
	status, _, _ := ask(t, "POST", first.URL+"/eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	status, _, _ = ask(t, "PUT", first.URL+"/eureka/apps/ORDERS/web-1/status?value=OUT_OF_SERVICE", "")
	require.Equal(t, 200, status)
	first.Stop()

	second := start()
	_, _, body := ask(t, "GET", second.URL+"/eureka/apps/", "")
	require.Contains(t, body, `"apps__hashcode":"OUT_OF_SERVICE_1_"`)
	_, health := second.Get("/actuator/health")
	require.Contains(t, health, `"restored":1`)
	status, _, _ = ask(t, "PUT", second.URL+"/eureka/apps/ORDERS/web-1?lastDirtyTimestamp=1", "")
	require.Equal(t, 200, status, "its client need not register again")
	_, health = second.Get("/actuator/health")
	require.NotContains(t, health, `"restored"`)
	status, _, _ = ask(t, "DELETE", second.URL+"/eureka/apps/ORDERS/web-1/status?value=UP", "")
	require.Equal(t, 200, status)
	_, _, body = ask(t, "GET", second.URL+"/eureka/apps/", "")
	require.Contains(t, body, `"apps__hashcode":"UP_1_"`, "the override was kept as one")
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for key, value := range map[string]string{
		"eureka.server.max-size": "0", "eureka.server.snapshot.file": "/nowhere/at/all/registry.json", "eureka.server.rate-limiter-burst-size": "-1",
		"eureka.server.eviction-interval-timer-in-ms": "0", "eureka.server.max-instances": "none",
		"eureka.server.renewal-percent-threshold": "NaN", "eureka.server.snapshot.interval": "0",
		"eureka.server.snapshot": "{file: " + t.TempDir() + "}",
	} {
		cfg := configtest.FromYAML(t, "eureka.server.enabled: true\n"+key+": "+value)
		app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), starter.EurekaServer(cfg), fx.Invoke(func(*registry.Registry) {}), fx.Invoke(func(*rest.Handler) {}))
		require.ErrorContains(t, app.Err(), key)
	}
}

func TestASlashTooManyBeforeThePathIsForgiven(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer)
	status, _, _ := ask(t, "POST", server.URL+"//eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	for _, path := range []string{"//eureka/apps/", "//eureka/v2/apps/ORDERS", "/eureka//apps/ORDERS/web-1"} {
		status, _, body := ask(t, "GET", server.URL+path, "")
		require.Equal(t, 200, status, path)
		require.Contains(t, body, `"web-1"`, path)
	}
}
