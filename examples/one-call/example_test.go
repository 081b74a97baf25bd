package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/examples/internal/exampletest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func withOther(t *testing.T) *eurekatest.Server {
	t.Helper()
	server := eurekatest.NewServer(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "from ", r.URL.Path) }))
	t.Cleanup(other.Close)
	server.Add(discovery.Instance{Service: "other-service-name", Address: strings.TrimPrefix(other.URL, "http://")})
	return server
}

func TestOneCallExampleDeregistersAtASignal(t *testing.T) {
	server := withOther(t)
	p := exampletest.Start(t, ".", "-eureka", strings.TrimSuffix(server.URL, "/eureka/"), "-host", "localhost")
	require.Equal(t, "from /service/context/path", p.Await(`result of other service: (.*)`))
	i := server.Only("your_app_name")
	require.NotNil(t, i)
	response, err := http.Get(fmt.Sprintf("http://%s:%d/", i.HostName, i.Port.Number))
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, "hello\n", string(body))
	require.Zero(t, p.Stop(syscall.SIGTERM))
	require.Nil(t, server.Only("your_app_name"))
	writes := server.Writes()
	require.Equal(t, "DELETE apps/YOUR_APP_NAME/"+i.InstanceID, writes[len(writes)-1])
}

func TestTheSameByConfiguration(t *testing.T) {
	server := withOther(t)
	p := exampletest.Start(t, "spring", "--server.port=0", "--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone="+server.URL)
	port := p.Await(`Web server started on port (\d+)`)
	require.Eventually(t, func() bool { return server.Only("your_app_name") != nil }, exampletest.Patience, 10*time.Millisecond)
	response, err := http.Get("http://localhost:" + port + "/other")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, "result of other service: from /service/context/path", string(body))
	require.Zero(t, p.Stop(syscall.SIGINT))
	require.Nil(t, server.Only("your_app_name"))
}
