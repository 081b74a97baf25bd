package eurekaserver_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/starter"
)

func TestSpansAreTakenOnlyWhereTheSettingsSaySo(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want int
	}{
		"default":                 {"", 404},
		"on":                      {"eureka.dashboard.traces: true", 200},
		"behind no user":          {"{eureka.dashboard.traces: true, spring.security.user.password: secret}", 200},
		"without the dashboard":   {"eureka.dashboard: {traces: true, enabled: false}", 404},
		"forwarded is not asked":  {"{eureka.dashboard.traces: true, server.forward-headers-strategy: native}", 200},
		"the server is not there": {"{eureka.dashboard.traces: true, eureka.server.enabled: false}", 404},
	} {
		t.Run(name, func(t *testing.T) {
			server := apptest.Start(t, starter.EurekaServer, apptest.YAML(c.yaml))
			status, _, _ := ask(t, "POST", server.URL+"/v1/traces", "{}")
			require.Equal(t, c.want, status)
			status, _, body := ask(t, "POST", server.URL+"/v1/traces", "{}", "X-Forwarded-For", "127.0.0.1")
			require.NotEqual(t, 200, status, body)
		})
	}
}

func TestExportsClientsAndTheDashboardMakeNoSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("{eureka.dashboard.traces: true, management.tracing.sampling.probability: 1.0}"),
		apptest.Options(fx.Provide(telemetry.AsSpanProcessor(func() sdktrace.SpanProcessor { return spans }))))
	for _, path := range []string{"/v1/traces", "/v1/traces/"} {
		status, _, _ := ask(t, "POST", server.URL+path, "{}")
		require.Equal(t, 200, status)
	}
	for _, path := range []string{"/eureka/apps", "/", "/eureka-ui/", "/eureka-ui/traces", "/actuator/health"} {
		status, _, _ := ask(t, "GET", server.URL+path, "")
		require.Equal(t, 200, status)
	}
	server.Stop()
	var names []string
	for _, s := range spans.Ended() {
		names = append(names, s.Name())
	}
	require.Equal(t, []string{"GET /actuator/*"}, names, "others would be exported again, be heartbeats mostly, or make the dashboard show itself")
}
