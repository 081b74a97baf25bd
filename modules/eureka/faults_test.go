package eureka_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// What becomes of a request whose first server is at fault.
const (
	next     = "the next server answers"
	answered = "answered"
	unknown  = "unknown instance"
	refused  = "an error for the caller"
)

// faults is the table of README.md: each fault of the first of two servers with what becomes of a look at the registry, a heartbeat and a
// registration.
var faults = []struct {
	fault                 string
	inject                func(t *testing.T, first *eurekatest.Server) (url string)
	look, renew, register string
}{
	{"refused", func(_ *testing.T, s *eurekatest.Server) string { s.Stop(); return s.URL }, next, next, next},
	{"accept queue full", func(t *testing.T, _ *eurekatest.Server) string { return eurekatest.BlackHole(t) }, next, next, next},
	{"accepted and silent", at(func(s *eurekatest.Server) { s.Silent() }), next, next, next},
	{"stalled in the body", at(func(s *eurekatest.Server) { s.StallBody() }), next, next, next},
	{"reset", at(func(s *eurekatest.Server) { s.Reset() }), next, next, next},
	{"closed without an answer", at(func(s *eurekatest.Server) { s.Cut(false) }), next, next, next},
	{"truncated", at(func(s *eurekatest.Server) { s.CutBody() }), next, next, next},
	{"gzip corrupt", at(func(s *eurekatest.Server) { s.CorruptGzip() }), next, next, next},
	{"gzip bomb", at(func(s *eurekatest.Server) { s.GzipBomb(8 << 20) }), next, next, next},
	{"over the size cap", at(func(s *eurekatest.Server) { s.Garbage("application/json", strings.Repeat(" ", 3<<20)) }), next, next, next},
	{"HTML with 200", at(func(s *eurekatest.Server) { s.Garbage("text/html", "<html>welcome</html>") }), next, next, next},
	{"empty body with 200", at(func(s *eurekatest.Server) { s.Garbage("application/json", "") }), next, answered, answered},
	{"other JSON with 200", at(func(s *eurekatest.Server) { s.Garbage("application/json", `{"error":"x"}`) }), next, answered, answered},
	{"204 for 200", at(func(s *eurekatest.Server) { s.Status(http.StatusNoContent) }), next, answered, answered},
	{"200 for 204", at(func(s *eurekatest.Server) { s.Status(http.StatusOK) }), next, answered, answered},
	{"201", at(func(s *eurekatest.Server) { s.Status(http.StatusCreated) }), next, next, next},
	{"redirect to the same server", func(t *testing.T, s *eurekatest.Server) string {
		s.Redirect(strings.TrimSuffix(s.URL, "/eureka/") + "/eureka/v2/").For(func(r eurekatest.Request) bool { return !strings.Contains(r.Path, "/v2/") })
		return s.URL
	}, answered, answered, answered},
	{"redirect to another server", func(t *testing.T, s *eurekatest.Server) string {
		other := eurekatest.NewServer(t)
		other.Add(discovery.Instance{Service: "orders", ID: "me", Address: "localhost:1"})
		s.Redirect(other.URL)
		t.Cleanup(func() {
			for _, r := range other.Requests() {
				require.Empty(t, r.Header.Get("Authorization"), "credentials stay with whom they are meant for")
			}
		})
		return s.URL
	}, answered, answered, answered},
	{"redirect in a circle", at(func(s *eurekatest.Server) { s.Redirect(s.URL) }), next, next, next},
	{"400", at(func(s *eurekatest.Server) { s.Fail(400) }), next, next, refused},
	{"401", at(func(s *eurekatest.Server) { s.Fail(401) }), next, next, next},
	{"403", at(func(s *eurekatest.Server) { s.Fail(403) }), next, next, next},
	{"404 with any body", at(func(s *eurekatest.Server) { s.Fail(404) }), next, unknown, next},
	{"409", at(func(s *eurekatest.Server) { s.Fail(409) }), next, next, next},
	{"429", at(func(s *eurekatest.Server) { s.Fail(429) }), next, next, next},
	{"429 with Retry-After", at(func(s *eurekatest.Server) { s.Busy(429, "30") }), next, next, next},
	{"500", at(func(s *eurekatest.Server) { s.Fail(500) }), next, next, next},
	{"503", at(func(s *eurekatest.Server) { s.Fail(503) }), next, next, next},
	{"503 with an absurd Retry-After", at(func(s *eurekatest.Server) { s.Busy(503, "99999999999999999999") }), next, next, next},
	{"unknown host", func(*testing.T, *eurekatest.Server) string { return "http://nowhere.invalid:8761/eureka/" }, next, next, next},
	{"TLS: expired", func(t *testing.T, _ *eurekatest.Server) string { return secure(t, eurekatest.ExpiredTLS(t, authority)) }, next, next, next},
	{"TLS: another name", func(t *testing.T, _ *eurekatest.Server) string {
		return secure(t, eurekatest.MisnamedTLS(t, authority))
	}, next, next, next},
	{"TLS: unknown authority", func(t *testing.T, _ *eurekatest.Server) string {
		return secure(t, eurekatest.TLS(t, eurekatest.NewAuthority(t)))
	}, next, next, next},
	{"TLS: trusted by eureka.client.tls.trust-store", func(t *testing.T, _ *eurekatest.Server) string { return secure(t, eurekatest.TLS(t, authority)) }, answered, answered, answered},
}

