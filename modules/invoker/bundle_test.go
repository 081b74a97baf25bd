package invoker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"crypto/tls"
	"log/slog"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
)

func TestBundlesAreForAllCallsOrForThoseOfANamedClient(t *testing.T) {
	ours, theirs := ssltest.NewAuthority(t), ssltest.NewAuthority(t)
	serve := func(ca *ssltest.Authority) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}))
		pair := ca.Issue(t)
		s.TLS = ca.TLS(t, pair)
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	inside, outside := serve(ours), serve(theirs)
	bundle := func(name string, ca *ssltest.Authority) string {
		pair := ca.Issue(t, ssltest.Common(name))
		return fmt.Sprintf("spring.ssl.bundle.pem.%s: {keystore: {certificate: %s, private-key: %s}, truststore.certificate: %s}\n", name, pair.CertificateFile, pair.KeyFile, ca.File)
	}
	var clients *invoker.Clients
	var rest *invoker.Client
	started(t, bundle("own", ours)+bundle("partner", theirs)+fmt.Sprintf(`
spring.cloud.discovery.client.simple.instances.stock[0].uri: %s
spring.http.clients.ssl.bundle: own
spring.http.serviceclient.partner: {base-url: %s, ssl.bundle: partner}
`, strings.Replace(inside, "127.0.0.1", "localhost", 1), outside), fx.Populate(&clients, &rest))
	text, err := invoker.GetForObject[string](t.Context(), rest, "https://stock/")
	require.NoError(t, err)
	require.Equal(t, "own", text)
	partner, err := clients.Plain("partner")
	require.NoError(t, err)
	text, err = invoker.GetForObject[string](t.Context(), partner, "/")
	require.NoError(t, err)
	require.Equal(t, "partner", text)
}
