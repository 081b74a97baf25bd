package main_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/examples/internal/exampletest"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func nothingIsFetched(t *testing.T, server *eurekatest.Server) {
	t.Helper()
	for _, r := range server.Requests() {
		require.NotEqual(t, "GET", r.Method)
	}
}

func TestItIsListedAndFetchesNothing(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := exampletest.Start(t, ".", "-eureka", server.URL, "-host", "localhost")
	id := p.Await(`listed as (\S+)`)
	require.NotNil(t, server.Instance("YOUR_APP_NAME", id))
	require.Zero(t, p.Stop(syscall.SIGINT))
	require.Nil(t, server.Only("your_app_name"))
	nothingIsFetched(t, server)
}

func TestTheSameByConfiguration(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := exampletest.Start(t, "spring", "--server.port=0", "--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone="+server.URL)
	p.Await(`instance registered`)
	require.NotNil(t, server.Only("your_app_name"))
	require.Zero(t, p.Stop(syscall.SIGINT))
	require.Nil(t, server.Only("your_app_name"))
	nothingIsFetched(t, server)
}
