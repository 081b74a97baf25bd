package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes adds routes with a function.
type routes func(*echo.Echo)

func (r routes) Routes(e *echo.Echo) { r(e) }

// registration writes down the steps.
type registration struct {
	mu    sync.Mutex
	steps []string
	drain time.Duration
	at    func(step string)

	address discovery.Address
}

func (r *registration) note(step string) {
	r.mu.Lock()
	r.steps = append(r.steps, step)
	r.mu.Unlock()
	if r.at != nil {
		r.at(step)
	}
}

func (r *registration) Up(a discovery.Address) {
	r.address = a
	r.note(fmt.Sprintf("up %t", a.Port > 0))
}
func (r *registration) Down(context.Context) error   { r.note("down"); return nil }
func (r *registration) Drain() time.Duration         { return r.drain }
func (r *registration) Remove(context.Context) error { r.note("remove"); return nil }

// running is a started server of one test.
type running struct {
	*fxtest.App
	url          string
	registration *registration
	availability *health.Availability
	spans        *tracetest.SpanRecorder
	logs         *lines
	client       *http.Client
}

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// serve starts a server on a free port. It stops with the test unless the test stops it.
func serve(t *testing.T, yaml string, r func(*echo.Echo), more ...fx.Option) *running {
	t.Helper()
	return serveConfig(t, configtest.FromYAML(t, "server.port: 0\nserver.address: 127.0.0.1\nmanagement.tracing.sampling.probability: 1.0\n"+yaml), r, more...)
}

func serveConfig(t *testing.T, cfg *config.Config, r func(*echo.Echo), more ...fx.Option) *running {
	t.Helper()
	s := &running{registration: &registration{}, spans: tracetest.NewSpanRecorder(), logs: &lines{}, client: &http.Client{Transport: &http.Transport{}}}
	var server *web.Server
	s.App = fxtest.New(t,
		fx.NopLogger, fx.Supply(cfg, slog.New(slog.NewTextHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		fx.Provide(
			discovery.AsRegistration(func() *registration { return s.registration }),
			telemetry.AsSpanProcessor(func() sdktrace.SpanProcessor { return s.spans }),
			web.AsRoutes(func() routes { return r }),
		),
		fx.Populate(&server, &s.availability),
		fx.Options(more...), web.Root(),
	)
	s.RequireStart()
	s.url = server.URL()
	t.Cleanup(func() { s.client.CloseIdleConnections() })
	return s
}

func (s *running) get(t *testing.T, path string) (int, string, http.Header) {
	t.Helper()
	response, err := s.client.Get(s.url + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body), response.Header
}

func hello(e *echo.Echo) {
	e.GET("/hello/:name", func(c echo.Context) error { return c.String(http.StatusOK, "hello "+c.Param("name")) })
}

func TestTheServerIsReachableBeforeItIsRegistered(t *testing.T) {
	s := serve(t, "", hello)
	defer s.RequireStop()
	require.Equal(t, []string{"up true"}, s.registration.steps)
	require.True(t, s.availability.Accepting())
	status, body, _ := s.get(t, "/hello/you")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "hello you", body)
	require.Regexp(t, `Web server started on port \d+ \(http\)`, s.logs.String())
}

func TestATakenPortFailsTheStartAndNothingIsRegistered(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	r := &registration{}
	cfg := configtest.FromYAML(t, fmt.Sprintf("server: {port: %d, address: 127.0.0.1}", port))
	app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		fx.Provide(discovery.AsRegistration(func() *registration { return r })), web.Root())
	err = app.Start(t.Context())
	var failed *web.BindError
	require.ErrorAs(t, err, &failed)
	require.Contains(t, failed.Description(), fmt.Sprintf("Port %d was already in use", port))
	require.Contains(t, failed.Action(), "server.port")
	require.Equal(t, []string{"server.port"}, failed.Keys())
	require.Empty(t, r.steps)
}

