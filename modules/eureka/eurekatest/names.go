package eurekatest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Names is a name service for the whole process while a test runs, so not for parallel tests. What it does not know does not
// exist (NXDOMAIN). It is safe for concurrent use.
type Names struct {
	mu        sync.Mutex
	addresses map[string]net.IP
	asked     int
}

// NewNames replaces [net.DefaultResolver] until the test ends. Names of one label are looked up in it too, but not those of
// the hosts file, such as localhost.
func NewNames(t testing.TB) *Names {
	t.Helper()
	n := &Names{addresses: map[string]net.IP{}}
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: n.dial}
	t.Cleanup(func() { net.DefaultResolver = before })
	return n
}

// Set lets a name lead to an IPv4 address from now on; an empty one makes it unknown.
func (n *Names) Set(name, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addresses[strings.ToLower(name)] = net.ParseIP(address).To4()
}

// Asked returns how many questions were asked.
func (n *Names) Asked() int { n.mu.Lock(); defer n.mu.Unlock(); return n.asked }

func (n *Names) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe() // no packets: each message says its length first (RFC 1035 §4.2.2)
	go func() {
		defer server.Close()
		for {
			var length [2]byte
			if _, err := io.ReadFull(server, length[:]); err != nil {
				return
			}
			question := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(server, question); err != nil {
				return
			}
			answer := n.answer(question)
			if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
				return
			}
		}
	}()
	return client, nil
}

// answer answers one question (RFC 1035 §4.1).
func (n *Names) answer(message []byte) []byte {
	const header = 12
	if len(message) < header {
		return nil
	}
	end, labels := header, []string{}
	for end < len(message) && message[end] != 0 {
		next := end + 1 + int(message[end])
		if next >= len(message) {
			return nil
		}
		labels = append(labels, string(message[end+1:next]))
		end = next
	}
	end += 5 // the root, type and class
	if end > len(message) {
		return nil
	}
	n.mu.Lock()
	n.asked++
	address := n.addresses[strings.ToLower(strings.Join(labels, "."))]
	n.mu.Unlock()
	answer := append([]byte{}, message[:end]...)
	answer[2], answer[3] = 0x81, 0x80 // a response, with recursion
	for i := 6; i < header; i++ {
		answer[i] = 0
	}
	const typeA = 1
	switch {
	case address == nil:
		answer[3] |= 3 // NXDOMAIN
	case binary.BigEndian.Uint16(message[end-4:]) == typeA:
		answer[7] = 1
		answer = append(answer, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		answer = append(answer, address...)
	}
	return answer
}
