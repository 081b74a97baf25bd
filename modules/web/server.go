package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Listener is a port beside the main one, such as the actuator's. It lives as long as the main one.
type Listener struct {
	Name    string // "management": its port is told to registries
	Address string // host to listen on; "" is all
	Port    int    // 0 takes a free one
	Key     string // setting that the port comes from, for failures
	Handler http.Handler
	TLS     *tls.Config // nil: none
}

// Server owns the listeners and the sequence of coming and going: bound, serving, registered; told to stay away, drained,
// closed, removed.
type Server struct {
	cfg           Config
	listeners     []*listener // the main one first
	registrations discovery.Registrations
	availability  *health.Availability
	work          lifecycle.Work // beside serving
	log           *slog.Logger
	critical      func() // the program cannot go on
	leaving       atomic.Bool
	forwarded     *forwarded
	lasting       *lasting
	cut           context.CancelCauseFunc // ends the context of every request
}

// listener is a port with its HTTP server.
type listener struct {
	Listener
	http *http.Server
	net  net.Listener
}

func newServer(cfg Config, handler http.Handler, lasting *lasting, secure *tls.Config, extra []Listener, registrations discovery.Registrations, availability *health.Availability, log *slog.Logger, critical func()) *Server {
	s := &Server{cfg: cfg, registrations: registrations, availability: availability, work: lifecycle.NoWork{}, log: log.With("logger", "web"), critical: critical}
	s.lasting = lasting
	s.forwarded, _ = newForwarded(cfg) // Validate has seen it
	base, cut := context.WithCancelCause(context.Background())
	s.cut = cut
	all := append([]Listener{{Name: "main", Address: cfg.Address, Port: cfg.Port, Key: "server.port", Handler: handler, TLS: secure}}, extra...)
	for _, one := range all {
		s.listeners = append(s.listeners, &listener{Listener: one, http: &http.Server{
			Handler:           s.announce(one.Handler),
			ReadHeaderTimeout: cfg.Tomcat.ConnectionTimeout,
			IdleTimeout:       cfg.Tomcat.KeepAliveTimeout,
			MaxHeaderBytes:    int(cfg.MaxHeader),
			TLSConfig:         one.TLS,
			Protocols:         protocolsOf(cfg, one),
			BaseContext:       func(net.Listener) context.Context { return base },
			// net/http's own complaints, such as a broken header: callers cause them.
			ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}})
	}
	return s
}

// protocolsOf returns what a listener speaks.
func protocolsOf(cfg Config, l Listener) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	if l.Name == "main" && cfg.HTTP2.Enabled {
		p.SetHTTP2(l.TLS != nil)
		p.SetUnencryptedHTTP2(l.TLS == nil)
	}
	return p
}

// nextProtocols are the names of what the main listener speaks, for TLS.
func (c Config) nextProtocols() []string {
	if c.HTTP2.Enabled {
		return []string{"h2", "http/1.1"}
	}
	return []string{"http/1.1"}
}

// announce tells callers to look for another instance once this one leaves. Idle connections stay: cutting them would lose
// the requests that are on their way.
func (s *Server) announce(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		r = s.forwarded.apply(r)
		if s.cfg.Header != "" {
			w.Header().Set("Server", s.cfg.Header)
		}
		next.ServeHTTP(w, r)
	})
}

// Port returns the port that the main listener is bound to, or 0 before [Server.Start].
func (s *Server) Port() int { return s.listeners[0].port() }

// ManagementPort returns the port of the actuator's own listener, or 0 when it has none.
func (s *Server) ManagementPort() int { return s.address().ManagementPort }

// URL returns where the main listener is reached on this machine, such as http://localhost:8080.
func (s *Server) URL() string {
	host := s.cfg.Address
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return s.listeners[0].scheme() + "://" + net.JoinHostPort(host, strconv.Itoa(s.Port())) + s.cfg.contextPath()
}

func (l *listener) scheme() string {
	if l.TLS != nil {
		return "https"
	}
	return "http"
}

func (l *listener) port() int {
	if l.net == nil {
		return 0
	}
	return l.net.Addr().(*net.TCPAddr).Port
}

// StopBudget returns how long [Server.Stop] may take: the sum of its phases.
func (s *Server) StopBudget() time.Duration {
	return discovery.DownTimeout + s.registrations.Drain() + s.cfg.TimeoutPerPhase + discovery.RemoveTimeout
}

// Start binds every listener, serves, does what the program does once while it is alive and not yet ready, and only then says
// where it is reached. When it returns an error nothing is bound and nothing was registered.
func (s *Server) Start(ctx context.Context) error {
	for i, l := range s.listeners {
		if err := l.bind(ctx); err != nil {
			for _, bound := range s.listeners[:i] {
				_ = bound.net.Close()
			}
			return err
		}
	}
	for _, l := range s.listeners {
		go s.serve(l)
		s.log.InfoContext(ctx, fmt.Sprintf("%s server started on port %d (%s)", map[bool]string{true: "Web", false: "Management"}[l.Name == "main"], l.port(), l.scheme()))
	}
	s.availability.Started()
	if err := s.work.Prepare(ctx); err != nil {
		s.close(ctx, 0)
		return err
	}
	s.availability.Accept() // first, or registries would be told STARTING and, a moment later, UP
	s.registrations.Up(s.address())
	s.work.Begin()
	return nil
}

