package eurekatest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// patience is how long the Await methods wait before a test fails.
const patience = 10 * time.Second

// await polls, as what is awaited comes over a network.
func (s *Server) await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("eurekatest: after %v not yet: %s; sent were:\n%s", patience, what, s.sent())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (s *Server) sent() string {
	var lines []string
	for _, r := range s.Requests() {
		lines = append(lines, "  "+r.String())
	}
	return strings.Join(lines, "\n")
}

// AwaitStatus waits until an instance is listed with a status.
func (s *Server) AwaitStatus(t testing.TB, app, id string, status discovery.Status) {
	t.Helper()
	s.await(t, app+"/"+id+" is "+status.String(), func() bool { i := s.Instance(app, id); return i != nil && i.Status == status })
}

// AwaitGone waits until an instance is not listed.
func (s *Server) AwaitGone(t testing.TB, app, id string) {
	t.Helper()
	s.await(t, app+"/"+id+" is gone", func() bool { return s.Instance(app, id) == nil })
}

// AwaitSent waits until a request was sent, such as "GET apps/delta", that many times in all.
func (s *Server) AwaitSent(t testing.TB, request string, times int) {
	t.Helper()
	s.await(t, request+" was sent", func() bool { return s.Sent(request) >= times })
}

// Sent returns how many times a request was sent so far, such as "PUT apps/ORDERS/web-1".
func (s *Server) Sent(request string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.String() == request {
			n++
		}
	}
	return n
}

// RequireWrites fails the test unless exactly these requests that change something were sent, in this order.
func (s *Server) RequireWrites(t testing.TB, want ...string) {
	t.Helper()
	if got := s.Writes(); !slices.Equal(got, want) {
		t.Fatalf("eurekatest: these writes were sent:\n  %s\nwanted were:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
