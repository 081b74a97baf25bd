package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
)

// shop is what the program under test reads.
type shop struct {
	Port    int
	Timeout time.Duration
	Name    string
	Tags    map[string]string
}

func (s shop) Validate() error {
	if s.Timeout < 0 {
		return config.FieldError{Key: "timeout", Problem: "must not be negative"}
	}
	return nil
}

func init() {
	programs["shop"] = func() {
		app.Run(nothing, fx.Provide(func(c *config.Config) (shop, error) { return config.Bind(c, "shop", shop{}) }),
			fx.Invoke(func(s shop, end fx.Shutdowner) error {
				fmt.Println("name:", s.Name)
				return end.Shutdown()
			}))
	}
}

// Bad configuration, as a person meets it: a program is started, and says on stderr which place is wrong.
func TestAProgramWithBadConfigurationSaysWhere(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	html := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Please log in</html>")
	})
	locked := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	slow := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	})
	imports := func(server string) string {
		return "# one\nspring.config.import: configserver:http://joe:hunter2@" + server + "\n"
	}
	for name, one := range map[string]struct {
		files map[string]string
		args  []string
		want  []string
	}{
		"tab":                     {files: map[string]string{"application.yml": "shop:\n\tport: 1\n"}, want: []string{"application.yml:2:1", "2 | →port: 1", "use blanks"}},
		"duplicate key":           {files: map[string]string{"application.yml": "shop:\n  port: 1\n  port: 2\n"}, want: []string{"application.yml:3:3", "3 |   port: 2", "first in line 2"}},
		"unknown anchor":          {files: map[string]string{"application.yml": "shop:\n  name: *nobody\n"}, want: []string{"application.yml:2:9", "2 |   name: *nobody"}},
		"anchor of before":        {files: map[string]string{"application.yml": "a: &x 1\n---\nshop.name: *x\n"}, want: []string{"application.yml:3:12", "3 | shop.name: *x"}},
		"merge of a text":         {files: map[string]string{"application.yml": "shop:\n  <<: text\n"}, want: []string{"application.yml:2:7", "2 |   <<: text"}},
		"64 KB in a line":         {files: map[string]string{"application.yml": "a: " + long + "\nshop: [" + long + "\n"}, want: []string{"application.yml:", "…"}},
		"not UTF-8":               {files: map[string]string{"application.yml": "shop:\n  name: caf\xe9\n"}, want: []string{"application.yml:2:12", "not UTF-8", "2 |   name: caf\ufffd"}},
		"fault behind a mark":     {files: map[string]string{"application.yml": "\ufeffshop.port: many\n"}, want: []string{"shop.port = many from application.yml:1:12"}},
		"circle":                  {files: map[string]string{"application.yml": "shop.name: ${a}\na: ${b}\nb: ${a}\n"}, want: []string{"application.yml:2:4", "a → b → a"}},
		"unclosed placeholder":    {files: map[string]string{"application.yml": "shop.port: ${PORT\n"}, want: []string{"shop.port = ${PORT from application.yml:1:12", "not a whole number"}},
		"unclosed brace":          {files: map[string]string{"application.yml": "a: 1\nshop: {port: 1\n"}, want: []string{"application.yml:", "not valid YAML"}},
		"nothing behind it":       {files: map[string]string{"application.yml": "shop.port: ${PROT}\n"}, want: []string{"${PROT}", "shop.port = ${PROT} from application.yml:1:12", "Set PROT"}},
		"profile in its own file": {files: map[string]string{"application-dev.yml": "a: 1\nspring.profiles.active: prod\n"}, args: []string{"--spring.profiles.active=dev"}, want: []string{"application-dev.yml:2:25", "2 | spring.profiles.active: prod"}},
		"missing import":          {files: map[string]string{"application.yml": "spring.config.import: [optional:a.yml, b.yml]\n"}, want: []string{"application.yml:1:40", `"b.yml" does not exist`, "1 | spring.config.import"}},
		"list for a number":       {files: map[string]string{"application.yml": "shop:\n  port: [1, 2]\n"}, want: []string{"shop.port", "application.yml:2:10", "not a list"}},
		"number for a map":        {files: map[string]string{"application.yml": "shop:\n  tags: 5\n"}, want: []string{"shop.tags = 5 from application.yml:2:9", "a map is expected"}},
		"number too large":        {files: map[string]string{"application.yml": "shop.port: 99999999999999999999\n"}, want: []string{"shop.port = 99999999999999999999 from application.yml:1:12", "out of range"}},
		"duration too long":       {files: map[string]string{"application.yml": "shop.timeout: 9999999999d\n"}, want: []string{"shop.timeout = 9999999999d from application.yml:1:15", "too long"}},
		"negative duration":       {files: map[string]string{"application.yml": "shop.timeout: -5s\n"}, want: []string{"shop.timeout = -5s from application.yml:1:15", "must not be negative"}},
		"several at once":         {files: map[string]string{"application.yml": "shop: {port: x, timeout: soon}\n"}, want: []string{"shop.port = x from application.yml:1:14", "shop.timeout = soon from application.yml:1:26"}},
		"folder for a file":       {files: map[string]string{"application.yml/x": ""}, want: []string{"application.yml", "cannot be read"}},
		"unreadable file":         {files: map[string]string{"application.yml": "-> application.yml"}, want: []string{"application.yml", "cannot be read"}},
		"server down":             {files: map[string]string{"application.yml": imports(nobody(t))}, want: []string{"application.yml:2:23", "2 | spring.config.import", "refused"}},
		"server slow":             {files: map[string]string{"application.yml": imports(slow) + "spring.cloud.config.request-read-timeout: 200\n"}, want: []string{"application.yml:2:23", "2 | spring.config.import"}},
		"server answers HTML":     {files: map[string]string{"application.yml": imports(html)}, want: []string{"application.yml:2:23", "2 | spring.config.import", "JSON"}},
		"server answers 401":      {files: map[string]string{"application.yml": imports(locked)}, want: []string{"application.yml:2:23", "2 | spring.config.import", "401"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := shopIn(t, one.files, one.args...)
			require.Equal(t, 1, p.code(t), "%s", p.stderr)
			report := p.stderr.String()
			require.Regexp(t, regexp.MustCompile(`^\n\*{27}\nAPPLICATION FAILED TO START\n\*{27}\n\nDescription:\n\n(?s:.+)\n\nAction:\n\n(?s:.+)\n\n$`), report)
			for _, want := range one.want {
				require.Contains(t, report, want)
			}
			for _, never := range []string{"hunter2", "goroutine "} {
				require.NotContains(t, report+strings.Join(p.stdout, "\n"), never)
			}
			for line := range strings.Lines(report) {
				require.Less(t, len(line), 2000)
			}
		})
	}
}

func TestAProgramReadsWhatOnlyLooksBad(t *testing.T) {
	p := shopIn(t, map[string]string{"application.yml": "\ufefflong: " + strings.Repeat("x", 70_000) + "\r\nbase: &b {name: caf\u00e9}\r\nshop:\r\n  <<: *b\r\n  timeout: 0s\r\n"})
	require.Equal(t, 0, p.code(t), "%s", p.stderr)
	require.Contains(t, p.stdout, "name: café")
}

// shopIn starts the shop in a folder with files; "-> x" is a link to x.
func shopIn(t *testing.T, files map[string]string, args ...string) *process {
	t.Helper()
	return launchWith(t, "shop", args, func(dir string) {
		for name, text := range files {
			path := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			if target, link := strings.CutPrefix(text, "-> "); link {
				require.NoError(t, os.Symlink(target, path))
				continue
			}
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
	})
}

func answering(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// nobody returns an address where no one listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