func at(inject func(*eurekatest.Server)) func(*testing.T, *eurekatest.Server) string {
	return func(_ *testing.T, s *eurekatest.Server) string { inject(s); return s.URL }
}

func TestEveryFaultOfAServerHasTheOutcomeThatTheREADMESays(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	authority = eurekatest.NewAuthority(t)
	for _, f := range faults {
		t.Run(f.fault, func(t *testing.T) {
			t.Parallel()
			row := "| " + strings.Join([]string{f.fault, f.look, f.renew, f.register}, " | ") + " |\n"
			require.Contains(t, string(readme), row, "README.md has this row")
			for n, want := range []string{f.look, f.renew, f.register} {
				require.Equal(t, want, outcome(t, f.inject, n), []string{"look", "heartbeat", "registration"}[n])
			}
		})
	}
	_, table, _ := strings.Cut(string(readme), "| --- | --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	require.Len(t, strings.Split(strings.TrimSpace(table), "\n"), len(faults), "README.md has no other row")
}

func TestTheTestsThatTheREADMENamesExist(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var tests strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tests.Write(text)
	}
	named := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(readme), -1)
	require.GreaterOrEqual(t, len(named), 30)
	for _, name := range named {
		require.Contains(t, tests.String(), "\nfunc "+name+"(t *testing.T)")
	}
}

// outcome sends one request to a server at fault and a second that is well.
func outcome(t *testing.T, inject func(*testing.T, *eurekatest.Server) string, request int) string {
	t.Helper()
	first, second := eurekatest.NewServer(t), eurekatest.NewServer(t)
	for _, s := range []*eurekatest.Server{first, second} {
		s.Add(discovery.Instance{Service: "orders", ID: "me", Address: "localhost:1"})
	}
	url := strings.Replace(inject(t, first), "://", "://user:secret@", 1)
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(url + "," + second.URL)}
	cfg.ConnectTimeout, cfg.ReadTimeout, cfg.MaxResponse = 2*time.Second, 2*time.Second, 2*config.Megabyte
	cfg.TLS.TrustStore = authority.TrustStore
	client, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	switch request {
	case 0:
		_, err = client.Applications(ctx)
	case 1:
		err = client.Renew(ctx, "orders", "me", discovery.Up, 0)
	default:
		err = client.Register(ctx, self(here))
	}
	if err != nil {
		require.NotContains(t, err.Error(), "secret")
	}
	var status *eureka.StatusError
	switch {
	case errors.Is(err, eureka.ErrUnknownInstance):
		return unknown
	case errors.As(err, &status):
		return refused
	case err != nil:
		return err.Error()
	case len(second.Requests()) > 0:
		return next
	}
	return answered
}

// authority is the one that the clients of the table trust.
var authority *eurekatest.Authority

// secure is a server over TLS.
func secure(t *testing.T, certificate eurekatest.Option) string {
	t.Helper()
	server := eurekatest.NewServer(t, certificate)
	server.Add(discovery.Instance{Service: "orders", ID: "me", Address: "localhost:1"})
	return server.URL
}
