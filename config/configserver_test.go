package config_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
)

// served starts a config server and returns its address with credentials.
func served(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "http://me:hunter2@", 1)
}

// imports loads what an import gives.
func imports(t *testing.T, location string, settings map[string]string) (*config.Config, error) {
	t.Helper()
	properties := map[string]string{"spring.config.import": location, "spring.application.name": "orders"}
	for key, value := range settings {
		properties["spring.cloud.config."+key] = value
	}
	return config.Load(config.Options{Dir: t.TempDir(), Properties: properties})
}

func respond(w http.ResponseWriter, values string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"name":"orders","propertySources":[{"name":"orders.yml","source":%s}]}`, values)
}

func TestAConfigServerThatCannotHelpIsAFailureWithoutCredentials(t *testing.T) {
	for name, tc := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"status":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status 503"},
		"refused":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "refuses the credentials: status 401"},
		"no label": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "knows no such configuration or label"},
		"HTML": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		}, "text/html"},
		"nonsense": {func(w http.ResponseWriter, _ *http.Request) { respond(w, `[1]`) }, "no environment"},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			respond(w, `{}`)
		}, "broke off"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for block := make([]byte, 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, "more than 64 MB"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer within 200ms"},
		"loop":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imports(t, "configserver:"+served(t, tc.handle), map[string]string{"request-read-timeout": "200ms", "token": "s3cret"})
			var failure *config.LoadError
			require.ErrorAs(t, err, &failure)
			report := failure.Description() + failure.Action() + err.Error()
			require.Contains(t, report, tc.want)
			require.Contains(t, report, "127.0.0.1")
			require.NotContains(t, report, "hunter2")
			require.NotContains(t, report, "s3cret")
			require.Contains(t, failure.Keys(), "spring.config.import")

			c, err := imports(t, "optional:configserver:"+served(t, tc.handle), map[string]string{"request-read-timeout": "200ms"})
			require.NoError(t, err)
			require.Contains(t, c.Diagnostics()[0].Message, "going on without the config server")
		})
	}
}

func TestFailFastAsksAConfigServerAgain(t *testing.T) {
	var asked atomic.Int32
	address := served(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(503)
			return
		}
		respond(w, `{"a":1}`)
	})
	c, err := imports(t, "optional:configserver:"+address+"?fail-fast=true&max-attempts=3&initial-interval=1&max-interval=2", nil)
	require.NoError(t, err)
	value, _ := c.Lookup("a")
	require.Equal(t, "1", value)

	asked.Store(-100)
	_, err = imports(t, "optional:configserver:"+address, map[string]string{"fail-fast": "true", "retry.max-attempts": "4", "retry.initial-interval": "1"})
	require.ErrorContains(t, err, "fail-fast is set")
	require.EqualValues(t, -96, asked.Load(), "that many attempts")
}

func TestTheNextConfigServerOrLabelIsTried(t *testing.T) {
	broken := served(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	sound := served(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/missing") {
			w.WriteHeader(404)
			return
		}
		respond(w, fmt.Sprintf(`{"path":%q,"token":%q,"extra":%q}`, r.URL.EscapedPath(), r.Header.Get("X-Config-Token"), r.Header.Get("X-Extra")))
	})
	c, err := imports(t, "configserver:", map[string]string{
		"uri": broken + "," + sound, "label": "missing,feature/x", "token": "t0ken", "headers.X-Extra": "more", "name": "a b,c",
	})
	require.NoError(t, err)
	for key, want := range map[string]string{"path": "/a%20b,c/default/feature(_)x", "token": "t0ken", "extra": "more"} {
		value, _ := c.Lookup(key)
		require.Equal(t, want, value)
	}
	_, err = imports(t, "configserver:", map[string]string{"uri": broken + "," + sound, "multiple-uri-strategy": "connection-timeout-only"})
	require.ErrorContains(t, err, "status 500")
}

func TestValuesOfAConfigServerKnowTheirPlace(t *testing.T) {
	c, err := imports(t, "configserver:"+served(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, `{"port":{"value":"abc","origin":"Config Server /srv/orders.yml:3:9"},"plain":true,"nothing":null}`)
	}), nil)
	require.NoError(t, err)
	_, err = config.Bind(c, "", struct{ Port int }{})
	require.ErrorContains(t, err, "configserver:orders.yml:3:9")
	value, set := c.Lookup("nothing")
	require.True(t, set)
	require.Empty(t, value)
}

func TestSettingsOfAConfigServerAreChecked(t *testing.T) {
	for setting, value := range map[string]string{
		"request-read-timeout": "0", "request-connect-timeout": "-1s", "multiple-uri-strategy": "sometimes", "retry.max-attempts": "0",
		"retry.multiplier": "0.5", "retry.initial-interval": "9999", "discovery.enabled": "true", "tls.trust-store": "/nowhere.pem",
	} {
		_, err := imports(t, "optional:configserver:", map[string]string{setting: value})
		require.ErrorContains(t, err, "spring.cloud.config."+setting, "%s = %s", setting, value)
	}
	_, err := imports(t, "optional:configserver:config:8888", nil)
	require.ErrorContains(t, err, "not a URL")
}

func TestAConfigServerIsTrustedByAnAuthorityOfOnesOwn(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { respond(w, `{"a":1}`) }))
	defer server.Close()
	_, err := imports(t, "configserver:"+server.URL, nil)
	require.ErrorContains(t, err, "certificate")
	file := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	_, err = imports(t, "configserver:"+server.URL, map[string]string{"tls.trust-store": "file:" + file})
	require.NoError(t, err)
}

func TestAReloadAsksTheConfigServerAgainAndKeepsOldValuesWhileItIsAway(t *testing.T) {
	var limit atomic.Int64
	limit.Store(1)
	address := served(t, func(w http.ResponseWriter, _ *http.Request) {
		if limit.Load() < 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		respond(w, fmt.Sprintf(`{"orders.limit":%d}`, limit.Load()))
	})
	c, err := imports(t, "optional:configserver:"+address, nil)
	require.NoError(t, err)
	var told [][2]int
	type orders struct{ Limit int }
	config.OnChange(c, "orders", orders{}, func(old, now orders) { told = append(told, [2]int{old.Limit, now.Limit}) })

	limit.Store(2)
	changed, err := c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"orders.limit"}, changed)

	limit.Store(-1)
	changed, err = c.Reload(t.Context())
	require.NoError(t, err, "the import is optional")
	require.Empty(t, changed)
	require.Equal(t, "2", value(t, c, "orders.limit"))
	require.Len(t, c.Diagnostics(), 1)

	limit.Store(3)
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][2]int{{1, 2}, {2, 3}}, told)
}

func TestAReloadFailsWhileAConfigServerThatIsNeededIsAway(t *testing.T) {
	var away atomic.Bool
	address := served(t, func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		respond(w, `{"orders.limit":1}`)
	})
	c, err := imports(t, "configserver:"+address, nil)
	require.NoError(t, err)
	away.Store(true)
	_, err = c.Reload(t.Context())
	require.ErrorContains(t, err, "503")
	require.NotContains(t, err.Error(), "hunter2")
	require.Equal(t, "1", value(t, c, "orders.limit"))
}