func (s *Server) address() discovery.Address {
	a := discovery.Address{Host: s.cfg.Address, Port: s.Port(), Secure: s.listeners[0].TLS != nil}
	for _, l := range s.listeners {
		if l.Name == "management" {
			a.ManagementPort, a.ManagementSecure = l.port(), l.TLS != nil
		}
	}
	return a
}

func (l *listener) bind(ctx context.Context) (err error) {
	address := net.JoinHostPort(l.Address, strconv.Itoa(l.Port))
	var config net.ListenConfig
	if l.net, err = config.Listen(ctx, "tcp", address); err != nil {
		return &BindError{Key: l.Key, Port: l.Port, Err: err}
	}
	return nil
}

func (s *Server) serve(l *listener) {
	serve := l.http.Serve
	if l.TLS != nil {
		serve = func(on net.Listener) error { return l.http.ServeTLS(on, "", "") }
	}
	if err := serve(&patientListener{l.net, s.cfg.Tomcat.ConnectionTimeout}); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("the listener ended; the program cannot go on", "port", l.port(), "error", err)
		s.critical()
	}
}

// Stop leaves: readiness refuses, callers are told to stay away and get time to notice, then the listeners close, requests
// in flight finish, and the program is taken off every list. Its time is [Server.StopBudget]; the haste of ctx shortens it.
func (s *Server) Stop(ctx context.Context) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < s.StopBudget()-time.Second && !hurried(ctx) {
		s.log.WarnContext(ctx, "the stop has less time than its phases may take: raise fx.StopTimeout", "has", time.Until(deadline).Round(time.Second), "needs", s.StopBudget())
	}
	s.availability.Refuse()
	s.work.End()
	s.leaving.Store(true)
	if s.cfg.Shutdown == Immediate {
		var haste *lifecycle.Haste
		ctx, haste = lifecycle.WithHaste(ctx)
		haste.Hurry()
		s.registrations.Leave(ctx, s.log, func(ctx context.Context) { s.close(ctx, 0) })
		return
	}
	s.registrations.Leave(ctx, s.log, func(ctx context.Context) { s.close(ctx, s.cfg.TimeoutPerPhase) })
}

func hurried(ctx context.Context) bool {
	select {
	case <-lifecycle.Hurried(ctx):
		return true
	default:
		return false
	}
}

// close stops listening and waits for requests in flight; what has not ended after patience is cut off.
func (s *Server) close(ctx context.Context, patience time.Duration) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.lasting.stop() // or each would be waited for in vain
	go func() {
		select {
		case <-lifecycle.Aborted(ctx):
			cancel()
		case <-waiting.Done():
		}
	}()
	var all sync.WaitGroup
	all.Go(func() { s.work.Wait(ctx) })
	all.Go(func() {
		if err := s.lasting.wait(waiting); err != nil {
			s.log.WarnContext(ctx, "connections that handlers took over were left to them", "after", patience)
		}
	})
	for _, l := range s.listeners {
		all.Go(func() {
			if err := l.http.Shutdown(waiting); err != nil {
				s.log.WarnContext(ctx, "requests were cut off", "port", l.port(), "after", patience)
				s.cut(errCut)
				_ = l.http.Close()
			}
		})
	}
	all.Wait()
	s.cut(errCut)
}

// BindError is a port that could not be listened on.
type BindError struct {
	Key  string // the setting, such as server.port
	Port int
	Err  error
}

// Error returns what the system said, in context.
func (e *BindError) Error() string { return fmt.Sprintf("web: listen on port %d: %v", e.Port, e.Err) }

// Unwrap returns what the system said.
func (e *BindError) Unwrap() error { return e.Err }

// Description is for the failure report.
func (e *BindError) Description() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return fmt.Sprintf("Web server failed to start. Port %d was already in use (%v).", e.Port, e.Err)
	}
	return fmt.Sprintf("Web server failed to start. It cannot listen on port %d (%v).", e.Port, e.Err)
}

// Action is for the failure report.
func (e *BindError) Action() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return fmt.Sprintf("Stop the process that listens on port %d or set %s to another value (0 picks a free one).", e.Port, e.Key)
	}
	return fmt.Sprintf("Set %s to what this machine can listen on.", e.Keys()[0])
}

// Keys is for the failure report.
func (e *BindError) Keys() []string {
	var lookup *net.DNSError
	if errors.As(e.Err, &lookup) || errors.Is(e.Err, syscall.EADDRNOTAVAIL) {
		return []string{strings.TrimSuffix(e.Key, "port") + "address"}
	}
	return []string{e.Key}
}
