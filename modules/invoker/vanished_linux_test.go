package invoker_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
)

// vanished is an instance whose host no longer answers: the accept queue is full, so that SYNs are dropped.
func vanished(t *testing.T) discovery.Instance {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	bound, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return discovery.Instance{ID: "vanished", Address: address}
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this system goes on accepting connections that nobody takes")
	return discovery.Instance{}
}

func TestAHostThatVanishedCostsOnlyAPartOfTheDeadline(t *testing.T) {
	gone, well := vanished(t), startNode(t, status(200))
	c := rest(t, gone, well.instance("well")).With(invoker.Timeout(time.Second))
	for range 3 {
		_, err := invoker.PostForObject[string](t.Context(), c, "http://stock/", "x")
		require.NoError(t, err)
	}
}
