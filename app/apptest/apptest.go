// Package apptest boots a whole application inside a test, in milliseconds:
//
//	func TestOrderIsShown(t *testing.T) {
//		t.Parallel()
//		shop := apptest.Start(t, starter.Service, apptest.YAML("spring.application.name: shop"),
//			apptest.Options(fx.Provide(web.AsRoutes(newOrders))), apptest.Replace[Store](fakeStore{}))
//		order, err := invoker.GetForObject[Order](t.Context(), shop.Client, "http://shop/orders/{id}", 42)
//		require.NoError(t, err)
//		require.Equal(t, "GET /orders/:id", shop.AwaitSpan("GET /orders/:id").Name)
//	}
//
// The application listens on free loopback ports, registers in a Eureka server inside the test, and when [Start] returns it is ready
// and registered. It is stopped at the end of the test, without a drain. Nothing is shared between two of them, so tests may run in
// parallel.
//
// Settings. The files beside the test count as they do for the program, application.yml and config/ among them, under the profile
// "test": what a test needs to be different stands in application-test.yml. Above them stand ports 0, no drain, all requests
// traced, nothing exported; above these [YAML] and [Property]. Arguments and variables of the process do not count.
package apptest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

// patience is how long is waited for what should come.
const patience = 20 * time.Second

// App is a running application. Its methods are safe for concurrent use.
type App struct {
	URL        string             // such as http://127.0.0.1:41233; empty without a web server
	Port       int                // of URL
	Management string             // as URL, where the actuator has a listener of its own; else the same
	Client     *invoker.Client    // calls by name: this application, and whatever is registered in Eureka at that moment
	Eureka     *eurekatest.Server // where it registers, unless its settings name another

	t     testing.TB
	app   *app.App
	logs  *buffer
	spans *tracetest.SpanRecorder
	once  sync.Once
}

// Option adjusts what [Start] boots.
type Option func(*setup)

type setup struct {
	dir        string
	yaml       string
	properties map[string]string
	options    []fx.Option
	eureka     *eurekatest.Server
}

// YAML is settings of the test, above those of files. It is read as an application-test.yml is.
func YAML(text string) Option { return func(s *setup) { s.yaml = text } }

// Property sets a key, above all else.
func Property(key, value string) Option { return func(s *setup) { s.properties[key] = value } }

// Dir is where the program's files are. Default: the directory of the test.
func Dir(dir string) Option { return func(s *setup) { s.dir = dir } }

// Options adds to the container, as the program's own options do.
func Options(options ...fx.Option) Option {
	return func(s *setup) { s.options = append(s.options, options...) }
}

// Replace puts value in the place of what the container provides as a T; the constructor is not even called. Name the interface when
// that is what is provided: Replace[Store](fake). A T that nothing provides fails the start, since a fake that nobody gets tests
// nothing.
func Replace[T any](value T) Option {
	return Options(fx.Decorate(func() T { return value }), fx.Invoke(func(T) {}))
}

// Eureka makes the application register in a server that another application, or the test, uses, too. Default: one of its own.
func Eureka(server *eurekatest.Server) Option { return func(s *setup) { s.eureka = server } }

// defaults stand above the files of the program.
const defaults = `
server: {port: 0, address: 127.0.0.1}
management:
  server.address: 127.0.0.1
  tracing: {sampling.probability: 1, export.enabled: false}
eureka:
  instance: {hostname: localhost, ip-address: 127.0.0.1, drain-period: 0}
  client: {registry-fetch-interval-seconds: 1, service-url.defaultZone: "SERVER"}
spring.config.watch: false
`

// Start boots an application and returns when it is ready and, if it registers, listed as UP. A start that fails ends the test with
// its report.
func Start(t testing.TB, bundle func(*config.Config) fx.Option, options ...Option) *App {
	t.Helper()
	a, found := boot(t, bundle, options)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := a.app.Start(context.Background()); err != nil {
		report := err.Error()
		if f := (*app.Failure)(nil); errors.As(err, &f) {
			report = f.Report()
		}
		t.Fatalf("apptest: %s", report)
	}
	t.Cleanup(a.Stop)
	if found.Server != nil {
		a.Port, a.URL = found.Server.Port(), found.Server.URL()
		a.Management = a.URL
		if port := found.Server.ManagementPort(); port != 0 {
			base, _ := found.Config.Lookup("management.server.base-path")
			a.Management = "http://127.0.0.1:" + strconv.Itoa(port) + base
		}
	}
	server, _ := found.Config.Lookup("eureka.client.service-url.defaultZone")
	port, _ := found.Config.Lookup("eureka.instance.non-secure-port")
	if found.Registrar != nil && server == a.Eureka.URL && (found.Server != nil || port != "") {
		if err := found.Registrar.Await(ctx); err != nil {
			t.Fatalf("apptest: it was not registered within %v\n%s", patience, a.logs)
		}
	}
	name, _ := found.Config.Lookup("spring.application.name")
	a.Client = newClient(t, names{a.Eureka, name, strings.TrimPrefix(a.URL, "http://")})
	return a
}