func TestAnAddressThatIsNotThisMachinesIsNamed(t *testing.T) {
	cfg := configtest.FromYAML(t, "server: {port: 0, address: 192.0.2.1}") // of documents only
	app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg), web.Root())
	var failed *web.BindError
	require.ErrorAs(t, app.Start(t.Context()), &failed)
	require.Equal(t, []string{"server.address"}, failed.Keys())
	require.Contains(t, failed.Action(), "server.address")
}

func TestErrorsAreProblems(t *testing.T) {
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/secret", func(echo.Context) error { return errors.New("password is hunter2") })
		e.GET("/teapot", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "short and stout") })
		e.GET("/mine", func(echo.Context) error {
			return web.NewProblem(http.StatusConflict, "taken").With("by", "someone").Because(errors.New("inside"))
		})
		e.GET("/coded", func(echo.Context) error { return coded(http.StatusNotFound) })
		e.GET("/gateway", func(echo.Context) error { return fmt.Errorf("call: %w", coded(http.StatusBadGateway)) })
		e.GET("/panic", func(echo.Context) error { panic("oh no") })
		e.POST("/post", func(c echo.Context) error { _, err := io.ReadAll(c.Request().Body); return err })
	})
	defer s.RequireStop()
	for path, want := range map[string]map[string]any{
		"/secret":  {"status": 500.0, "title": "Internal Server Error", "detail": nil},
		"/teapot":  {"status": 418.0, "detail": "short and stout"},
		"/mine":    {"status": 409.0, "detail": "taken", "by": "someone"},
		"/coded":   {"status": 404.0, "detail": "coded 404"},
		"/gateway": {"status": 502.0, "detail": nil},
		"/panic":   {"status": 500.0, "detail": nil},
		"/nowhere": {"status": 404.0},
		"/post":    {"status": 405.0},
	} {
		status, body, header := s.get(t, path)
		require.Equal(t, "application/problem+json", header.Get("Content-Type"), path)
		require.Equal(t, want["status"], float64(status), path)
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &document))
		for key, value := range want {
			require.Equal(t, value, document[key], "%s %s", path, key)
		}
		require.Equal(t, path, document["instance"])
		require.Len(t, document["traceId"], 32)
		require.NotContains(t, body, "hunter2")
	}
	require.Contains(t, s.logs.String(), "a handler panicked")
	require.Contains(t, s.logs.String(), "web_test.go", "the stack tells where")
	require.Contains(t, s.logs.String(), "hunter2", "operators see what callers do not")
}

type coded int

func (c coded) Error() string   { return fmt.Sprintf("coded %d", int(c)) }
func (c coded) StatusCode() int { return int(c) }

func TestBodiesAreLimited(t *testing.T) {
	s := serve(t, "server.max-request-body-size: 10B", func(e *echo.Echo) {
		e.POST("/", func(c echo.Context) error { _, err := io.ReadAll(c.Request().Body); return err })
	})
	defer s.RequireStop()
	for _, body := range []io.Reader{strings.NewReader("more than ten bytes"), io.MultiReader(strings.NewReader("more than "), strings.NewReader("ten bytes"))} {
		response, err := s.client.Post(s.url+"/", "text/plain", body)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	}
}

func TestTheClientAddressIsTheSockets(t *testing.T) {
	s := serve(t, "", func(e *echo.Echo) { e.GET("/", func(c echo.Context) error { return c.String(200, c.RealIP()) }) })
	defer s.RequireStop()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/", nil)
	require.NoError(t, err)
	request.Header.Set("X-Forwarded-For", "1.2.3.4")
	request.Header.Set("X-Real-IP", "1.2.3.4")
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	require.Equal(t, "127.0.0.1", string(body))
}

func TestTheContextPathIsAPrefixOfEverything(t *testing.T) {
	s := serve(t, "server.servlet.context-path: /shop", hello)
	defer s.RequireStop()
	base := strings.TrimSuffix(s.url, "/shop")
	for path, want := range map[string]int{"/shop/hello/x": 200, "/hello/x": 404, "/shopping/hello/x": 404} {
		response, err := s.client.Get(base + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, want, response.StatusCode, path)
		if want == http.StatusNotFound {
			require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"), path)
		}
	}
}

func TestAPathIsToldAsTheCallerWroteIt(t *testing.T) {
	for yaml, member := range map[string]string{"": "instance", "spring.mvc.problemdetails.enabled: false": "path"} {
		s := serve(t, "server.servlet.context-path: /shop\n"+yaml, hello)
		_, body, _ := s.get(t, "/nowhere/a%2Fb")
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &document), body)
		require.Equal(t, "/shop/nowhere/a/b", document[member])
		s.RequireStop()
	}
}

func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	var through []string
	note := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { through = append(through, c.Request().Method); return next(c) }
	}
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/orders/:id", func(c echo.Context) error { return c.String(http.StatusOK, "order "+c.Param("id")) }, note)
		e.HEAD("/own", func(c echo.Context) error { return c.NoContent(http.StatusAccepted) })
		e.GET("/own", func(c echo.Context) error { return c.String(http.StatusOK, "own") })
		e.POST("/orders", func(c echo.Context) error { return c.NoContent(http.StatusCreated) })
	})
	defer s.RequireStop()
	for path, want := range map[string]int{"/orders/7": 200, "/own": 202, "/orders": 405, "/nowhere": 404} {
		response, err := s.client.Head(s.url + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, want, response.StatusCode, path)
	}
	require.Equal(t, []string{http.MethodHead}, through)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.url+"/orders/7", nil)
	require.NoError(t, err)
	response, err := s.client.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, "OPTIONS, GET, HEAD", response.Header.Get("Allow"))
}

func TestMountsServeTreesAndGiveWayToRoutes(t *testing.T) {
	mount := func(name, prefix string) any {
		return web.AsMount(func() web.Mount {
			return web.Mount{Prefix: prefix, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name, " ", r.URL.Path) })}
		})
	}
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error { return c.String(200, "mine") })
	}, fx.Provide(mount("tree", "/tree"), mount("root", "/")))
	defer s.RequireStop()
	for path, want := range map[string]string{"/tree": "tree /tree", "/tree/a/b": "tree /tree/a/b", "/": "mine"} {
		_, body, _ := s.get(t, path)
		require.Equal(t, want, body)
	}
	require.Contains(t, s.logs.String(), "takes the place")
}

func TestAFrontPageOfTheProgramWinsOverAMountThere(t *testing.T) {
	ok := func(c echo.Context) error { return c.String(200, "mine") }
	for name, c := range map[string]struct {
		routes func(*echo.Echo)
		want   map[string]string
		warned int
	}{
		"none":        {func(*echo.Echo) {}, map[string]string{"/": "mount /", "/tree": "mount /tree"}, 0},
		"a catch-all": {func(e *echo.Echo) { e.GET("/*", ok) }, map[string]string{"/": "mine", "/x": "mine", "/tree": "mount /tree", "/tree/a": "mount /tree/a"}, 1},
		"any method":  {func(e *echo.Echo) { e.Any("/*", ok) }, map[string]string{"/": "mine", "/tree/a": "mount /tree/a"}, 1},
		"elsewhere":   {func(e *echo.Echo) { e.GET("/x/*", ok); e.GET("/y", ok) }, map[string]string{"/": "mount /", "/x/": "mine"}, 0},
		"a 404 page":  {func(e *echo.Echo) { e.RouteNotFound("/*", ok) }, map[string]string{"/": "mount /", "/x": "mine"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			mount := func(prefix string) any {
				return web.AsMount(func() web.Mount {
					return web.Mount{Prefix: prefix, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "mount ", r.URL.Path) })}
				})
			}
			s := serve(t, "", c.routes, fx.Provide(mount("/"), mount("/tree")))
			defer s.RequireStop()
			for path, want := range c.want {
				_, body, _ := s.get(t, path)
				require.Equal(t, want, body, path)
			}
			require.Equal(t, c.warned, strings.Count(s.logs.String(), "takes the place of a built-in one"), s.logs.String())
		})
	}
}

