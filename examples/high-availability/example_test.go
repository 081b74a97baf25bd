package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/examples/internal/exampletest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// estate has three nodes that answer and one that is dead, and a service of which both nodes are.
func estate(t *testing.T) *eurekatest.Server {
	t.Helper()
	server := eurekatest.NewServer(t)
	for _, id := range []string{"a", "b", "c"} {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "node ", id) }))
		t.Cleanup(node.Close)
		server.Add(discovery.Instance{Service: "other-service-name", ID: id, Address: strings.TrimPrefix(node.URL, "http://")})
	}
	for i, service := range []string{"other-service-name", "dead-service", "dead-service"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		server.Add(discovery.Instance{Service: service, ID: fmt.Sprint("dead-", i), Address: l.Addr().String()})
		require.NoError(t, l.Close())
	}
	return server
}

func TestEveryCallIsAnsweredWhateverTheStrategy(t *testing.T) {
	p := exampletest.Start(t, ".", "-eureka", estate(t).URL)
	p.Await(`other attempts in vain: 2`)
	answers := map[string][]string{}
	for _, line := range regexp.MustCompile(`(\w+) (node \w)`).FindAllStringSubmatch(p.Output(), -1) {
		answers[line[1]] = append(answers[line[1]], line[2])
	}
	require.Len(t, answers, 3)
	for strategy, nodes := range answers {
		require.Len(t, nodes, 6, strategy)
	}
	require.Len(t, slices.Compact(answers["stick"]), 1)
	for i := 1; i < 6; i++ {
		require.NotEqual(t, answers["other"][i-1], answers["other"][i])
	}
	require.Contains(t, p.Output(), "stick attempts in vain: 2")
	require.Contains(t, p.Output(), "random walked to http://127.0.0.1:")
}

func TestTheSameByConfiguration(t *testing.T) {
	server := estate(t)
	p := exampletest.Start(t, "spring", "--server.port=0", "--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone="+server.URL)
	port := p.Await(`Web server started on port (\d+)`)
	last := ""
	for range 12 {
		response, err := http.Get("http://localhost:" + port + "/")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
		require.NotEqual(t, last, string(body))
		last = string(body)
	}
	require.Zero(t, p.Stop(syscall.SIGINT))
}