// Run boots an application and returns when it has ended by itself, as a program without a listener does, with its exit code.
func Run(t testing.TB, bundle func(*config.Config) fx.Option, options ...Option) (*App, int) {
	t.Helper()
	a, _ := boot(t, bundle, options)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code := a.app.Run(ctx)
	if ctx.Err() != nil {
		t.Fatalf("apptest: it has not ended within %v\n%s", patience, a.logs)
	}
	return a, code
}

// parts is what a test gets of the container.
type parts struct {
	fx.In

	Config    *config.Config
	Server    *web.Server       `optional:"true"`
	Registrar *eureka.Registrar `optional:"true"`
}

// freePort makes the port that the program's own files give the actuator a free one, if they give it any.
func freePort(c *config.Config, own actuator.ServerConfig) actuator.ServerConfig {
	origin, _ := c.Origin("management.server.port")
	if own.Port != nil && *own.Port > 0 && !strings.Contains(origin.String(), "apptest/") {
		own.Port = new(int)
	}
	return own
}

func boot(t testing.TB, bundle func(*config.Config) fx.Option, options []Option) (*App, *parts) {
	t.Helper()
	s := setup{properties: map[string]string{}}
	for _, o := range options {
		o(&s)
	}
	if s.eureka == nil {
		s.eureka = eurekatest.NewServer(t)
	}
	a := &App{Eureka: s.eureka, t: t, logs: &buffer{}, spans: tracetest.NewSpanRecorder()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("apptest: the application has logged:\n%s", a.logs)
		}
	})
	files := fstest.MapFS{
		"apptest/defaults/application-test.yml": &fstest.MapFile{Data: []byte(strings.Replace(defaults, "SERVER", s.eureka.URL, 1))},
		"apptest/application-test.yml":          &fstest.MapFile{Data: []byte(s.yaml)},
	}
	for key, value := range map[string]string{
		"spring.profiles.active":            "test",
		"spring.config.additional-location": "classpath:/apptest/defaults/,optional:classpath:/apptest/",
	} {
		if _, set := s.properties[key]; !set {
			s.properties[key] = value
		}
	}
	found := &parts{}
	a.app = app.New(app.Spec{
		Bundle: bundle, Dir: s.dir, Properties: s.properties, Stdout: a.logs, Stderr: a.logs,
		Options: append([]fx.Option{
			app.Embedded(fs.FS(files)), fx.Decorate(freePort), fx.Invoke(func(p parts) { *found = p }),
			fx.Provide(telemetry.AsSpanProcessor(func() sdktrace.SpanProcessor { return a.spans })),
		}, s.options...),
	})
	return a, found
}

// Stop stops the application, as the end of the test would. A stop that fails is a failure of the test.
func (a *App) Stop() {
	a.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.app.Stop(ctx); err != nil {
			a.t.Errorf("apptest: stop: %v\n%s", err, a.logs)
		}
	})
}

// Get returns status and body of a path, or of a whole URL.
func (a *App) Get(path string) (int, string) {
	a.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = a.URL + path
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		a.t.Fatalf("apptest: %v", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		a.t.Fatalf("apptest: %v\n%s", err, a.logs)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatalf("apptest: %v", err)
	}
	return response.StatusCode, string(body)
}

// Logs returns what was logged so far. A test that fails prints it.
func (a *App) Logs() string { return a.logs.String() }

// AwaitLog waits until a line contains text, and returns it.
func (a *App) AwaitLog(text string) string {
	a.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(time.Millisecond) {
		for line := range strings.Lines(a.Logs()) {
			if strings.Contains(line, text) {
				return strings.TrimSuffix(line, "\n")
			}
		}
	}
	a.t.Fatalf("apptest: %q was not logged within %v", text, patience)
	return ""
}

// Spans returns the spans that have ended so far, in that order.
func (a *App) Spans() tracetest.SpanStubs {
	return tracetest.SpanStubsFromReadOnlySpans(a.spans.Ended())
}

// AwaitSpan waits for a span of this name to end, since that of a request ends after its answer, and returns the first.
func (a *App) AwaitSpan(name string) tracetest.SpanStub {
	a.t.Helper()
	for late := time.Now().Add(patience); time.Now().Before(late); time.Sleep(time.Millisecond) {
		for _, span := range a.Spans() {
			if span.Name == name {
				return span
			}
		}
	}
	a.t.Fatalf("apptest: no span %q has ended within %v", name, patience)
	return tracetest.SpanStub{}
}

// buffer is safe for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }
