//go:build !windows

package apptest_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// talker logs on request.
type talker struct{ log *slog.Logger }

func newTalker(log *slog.Logger) *talker { return &talker{log.With("logger", "talk")} }

func (t *talker) Routes(e *echo.Echo) {
	e.GET("/talk/:text", func(c echo.Context) error {
		t.log.DebugContext(c.Request().Context(), "said "+c.Param("text"))
		return c.NoContent(http.StatusOK)
	})
}

func TestTwoApplicationsInOneProcessShareNothing(t *testing.T) {
	logger, tracers, meters, propagator := slog.Default(), otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()
	start := func(name, level string) *apptest.App {
		return apptest.Start(t, starter.Service, apptest.YAML(fmt.Sprintf("{spring.application.name: %s, logging.level.talk: %s}", name, level)),
			apptest.Options(fx.Provide(web.AsRoutes(newTalker))))
	}
	loud, quiet := start("loud", "debug"), start("quiet", "info")

	for _, a := range []*apptest.App{loud, quiet} {
		status, _ := a.Get("/talk/hello")
		require.Equal(t, http.StatusOK, status)
		a.AwaitSpan("GET /talk/:text")
		require.Len(t, a.Spans(), 1)
	}
	require.Contains(t, loud.AwaitLog("said hello"), "[loud]")
	require.NotContains(t, quiet.Logs(), "said hello")
	require.NotContains(t, loud.Logs(), "quiet")
	require.NotNil(t, loud.Eureka.Only("loud"))
	require.Nil(t, loud.Eureka.Only("quiet"))

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	defer signal.Stop(signals)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case <-signals:
	case <-time.After(10 * time.Second):
		t.Fatal("the signal went elsewhere")
	}

	loud.Stop()
	status, _ := quiet.Get("/actuator/health/readiness")
	require.Equal(t, http.StatusOK, status, "neither the signal nor the other's end is its business")
	require.NotNil(t, quiet.Eureka.Only("quiet"))
	require.Same(t, logger, slog.Default())
	require.Equal(t, []any{tracers, meters, propagator}, []any{otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()})
}
