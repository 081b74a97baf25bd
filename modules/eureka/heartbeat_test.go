package eureka_test

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// mostPerHeartbeat bounds the allocations of a heartbeat; nearly all of them are net/http's.
const mostPerHeartbeat = 60

func TestHeartbeatAllocatesLittle(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector empties pools")
	}
	server := answering(t, "HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: 0\r\nDate: Wed, 01 Jan 2025 00:00:00 GMT\r\nKeep-Alive: timeout=60\r\nConnection: keep-alive\r\n\r\n")
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret("http://user:password@" + server + "/eureka/")}
	client, err := eureka.NewClient(cfg, eureka.WithIdentity(func() string { return "127.0.0.1" }))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	allocations := testing.AllocsPerRun(200, func() {
		require.NoError(t, client.Renew(t.Context(), "ORDERS", "web-1:orders:8080", discovery.Up, 1_700_000_000_000))
	})
	require.LessOrEqual(t, allocations, float64(mostPerHeartbeat))
}

// answering starts a server that gives every request without a body the same answer, and allocates nothing for it.
func answering(t *testing.T, answer string) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		request, said := make([]byte, 4096), []byte(answer)
		for n := 0; ; {
			read, err := conn.Read(request[n:])
			if err != nil {
				return
			}
			if n += read; bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
				n = 0
				_, _ = conn.Write(said)
			}
		}
	}()
	return listener.Addr().String()
}
