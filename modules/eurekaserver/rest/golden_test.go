package rest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// exchange is a request and its answer, recorded at a real Spring Cloud Eureka server.
type exchange struct {
	Name    string
	Request struct {
		Method, Path string
		Headers      map[string][]string
		Body         string
	}
	Response struct {
		Status  int
		Headers map[string][]string
		Body    string
	}
}

// otherwise is where this server answers with another status on purpose, with what it does.
var otherwise = map[string]struct {
	status int
	why    string
}{
	"apps-v1-path":                        {200, "old base paths are served"},
	"apps-double-slash":                   {200, "double slashes do not count"},
	"heartbeat-bad-dirty":                 {400, "what cannot be read is the caller's fault"},
	"status-update-bad-value":             {400, "as above"},
	"status-update-no-value":              {400, "as above"},
	"register-datacenter-without-class":   {204, "the class follows from the name"},
	"register-datacenter-unknown-class":   {204, "the class follows from the name"},
	"register-port-as-number":             {204, "clients in JavaScript send ports so"},
	"register-unknown-object-field-first": {204, "unknown fields are skipped wherever they stand"},
	"server-status-json":                  {200, "the real one fails on a flag of its own"},
}

func replay(t *testing.T, h http.Handler, e exchange) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequest(e.Request.Method, "http://localhost:8761/", strings.NewReader(e.Request.Body))
	path, query, _ := strings.Cut(e.Request.Path, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	if strings.Contains(path, "%") {
		r.URL.RawPath = path
		r.URL.Path = strings.ReplaceAll(path, "%3A", ":")
	}
	for name, values := range e.Request.Headers {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Header.Get("Content-Encoding") == "gzip" {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(e.Request.Body))
		_ = z.Close()
		r.Body, r.ContentLength = io.NopCloser(&packed), int64(packed.Len())
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body := w.Body.String()
	if w.Header().Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		plain, err := io.ReadAll(z)
		require.NoError(t, err)
		body = string(plain)
	}
	return w.Code, body, w.Header()
}

func TestRecordedRequestsGetTheRecordedStatuses(t *testing.T) {
	order, err := os.ReadFile("testdata/golden/order.txt")
	require.NoError(t, err)
	h := rest.New(registry.New(registry.DefaultConfig()))
	for _, name := range strings.Fields(string(order)) {
		text, err := os.ReadFile(filepath.Join("testdata/golden", name+".json"))
		require.NoError(t, err)
		var e exchange
		require.NoError(t, json.Unmarshal(text, &e))
		status, body, header := replay(t, h, e)
		want := e.Response.Status
		if o, ok := otherwise[name]; ok {
			require.NotEqual(t, want, o.status, "%s is no exception", name)
			want = o.status
		}
		if status != want {
			t.Errorf("%s: %s %s: %d, recorded %d\n%.300s", name, e.Request.Method, e.Request.Path, status, e.Response.Status, body)
			continue
		}
		if _, ok := otherwise[name]; ok || status != http.StatusOK || e.Response.Body == "" || strings.Contains(name, "status-") {
			continue
		}
		require.Equal(t, hash(t, e.Response.Body), hash(t, body), "%s: the hash of the registry", name)
		if kind := e.Response.Headers["Content-Type"]; len(kind) > 0 && !strings.Contains(name, "accept") {
			require.Equal(t, strings.Split(kind[0], ";")[0], header.Get("Content-Type"), name)
		}
	}
}

// hash is the reconcile hash that a document of a registry carries, which counts every instance by status.
func hash(t *testing.T, body string) string {
	var all *wire.Applications
	var err error
	switch {
	case strings.HasPrefix(body, `{"applications"`):
		all, err = wire.DecodeApplications([]byte(body))
	case strings.HasPrefix(body, "<applications"):
		all, err = wire.DecodeApplicationsXML([]byte(body))
	default:
		return ""
	}
	require.NoError(t, err)
	return all.Hash
}
