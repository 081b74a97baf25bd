package springcloud_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
)

// The same keys give both sides their certificates and whom to trust.
func TestJavaCallsAGoServiceByNameThatSpeaksHTTPSAlone(t *testing.T) {
	server := startEureka(t, "archimedes", 0)
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	back := start(t, "back", filepath.Join(bin, "greeter"), "--spring.application.name=back", "--server.port=0", "--server.address=127.0.0.1",
		"--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone="+server.url(),
		"--server.http2.enabled=true", "--server.ssl.bundle=estate", "--spring.ssl.bundle.pem.estate.keystore.certificate="+pair.CertificateFile,
		"--spring.ssl.bundle.pem.estate.keystore.private-key="+pair.KeyFile)
	port := back.await(t, `Web server started on port (\d+) \(https\)`)
	java := startJava(t, "java-service", server, "--spring.http.client.ssl.bundle=estate", "--spring.ssl.bundle.pem.estate.truststore.certificate="+ca.File)

	listed := server.awaitUp(t, "back", 1)[0]
	require.Equal(t, []string{"false", "true"}, []string{listed.Port.Enabled, listed.SecurePort.Enabled})
	require.Equal(t, port, fmt.Sprint(listed.SecurePort.Number))
	base := "https://localhost:" + port
	require.Equal(t, []string{base + "/", base + "/actuator/info", base + "/actuator/health"}, []string{listed.Home, listed.StatusPage, listed.Health})

	require.Equal(t, greeting{"back", "localhost:back:" + port, number(t, port)}, call(t, java.url()+"/call?service=back&path=/hello"))
	response, err := http.Get("http://localhost:" + port + "/hello")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode, "there is no plain port")
}