func TestAMountThatIsUntracedMakesNoSpans(t *testing.T) {
	s := serve(t, "", hello, fx.Provide(web.AsMount(func() web.Mount {
		return web.Mount{Prefix: "/quiet", Untraced: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })}
	})))
	for _, path := range []string{"/quiet", "/quiet/a", "/hello/you"} {
		status, _, _ := s.get(t, path)
		require.Equal(t, 200, status)
	}
	s.RequireStop() // and with it whatever had not ended yet
	require.Len(t, s.spans.Ended(), 1)
	require.Equal(t, "GET /hello/:name", s.spans.Ended()[0].Name())
}

func TestARequestIsASpanNamedByItsRoute(t *testing.T) {
	s := serve(t, "", hello)
	defer s.RequireStop()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/hello/secret?token=x", nil)
	require.NoError(t, err)
	request.Header.Set("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	response, err := s.client.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Eventually(t, func() bool { return len(s.spans.Ended()) == 1 }, 5*time.Second, time.Millisecond)
	span := s.spans.Ended()[0]
	require.Equal(t, "GET /hello/:name", span.Name())
	require.Equal(t, "0123456789abcdef0123456789abcdef", span.SpanContext().TraceID().String())
	require.Equal(t, "0123456789abcdef", span.Parent().SpanID().String())
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
		require.NotContains(t, a.Value.String(), "token")
	}
	require.Equal(t, "/hello/:name", attributes["http.route"])
	require.Equal(t, "200", attributes["http.response.status_code"])
}

func TestStoppingLeavesInOrderWhileCallersAreServed(t *testing.T) {
	s := serve(t, "", hello)
	s.registration.drain = 300 * time.Millisecond
	var duringDrain []string
	s.registration.at = func(step string) {
		if step == "down" {
			require.False(t, s.availability.Accepting(), "readiness refuses first")
			go func() { // a caller that has not noticed
				response, err := s.client.Get(s.url + "/hello/late")
				if err != nil {
					return
				}
				response.Body.Close()
				s.registration.mu.Lock()
				defer s.registration.mu.Unlock()
				duringDrain = append(duringDrain, fmt.Sprint(response.StatusCode, " closes ", response.Close))
			}()
		}
		if step == "remove" {
			_, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second)
			require.Error(t, err, "the listener is closed before the lease is cancelled")
		}
	}
	s.RequireStop()
	require.Equal(t, []string{"up true", "down", "remove"}, s.registration.steps)
	require.Equal(t, []string{"200 closes true"}, duringDrain)
}

func TestARequestInFlightFinishesAndOneThatDoesNotIsCut(t *testing.T) {
	release, began := make(chan struct{}), make(chan struct{}, 2)
	cut := make(chan error, 1)
	s := serve(t, "spring.lifecycle.timeout-per-shutdown-phase: 400ms", func(e *echo.Echo) {
		e.GET("/slow", func(c echo.Context) error { began <- struct{}{}; <-release; return c.String(200, "done") })
		e.GET("/never", func(c echo.Context) error {
			began <- struct{}{}
			<-c.Request().Context().Done()
			cut <- c.Request().Context().Err()
			return nil
		})
	})
	answers := make(chan string, 2)
	for _, path := range []string{"/slow", "/never"} {
		go func() {
			response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(s.url + path)
			if err != nil {
				answers <- "cut"
				return
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			answers <- string(body)
		}()
		<-began
	}
	s.registration.at = func(step string) {
		if step == "down" {
			time.AfterFunc(50*time.Millisecond, func() { close(release) })
		}
	}
	s.RequireStop()
	require.ElementsMatch(t, []string{"done", "cut"}, []string{<-answers, <-answers})
	require.Error(t, <-cut)
	require.Equal(t, "remove", s.registration.steps[len(s.registration.steps)-1], "cancelled whatever came before")
}

func TestAnAbortedStopWaitsForNothing(t *testing.T) {
	began := make(chan struct{})
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/never", func(c echo.Context) error { close(began); <-c.Request().Context().Done(); return nil })
	})
	s.registration.drain = time.Hour
	go func() {
		if response, err := s.client.Get(s.url + "/never"); err == nil {
			response.Body.Close()
		}
	}()
	<-began
	ctx, haste := lifecycle.WithHaste(t.Context())
	s.registration.at = func(step string) {
		if step == "down" {
			haste.Abort()
		}
	}
	require.NoError(t, s.Stop(ctx))
	require.Equal(t, []string{"up true", "down", "remove"}, s.registration.steps)
}

