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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
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

// otherwise is where this server answers in another way than the recorded one, with the row of eureka-protocol §12 that says
// so: the status, and what of the recorded body is replaced.
var otherwise = map[string]struct {
	row     string
	status  int
	instead []string // old and new in turn; nil: the body is not compared
}{
	"apps-v1-path":                      {"/eureka/v1/… may be served", 200, nil},
	"apps-double-slash":                 {"/eureka//apps may be served", 200, nil},
	"heartbeat-bad-dirty":               {"bad lastDirtyTimestamp: ours 400", 400, nil},
	"status-update-bad-value":           {"bad value of a status; 16: 400 where it says 500", 400, nil},
	"status-update-no-value":            {"missing value of a status; 16: 400 where it says 500", 400, nil},
	"register-datacenter-without-class": {"7: class accepted", 204, nil},
	"register-datacenter-unknown-class": {"7: class accepted", 204, nil},
	"register-port-as-number":           {"7: port accepted", 204, nil},
	"server-status-json":                {"GET /eureka/status: as its XML, which is 200", 200, nil},
	"server-status-xml":                 {"GET /eureka/status: nothing functional depends on it (§1.7)", 200, nil},
	// In both formats:
	"06-heartbeat-malformed":       {"bad lastDirtyTimestamp: ours 400", 400, nil},
	"06-heartbeat-malformed-empty": {"16: lastDirtyTimestamp= empty: 400 where it says 500", 400, nil},
	"08-status-malformed":          {"bad value of a status: 400 where it says 500", 400, nil},
	"08-status-malformed-none":     {"missing value of a status: 400 where it says 500", 400, nil},
	"08-status-malformed-dirty":    {"bad lastDirtyTimestamp: ours 400, and nothing is changed", 400, nil},
	"09-status-removal-malformed":  {"bad value of a status: 400 where it says 500", 400, nil},
	"15-batch-malformed-type":      {"16: 400 where it says 500", 400, nil},
	"14-status-found":              {"GET /eureka/status: nothing functional depends on it (§1.7)", 200, nil},
	"08-status-after":              {"as 08-status-malformed-dirty: the real server changed the status before it failed", 200, []string{"DOWN", "OUT_OF_SERVICE"}},

	"instance-after-status-update-xml": {"3: always right", 200, []string{"<status>DOWN<", "<status>OUT_OF_SERVICE<"}},
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

// TestEveryEndpointAnswersAsTheRealServerDid replays what examples/spring-cloud recorded: every endpoint in both formats, with
// what it is for, with what is not there, and with what makes no sense.
func TestEveryEndpointAnswersAsTheRealServerDid(t *testing.T) {
	text, err := os.ReadFile("testdata/script.json")
	require.NoError(t, err)
	var all []exchange
	require.NoError(t, json.Unmarshal(text, &all))
	require.Greater(t, len(all), 120)
	h := rest.New(registry.New(registry.DefaultConfig()))
	for _, e := range all {
		compare(t, h, e)
	}
}

func recordings(t *testing.T) []exchange {
	t.Helper()
	order, err := os.ReadFile("testdata/golden/order.txt")
	require.NoError(t, err)
	var all []exchange
	for _, name := range strings.Fields(string(order)) {
		all = append(all, recording(t, name))
	}
	return all
}

func recording(t *testing.T, name string) (e exchange) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/golden", name+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &e))
	return e
}

func TestRecordedRequestsAreAnsweredAsTheRealServerDid(t *testing.T) {
	h := rest.New(registry.New(registry.DefaultConfig()))
	var before []exchange
	for _, e := range recordings(t) {
		o, differs := otherwise[e.Name]
		if differs && e.Request.Method != http.MethodGet && o.status < 300 {
			// What the real server refuses and this one takes would be in every later document: it is tried apart.
			apart := rest.New(registry.New(registry.DefaultConfig()))
			for _, b := range before {
				replay(t, apart, b)
			}
			status, _, _ := replay(t, apart, e)
			require.NotEqual(t, e.Response.Status, o.status, "%s is no exception", e.Name)
			require.Equal(t, o.status, status, e.Name)
			continue
		}
		before = append(before, e)
		compare(t, h, e)
	}
}

// compare sends a recorded request and compares the answer.
func compare(t *testing.T, h http.Handler, e exchange) {
	t.Helper()
	status, body, header := replay(t, h, e)
	o, differs := otherwise[e.Name]
	if !differs {
		o, differs = otherwise[strings.TrimPrefix(strings.TrimPrefix(e.Name, "json-"), "xml-")]
	}
	want := e.Response.Status
	if differs {
		want = o.status
	}
	if !assert.Equal(t, want, status, "%s: %s %s: %.300s", e.Name, e.Request.Method, e.Request.Path, body) || differs && o.instead == nil {
		return
	}
	recorded := strings.NewReplacer(o.instead...).Replace(e.Response.Body)
	if status >= 400 && (strings.Contains(recorded, `"timestamp":`) || strings.Contains(recorded, "<timestamp>")) {
		return // an error page, not Eureka's
	}
	if kind := e.Response.Headers["Content-Type"]; len(kind) > 0 {
		assert.Equal(t, kind[0], header.Get("Content-Type"), e.Name)
	}
	assert.Equal(t, e.Response.Headers["Content-Encoding"], header["Content-Encoding"], e.Name)
	assert.Equal(t, canonical(t, recorded), canonical(t, body), e.Name)
}

func TestRequestsOfJavaClientsAreAnsweredAsTheRealServerDid(t *testing.T) {
	for name, life := range map[string]string{
		"resttemplate": "full-fetch-empty heartbeat-404 register-up heartbeat full-fetch delta status-update status-override-delete register-again register-down cancel",
		"restclient":   "full-fetch-empty register-up full-fetch delta register-down cancel",
		"jersey": "full-fetch-empty heartbeat-404 register-up heartbeat full-fetch delta register-down cancel replication-batch-register " +
			"replication-batch-heartbeat-statusupdate replication-batch-cancel-deletestatusoverride",
	} {
		h := rest.New(registry.New(registry.DefaultConfig()))
		for _, step := range strings.Fields(life) {
			e := recording(t, "java-"+name+"-"+step)
			status, body, header := replay(t, h, e)
			assert.Equal(t, e.Response.Status, status, e.Name)
			if status == http.StatusNotFound {
				assert.Empty(t, body, "%s: a Java client would read a body", e.Name)
			}
			if status == http.StatusOK && e.Response.Body != "" {
				assert.Equal(t, e.Response.Headers["Content-Type"], header["Content-Type"], e.Name)
				assert.Equal(t, e.Response.Headers["Content-Encoding"], header["Content-Encoding"], e.Name)
			}
		}
	}
}
