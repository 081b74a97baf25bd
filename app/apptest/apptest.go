// Package apptest boots a whole application inside a test.
//
//	shop := apptest.Start(t, starter.Service, apptest.YAML("spring.application.name: shop"), apptest.Options(fx.Provide(web.AsRoutes(newShop))))
//	body := shop.Get("/orders/42")
//
// The application listens on a free loopback port, reads no file, argument or variable of the process, does not drain at stop, and
// is stopped at the end of the test. Tests may run in parallel.
package apptest

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/web"
)

// App is a running application.
type App struct {
	URL  string // such as http://127.0.0.1:41233; empty without a web server
	Port int

	t    testing.TB
	app  *app.App
	logs *buffer
	once sync.Once
}

// Option adjusts what [Start] boots.
type Option func(*setup)

type setup struct {
	yaml       string
	properties map[string]string
	options    []fx.Option
}

// YAML is the application.yml.
func YAML(text string) Option { return func(s *setup) { s.yaml = text } }

// Property sets a key, above the application.yml.
func Property(key, value string) Option { return func(s *setup) { s.properties[key] = value } }

// Options adds to the container, as the program's own options do.
func Options(options ...fx.Option) Option {
	return func(s *setup) { s.options = append(s.options, options...) }
}

// Start boots an application and returns when it serves. A start that fails ends the test with its report.
func Start(t testing.TB, bundle func(*config.Config) fx.Option, options ...Option) *App {
	t.Helper()
	s := setup{properties: map[string]string{
		"server.port": "0", "server.address": "127.0.0.1", "eureka.instance.hostname": "localhost",
		"eureka.instance.ip-address": "127.0.0.1", "eureka.instance.drain-period": "0",
	}}
	for _, o := range options {
		o(&s)
	}
	a := &App{t: t, logs: &buffer{}}
	var server *web.Server
	found := fx.Invoke(func(p struct {
		fx.In
		Server *web.Server `optional:"true"`
	}) {
		server = p.Server
	})
	var files fs.FS = fstest.MapFS{"application.yml": &fstest.MapFile{Data: []byte(s.yaml)}}
	a.app = app.New(app.Spec{
		Bundle: bundle, NoFiles: true, Properties: s.properties, Stdout: a.logs, Stderr: a.logs,
		Options: append([]fx.Option{app.Embedded(files), found}, s.options...),
	})
	if err := a.app.Start(context.Background()); err != nil {
		t.Fatalf("apptest: %v\n%s", err, a.logs)
	}
	if server != nil {
		a.Port, a.URL = server.Port(), server.URL()
	}
	t.Cleanup(a.Stop)
	return a
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

// Get returns status and body of a path.
func (a *App) Get(path string) (int, string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, a.URL+path, nil)
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

// Logs returns what was logged so far.
func (a *App) Logs() string { return a.logs.String() }

// buffer is safe for concurrent use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }
