// Package eurekatest is a Eureka server for tests: a real registry behind real HTTP, in the test's process, with faults on
// demand.
//
//	server := eurekatest.NewServer(t)
//	server.Add(discovery.Instance{Service: "inventory", Address: "10.0.0.1:8080"})
//	cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL)
//	// …
//	server.AwaitStatus(t, "orders", "web-1", discovery.Up)
//	server.Fail(http.StatusInternalServerError) // from now on
//	server.Heal()
//	server.Advance(time.Minute) // leases end
//	server.RequireWrites(t, "POST apps/ORDERS", "PUT apps/ORDERS/web-1")
//
// # Faults
//
// Each lasts until [Server.Heal]; [Fault.For] limits it to heartbeats, registrations, cancels, fetches or deltas, [Fault.Times] to the
// next few requests.
//
//	refused                          server.Stop(), until server.Start(t)
//	accept queue full                eurekatest.BlackHole(t), a URL
//	accepted and silent              server.Silent()
//	slow                             server.Delay(d)
//	stalled in the body              server.StallBody()
//	reset                            server.Reset()
//	closed without an answer         server.Cut(carriedOut)
//	a kept connection closed         server.Reset().Times(1), after a first request
//	truncated                        server.CutBody()
//	gzip corrupt, a bomb             server.CorruptGzip(), server.GzipBomb(size)
//	HTML, empty, other JSON, huge    server.Garbage(contentType, body)
//	any status, with a page or bare  server.Fail(status), server.Status(status)
//	204 and 200 swapped              server.Status(204), server.Status(200)
//	a burst of 500                   server.Fail(500).Times(3)
//	404 on deltas, on heartbeats     server.Fail(404).For(eurekatest.Deltas), …For(eurekatest.Heartbeats)
//	400 with a reason                server.Refuse(400, reason)
//	429, 503 with Retry-After        server.Busy(503, "30")
//	redirect, the same, a circle     server.Redirect(other.URL), server.Redirect(server.URL).Times(1), server.Redirect(server.URL)
//	restarted empty, or with a part  server.Restart(), server.Restart("web-1")
//	XML where JSON was asked for     server.AnswerXML()
//	odd content of whatever kind     server.Rewrite(func(body string) string { … })
//	a name that leads elsewhere      names.Set("eureka.test", "127.0.0.2"), of eurekatest.NewNames(t)
//	NXDOMAIN                         names.Set("eureka.test", "")
//	TLS expired, of another name     eurekatest.NewServer(t, eurekatest.ExpiredTLS(t, authority)), …MisnamedTLS
//	TLS of an unknown authority      eurekatest.NewServer(t, eurekatest.TLS(t, eurekatest.NewAuthority(t)))
//	a lease that ended               server.Advance(d)
package eurekatest

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Server is a Eureka server on a loopback port. It is safe for concurrent use.
type Server struct {
	URL      string // base for clients, such as http://127.0.0.1:41233/eureka/
	Registry *registry.Registry

	address string
	clock   *Clock
	tls     *tls.Config
	mu      sync.Mutex
	http    *http.Server
	handler http.Handler
	fault   fault
	matches func(Request) bool
	left    int // requests that the fault still meets; < 0: all
	seen    []Request
	free    chan struct{} // closed to end requests that are never answered
}

// Request is one that the server was sent.
type Request struct {
	Time   time.Time
	Method string
	Path   string // with the query, as on the wire
	Header http.Header
	Body   string
}

// String returns method and path, without the base and the query.
func (r Request) String() string {
	path, _, _ := strings.Cut(r.Path, "?")
	return r.Method + " " + strings.TrimPrefix(path, "/eureka/")
}

// fault answers in place of the registry; it returns false to let the registry answer after all.
type fault func(w http.ResponseWriter, r *http.Request) bool

// Option adjusts a [Server].
type Option func(*Server)

// Listen makes the server listen on an address. Default: a free port of 127.0.0.1.
func Listen(address string) Option { return func(s *Server) { s.address = address } }

// NewServer starts a server that ends with the test. Its leases end as they should.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{address: "127.0.0.1:0", clock: NewClock(), free: make(chan struct{})}
	for _, opt := range opts {
		opt(s)
	}
	s.Registry = registry.New(registry.DefaultConfig(), registry.WithClock(s.clock.Now))
	s.handler = rest.New(s.Registry)
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatalf("eurekatest: %v", err)
	}
	s.address = l.Addr().String()
	s.URL = "http://" + s.address + "/eureka/"
	if s.tls != nil {
		s.URL = "https://" + s.address + "/eureka/"
	}
	s.serve(l)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Registry.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		s.Stop()
	})
	return s
}

func (s *Server) serve(l net.Listener) {
	server := &http.Server{
		Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // handshakes that clients end are no news
	}
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	s.mu.Lock()
	s.http = server
	s.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := Request{Time: time.Now(), Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: string(body)}
	s.mu.Lock()
	s.seen = append(s.seen, seen)
	f := s.fault
	if f == nil || s.left == 0 || s.matches != nil && !s.matches(seen) {
		f = nil
	} else if s.left > 0 {
		s.left--
	}
	s.mu.Unlock()
	if f == nil || !f(w, r) {
		s.handler.ServeHTTP(w, r)
	}
}

// Stop closes the port and every connection, as a machine that was switched off.
func (s *Server) Stop() {
	s.mu.Lock()
	server, free := s.http, s.free
	s.http = nil
	s.free = make(chan struct{})
	s.mu.Unlock()
	close(free)
	if server != nil {
		_ = server.Close()
	}
}

// Start listens again on the same port after [Server.Stop], with the registry as it was.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	var l net.Listener
	var err error
	for range 50 { // another process may hold the port for a moment
		if l, err = net.Listen("tcp", s.address); err == nil {
			s.serve(l)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("eurekatest: %v", err)
}

// Restart forgets every instance, as a server that was restarted without a peer, but those with the ids in kept: what a
// peer that had restarted itself could give.
func (s *Server) Restart(kept ...string) {
	var rest []*wire.Instance
	for _, id := range kept {
		if i := s.Registry.InstanceByID(id); i != nil {
			rest = append(rest, i)
		}
	}
	s.Registry.Clear()
	for _, i := range rest {
		_ = s.Registry.Register(i, true)
	}
}

// Add lists an instance of another program. Its lease lasts an hour.
func (s *Server) Add(i discovery.Instance) {
	w := wire.NewInstance()
	w.App, w.InstanceID, w.Status, w.Metadata = strings.ToUpper(i.Service), i.ID, i.Status, i.Metadata
	w.VIPAddress, w.SecureVIPAddress = strings.ToLower(i.Service), strings.ToLower(i.Service)
	w.DataCenter.Name, w.Lease.Duration = wire.MyOwn, 3600
	w.Port, w.SecurePort = wire.Port{Number: 80}, wire.Port{Number: 443}
	set := func(address string, port *wire.Port) {
		host, text, err := net.SplitHostPort(address)
		if err != nil {
			return
		}
		w.HostName = host
		port.Number, _ = strconv.Atoi(text)
		port.Enabled = true
	}
	set(i.SecureAddress, &w.SecurePort)
	set(i.Address, &w.Port)
	w.IPAddr = i.IP
	if w.IPAddr == "" {
		w.IPAddr = w.HostName
	}
	if w.InstanceID == "" {
		w.InstanceID = i.Address + i.SecureAddress
	}
	_ = s.Registry.Register(w, true) // a test's registry is never full
}

// Remove cancels an instance.
func (s *Server) Remove(app, id string) { _ = s.Registry.Cancel(app, id) }

// Instance returns what is registered under an application and id, or nil.
func (s *Server) Instance(app, id string) *wire.Instance { return s.Registry.Instance(app, id) }

// Only returns the one instance of an application, or nil when there are none or several.
func (s *Server) Only(app string) *wire.Instance {
	if a := s.Registry.Application(app); a != nil && len(a.Instances) == 1 {
		return a.Instances[0]
	}
	return nil
}

// Requests returns what was sent so far.
func (s *Server) Requests() []Request { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.seen) }

// Writes returns the requests that change something, each as "METHOD apps/…", without the queries.
func (s *Server) Writes() []string {
	var writes []string
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet {
			writes = append(writes, r.String())
		}
	}
	return writes
}

// Fault is a fault that was injected; limit it with For and Times.
type Fault struct{ s *Server }

// For limits a fault to requests that match.
func (f Fault) For(matches func(Request) bool) Fault {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.matches = matches
	return f
}

// Times limits a fault to the next n matching requests.
func (f Fault) Times(n int) Fault {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.left = n
	return f
}

// Heartbeats matches renewals, for [Fault.For].
func Heartbeats(r Request) bool { return r.Method == http.MethodPut && strings.Count(r.Path, "/") == 4 }

// Registrations matches registrations, for [Fault.For].
func Registrations(r Request) bool { return r.Method == http.MethodPost }

// Cancels matches cancels, for [Fault.For].
func Cancels(r Request) bool { return r.Method == http.MethodDelete && strings.Count(r.Path, "/") == 4 }

// Fetches matches looks at the whole registry, for [Fault.For].
func Fetches(r Request) bool { return strings.TrimSuffix(r.String(), "/") == "GET apps" }

// Deltas matches looks at what changed, for [Fault.For].
func Deltas(r Request) bool { return r.String() == "GET apps/delta" }

func (s *Server) inject(f fault) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.matches, s.left = f, nil, -1
	return Fault{s}
}

// Heal ends the fault.
func (s *Server) Heal() { s.inject(nil) }

// Fail answers with a status and a page of HTML, as proxies and error pages do.
func (s *Server) Fail(status int) Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><body>fault</body></html>")
		return true
	})
}

// Refuse answers with a status and the reason as text, such as a 400 to a registration.
func (s *Server) Refuse(status int, reason string) Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, reason)
		return true
	})
}

// Garbage answers 200 with a body.
func (s *Server) Garbage(contentType, body string) Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
		return true
	})
}

// Delay answers rightly, after d.
func (s *Server) Delay(d time.Duration) Fault {
	return s.inject(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		return false
	})
}

// Silent takes requests and never answers.
func (s *Server) Silent() Fault {
	s.mu.Lock()
	free := s.free
	s.mu.Unlock()
	return s.inject(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-free:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	})
}

// Cut closes the connection instead of answering. What was asked is done all the same when carriedOut says so.
func (s *Server) Cut(carriedOut bool) Fault {
	return s.inject(func(_ http.ResponseWriter, r *http.Request) bool {
		if carriedOut {
			s.handler.ServeHTTP(nowhere{http.Header{}}, r)
		}
		panic(http.ErrAbortHandler)
	})
}

// CutBody announces a longer body than it sends.
func (s *Server) CutBody() Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, `{"applications":{"versions__delta":"1",`)
		return true
	})
}

// nowhere is an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}
