package actuator_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/modules/actuator"
	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
	"github.com/archimedes-go/archimedes/modules/build"
	"github.com/archimedes-go/archimedes/starter"
)

func ask(h http.Handler, method, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://host:8080"+path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func handler(cfg actuator.Config) *actuator.Handler {
	read := func(id string) endpoint.Endpoint {
		return endpoint.Read(id, func(context.Context) (any, error) {
			if id == "missing" {
				return nil, endpoint.ErrNotFound
			}
			return map[string]string{"id": id}, nil
		})
	}
	return actuator.New(cfg, "", read("health"), read("info"), read("scheduled-tasks"), read("missing"))
}

func TestOnlyExposedEndpointsAreServed(t *testing.T) {
	cfg := actuator.DefaultConfig()
	require.Equal(t, 404, ask(handler(cfg), "GET", "/actuator/scheduled-tasks", "").Code)
	cfg.Exposure = actuator.Exposure{Include: []string{"*"}, Exclude: []string{"info"}}
	h := handler(cfg)
	for path, want := range map[string]int{
		"/actuator/health": 200, "/actuator/info": 404, "/actuator/scheduledTasks": 200, "/actuator/missing": 404, "/actuator/nothing": 404,
		"/actuator": 200, "/actuator/": 200, "/actuatorial": 404, "/actuator/health/deeper": 404,
	} {
		require.Equal(t, want, ask(h, "GET", path, "").Code, path)
	}
}

func TestTheMediaTypeIsTheOneThatIsAccepted(t *testing.T) {
	h := handler(actuator.DefaultConfig())
	for accept, want := range map[string]string{
		"": endpoint.V3, "*/*": endpoint.V3, "application/json": endpoint.JSON, endpoint.V2: endpoint.V2, "text/html, application/*;q=0.5": endpoint.V3,
	} {
		require.Equal(t, want, ask(h, "GET", "/actuator/health", accept).Header().Get("Content-Type"), accept)
	}
	require.Equal(t, 406, ask(h, "GET", "/actuator/health", "text/html").Code)
	require.Equal(t, 405, ask(h, "POST", "/actuator/health", "").Code)
	options := ask(h, "OPTIONS", "/actuator/health", "")
	require.Equal(t, []any{200, "GET, HEAD, OPTIONS"}, []any{options.Code, options.Header().Get("Allow")})
}

func TestTheIndexLinksWhatIsExposed(t *testing.T) {
	var index struct {
		Links map[string]struct{ Href string } `json:"_links"`
	}
	require.NoError(t, json.Unmarshal(ask(handler(actuator.DefaultConfig()), "GET", "/actuator", "").Body.Bytes(), &index))
	require.Equal(t, "http://host:8080/actuator/health", index.Links["health"].Href)
	require.Len(t, index.Links, 3)
}

func TestTheIndexLinksWhereCallersReachIt(t *testing.T) {
	for name, header := range map[string]http.Header{
		"/shop": {}, "https://shop.example/api": {"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"shop.example"}, "X-Forwarded-Prefix": {"/api"}},
	} {
		a := apptest.Start(t, starter.Web, apptest.YAML("server: {servlet.context-path: /shop, forward-headers-strategy: framework}"))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/actuator", nil)
		require.NoError(t, err)
		request.Header = header
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		require.Contains(t, string(body), name+"/actuator/health\"")
	}
}

func TestHealthAndInfoHaveSpringsShapes(t *testing.T) {
	a := apptest.Start(t, starter.Web, apptest.YAML(`
spring.application: {name: shop, version: 1.2.3}
management:
  endpoint.health.show-details: always
  health.diskspace.enabled: false
  info: {env.enabled: true, go.enabled: true}
info: {team: {name: checkout}}
`))
	status, body := a.Get("/actuator/health")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"status":"UP","groups":["liveness","readiness"],"components":{"ping":{"status":"UP"}}}`, body)
	_, body = a.Get("/actuator/health/readiness")
	require.JSONEq(t, `{"status":"UP","components":{"readinessState":{"status":"UP"}}}`, body)
	status, _ = a.Get("/actuator/health/ping")
	require.Equal(t, 200, status)
	_, body = a.Get("/actuator/info")
	require.Contains(t, body, `"team":{"name":"checkout"}`)
	require.Contains(t, body, `"version":"1.2.3"`)
}

func TestInfoTellsTheBuildAndTheCommitAsSpringDoes(t *testing.T) {
	defer func() { build.Version, build.Commit, build.CommitTime, build.Branch, build.Time = "", "", "", "", "" }()
	build.Version, build.Commit, build.CommitTime = "1.2.0", "3f2a1bc9d8e7f60512345678", "2026-11-29T08:30:00+01:00"
	build.Branch, build.Time = "main", "2026-11-29T09:00:00Z"
	const about = `"build":{"artifact":"actuator.test","group":"github.com/archimedes-go/archimedes","name":"shop","version":"1.2.0","time":"2026-11-29T09:00:00Z"}`
	for settings, want := range map[string]string{
		"":                "{" + about + `,"git":{"branch":"main","commit":{"id":"3f2a1bc","time":"2026-11-29T07:30:00Z"}}}`,
		"git.mode: full":  "{" + about + `,"git":{"branch":"main","dirty":"false","commit":{"id":"3f2a1bc9d8e7f60512345678","time":"2026-11-29T07:30:00Z"}}}`,
		"git.enabled: no": "{" + about + "}",
		"{git.enabled: false, build.enabled: false}": "{}",
	} {
		t.Run(settings, func(t *testing.T) {
			a := apptest.Start(t, starter.Web, apptest.YAML("spring.application.name: shop\nmanagement.info:\n  "+settings))
			_, body := a.Get("/actuator/info")
			require.JSONEq(t, want, body)
		})
	}
}

func TestTheActuatorCanBeMovedAndSwitchedOff(t *testing.T) {
	moved := apptest.Start(t, starter.Web, apptest.YAML("management.endpoints.web.base-path: /manage\nserver.servlet.context-path: /shop"))
	status, _ := moved.Get("/manage/health")
	require.Equal(t, 200, status)
	off := apptest.Start(t, starter.Web, apptest.YAML("management.server.port: -1"))
	status, _ = off.Get("/actuator/health")
	require.Equal(t, 404, status)
}
