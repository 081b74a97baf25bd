package eurekaserver_test

import (
	"bufio"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

func TestTheDashboardIsAtItsPathsAndBehindTheUser(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want map[string]int
	}{
		"default":      {"", map[string]int{"/": 200, "/eureka-ui": 200, "/eureka-ui/": 200, "/eureka-ui/script.js": 200, "/eureka-ui/x": 404, "/x": 404, "/lastn": 200, "/eureka/lastn": 404}},
		"a path":       {"eureka.dashboard.path: /who", map[string]int{"/": 404, "/who": 200, "/eureka-ui/": 200}},
		"the same":     {"eureka.dashboard.path: /eureka-ui", map[string]int{"/": 404, "/eureka-ui": 200}},
		"off":          {"eureka.dashboard.enabled: false", map[string]int{"/": 404, "/eureka-ui/": 404, "/lastn": 404, "/eureka/apps": 200}},
		"a user":       {"spring.security.user.password: secret", map[string]int{"/": 401, "/eureka-ui/": 401, "/eureka-ui/events": 401, "/lastn": 401, "/eureka-ui/script.js": 401}},
		"context path": {"server.servlet.context-path: /estate", map[string]int{"": 200, "/": 200, "/eureka-ui/style.css": 200, "/estate": 404}},
	} {
		t.Run(name, func(t *testing.T) {
			server := apptest.Start(t, starter.EurekaServer, apptest.YAML(c.yaml))
			for path, want := range c.want {
				status, _, _ := ask(t, "GET", server.URL+path, "")
				require.Equal(t, want, status, path)
			}
		})
	}
}

type home struct{}

func (home) Routes(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "mine") })
}

func TestARouteOfTheProgramWinsOverTheDashboard(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.Options(fx.Provide(web.AsRoutes(func() home { return home{} }))))
	_, _, body := ask(t, "GET", server.URL+"/", "")
	require.Equal(t, "mine", body)
	status, _, _ := ask(t, "GET", server.URL+"/eureka-ui/", "")
	require.Equal(t, 200, status)
	require.Equal(t, 1, strings.Count(server.Logs(), "takes the place of a built-in one"), server.Logs())
}

func TestTheDashboardHearsOfEachChangeUntilTheStop(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("server.compression.enabled: true\nspring.mvc.async.request-timeout: 100ms"))
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/eureka-ui/events", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Encoding", "gzip") // which a stream must not get: frames would wait in it
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	frames := make(chan string, 100)
	go func() {
		defer close(frames)
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				frames <- data
			}
		}
	}()
	next := func() (string, bool) {
		select {
		case frame, open := <-frames:
			return frame, open
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is heard")
			return "", false
		}
	}
	first, _ := next()
	require.Equal(t, "0", first)
	status, _, _ := ask(t, "POST", server.URL+"/eureka/apps/ORDERS", order)
	require.Equal(t, 204, status)
	second, _ := next()
	require.NotEqual(t, first, second)
	_, _, body := ask(t, "GET", server.URL+"/", "")
	require.Contains(t, body, `data-version="`+second+`"`, "so the page knows that it is up to date")
	status, _, _ = ask(t, "PUT", server.URL+"/eureka/apps/ORDERS/web-1", "")
	require.Equal(t, 200, status)
	require.Empty(t, frames, "a renewal is no change")
	server.Stop()
	_, open := next()
	require.False(t, open, "the stream ends with the server")
}

func TestADashboardWhereClientsAskIsRefused(t *testing.T) {
	for _, path := range []string{"dashboard", "/eureka", "/eureka/ui", "/:id", "/*"} {
		cfg := configtest.FromYAML(t, "eureka.server.enabled: true\neureka.dashboard.path: '"+path+"'")
		app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), starter.EurekaServer(cfg), fx.Invoke(func(dashboard.Config) {}))
		require.ErrorContains(t, app.Err(), "eureka.dashboard.path", path)
	}
}
