package web_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
	"github.com/archimedes-go/archimedes/modules/telemetry"
	"github.com/archimedes-go/archimedes/modules/web"
)

// secured is a YAML of server.ssl with a certificate of the authority.
func secured(t *testing.T, ca *ssltest.Authority) string {
	pair := ca.Issue(t)
	return fmt.Sprintf("server.ssl: {certificate: %s, certificate-private-key: %s}\n", pair.CertificateFile, pair.KeyFile)
}

// trusting makes the client of a test trust an authority and speak HTTP/2 where the server does.
func (s *running) trusting(t *testing.T, ca *ssltest.Authority) *running {
	s.client.CloseIdleConnections()
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS(t), ForceAttemptHTTP2: true}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func protocol(e *echo.Echo) {
	e.GET("/protocol", func(c echo.Context) error { return c.String(http.StatusOK, c.Scheme()+" "+c.Request().Proto) })
}

func TestTheServerSpeaksTLSAndSaysSo(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	s := serve(t, secured(t, ca), protocol).trusting(t, ca)
	defer s.RequireStop()
	require.Regexp(t, "^https://127.0.0.1:", s.url)
	_, body, _ := s.get(t, "/protocol")
	require.Equal(t, "https HTTP/1.1", body, "HTTP/2 is off by default, as in Spring")
	require.Regexp(t, `Web server started on port \d+ \(https\)`, s.logs.String())
	require.True(t, s.registration.address.Secure, "registries are told")

	response, err := http.Get("http" + s.url[len("https"):] + "/protocol")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "plain HTTP is refused")
}

func TestHTTP2IsSpokenOverTLSAndWithoutItByPriorKnowledge(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	s := serve(t, secured(t, ca)+"server.http2.enabled: true", protocol).trusting(t, ca)
	_, body, _ := s.get(t, "/protocol")
	require.Equal(t, "https HTTP/2.0", body)
	s.RequireStop()

	s = serve(t, "server.http2.enabled: true", protocol)
	defer s.RequireStop()
	_, body, _ = s.get(t, "/protocol")
	require.Equal(t, "http HTTP/1.1", body)
	prior := &http.Transport{Protocols: &http.Protocols{}}
	prior.Protocols.SetUnencryptedHTTP2(true)
	s.client.CloseIdleConnections()
	s.client = &http.Client{Transport: prior}
	defer s.client.CloseIdleConnections()
	_, body, _ = s.get(t, "/protocol")
	require.Equal(t, "http HTTP/2.0", body)
}

func TestHTTP2CallersAreToldToLeaveToo(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	s := serve(t, secured(t, ca)+"server.http2.enabled: true", func(e *echo.Echo) {
		e.GET("/remote", func(c echo.Context) error { return c.String(http.StatusOK, c.Request().RemoteAddr) })
	}).trusting(t, ca)
	_, first, _ := s.get(t, "/remote")
	_, same, _ := s.get(t, "/remote")
	require.Equal(t, first, same, "one connection")
	s.registration.drain = 1
	var after []string
	s.registration.at = func(step string) {
		if step == "down" {
			for range 2 {
				_, body, _ := s.get(t, "/remote")
				after = append(after, body)
			}
		}
	}
	s.RequireStop()
	require.NotEqual(t, after[0], after[1], "the answer told the caller to open another connection next time")
}

func TestACertificateThatCannotBeUsedFailsTheStart(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair, other := ca.Issue(t), ca.Issue(t)
	cfg := configtest.FromYAML(t, fmt.Sprintf("server: {port: 0, address: 127.0.0.1, ssl: {certificate: %s, certificate-private-key: %s}}", pair.CertificateFile, other.KeyFile))
	r := &registration{}
	app := fx.New(fx.NopLogger, fx.Supply(cfg, slog.New(slog.DiscardHandler)), telemetry.Module(cfg), health.Module(cfg), web.Module(cfg),
		fx.Provide(discovery.AsRegistration(func() *registration { return r })), web.Root())
	var fault *ssl.Error
	require.ErrorAs(t, app.Err(), &fault)
	require.Equal(t, []string{"server.ssl.certificate"}, fault.Keys())
}

func TestAListenerBesideTheMainOneHasATLSOfItsOwn(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	all, err := ssl.New(ssl.DefaultConfig(), ssl.Files, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	own, err := all.Server("management.server.ssl", ssl.ServerConfig{Certificate: pair.CertificateFile, CertificatePrivateKey: config.Secret("file:" + pair.KeyFile)})
	require.NoError(t, err)
	s := serve(t, "", protocol, fx.Provide(web.AsListener(func() web.Listener {
		return web.Listener{Name: "management", Address: "127.0.0.1", TLS: own, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS != nil) })}
	})))
	defer s.RequireStop()
	require.True(t, s.registration.address.ManagementSecure)
	response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS(t), DisableKeepAlives: true}}).Get(fmt.Sprintf("https://127.0.0.1:%d/", s.registration.address.ManagementPort))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, uint16(tls.VersionTLS13), response.TLS.Version)
}