func TestAnImmediateShutdownDoesNotDrain(t *testing.T) {
	s := serve(t, "server.shutdown: immediate", hello)
	s.registration.drain = time.Hour
	s.RequireStop()
	require.Equal(t, []string{"up true", "down", "remove"}, s.registration.steps)
}

func TestIdleConnectionsSurviveTheDrain(t *testing.T) {
	s := serve(t, "", hello)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	ask := func() bool {
		fmt.Fprint(conn, "GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		_, _ = io.ReadAll(response.Body)
		return response.Close
	}
	require.False(t, ask())
	s.registration.drain = 300 * time.Millisecond
	said := make(chan bool, 1)
	s.registration.at = func(step string) {
		if step == "down" {
			time.AfterFunc(100*time.Millisecond, func() { said <- ask() })
		}
	}
	s.RequireStop()
	require.True(t, <-said)
}

func TestRoutesWithoutAServerAreSaidToBeIgnored(t *testing.T) {
	log := &lines{}
	r := &registration{}
	cfg := configtest.FromYAML(t, "spring.main.web-application-type: none")
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, slog.New(slog.NewTextHandler(log, nil))), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		fx.Provide(web.AsRoutes(func() routes { return hello }), discovery.AsRegistration(func() *registration { return r })), web.Root())
	app.RequireStart().RequireStop()
	require.Contains(t, log.String(), "routes are ignored")
	require.Equal(t, []string{"up false", "down", "remove"}, r.steps, "registrations are driven all the same")
}

func TestTwoErrorHandlersAreAnError(t *testing.T) {
	cfg := configtest.FromYAML(t, "")
	handler := func() web.ErrorHandler { return func(error, echo.Context) {} }
	app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		fx.Provide(web.AsErrorHandler(handler), web.AsErrorHandler(handler)), web.Root())
	require.ErrorContains(t, app.Err(), "web.AsErrorHandler")
}

func TestTheContextOfARequestEndsWithIt(t *testing.T) {
	for name, wait := range map[string]func(context.Context) context.Context{
		"nobody waits before":   func(ctx context.Context) context.Context { return ctx },
		"somebody waits before": func(ctx context.Context) context.Context { ctx.Done(); return ctx },
		"what is derived from it": func(ctx context.Context) context.Context {
			derived, cancel := context.WithCancel(ctx)
			context.AfterFunc(derived, cancel)
			return derived
		},
	} {
		t.Run(name, func(t *testing.T) {
			type key struct{}
			contexts := make(chan context.Context, 1)
			s := serve(t, "", func(e *echo.Echo) {
				e.GET("/", func(c echo.Context) error {
					ctx := wait(context.WithValue(c.Request().Context(), key{}, "value"))
					require.NoError(t, ctx.Err())
					contexts <- ctx
					return c.NoContent(http.StatusNoContent)
				})
			})
			defer s.RequireStop()
			status, _, _ := s.get(t, "/")
			require.Equal(t, 204, status)
			ctx := <-contexts
			require.Eventually(t, func() bool { return ctx.Err() != nil }, 10*time.Second, time.Millisecond)
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
				t.Fatal("it never ends")
			}
			require.Equal(t, []any{context.Canceled, context.Canceled, "value"}, []any{ctx.Err(), context.Cause(ctx), ctx.Value(key{})})
		})
	}
}
