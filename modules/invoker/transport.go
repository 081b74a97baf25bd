package invoker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// target is what an attempt tells the transport, what the transport tells the attempt, and what a response tells its caller,
// through the context, which it is itself; that and the URL are here since what is allocated together costs less.
type target struct {
	context.Context // what the attempt is made in
	wait
	url      url.URL
	instance *discovery.Instance
	dial     time.Duration // bound of a dial
	reused   atomic.Bool   // whether the connection served a call before, where net/http would not see to that itself
	about    loadbalancer.Call
	attempts []Attempt // of the call, that failed before its answer
}

type targetKey struct{}

// Value implements [context.Context].
func (t *target) Value(key any) any {
	if key == (targetKey{}) {
		return t
	}
	return t.Context.Value(key)
}

// follow has the transport tell what becomes of a request that has a body, or that must not be sent twice.
func (t *target) follow() {
	t.Context = httptrace.WithClientTrace(t.Context, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.reused.Store(info.Reused)
			t.pause() // it may be a repetition
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { t.begin(time.Now()) },
	})
}

// plain reports whether a request is over once its headers are sent, and net/http repeats it by itself when a connection turns out to
// be closed: then there is nothing to follow, which costs less.
func plain(r *http.Request) bool {
	switch r.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return r.Body == nil || r.Body == http.NoBody
	}
	return false
}

func targetOf(ctx context.Context) *target {
	t, _ := ctx.Value(targetKey{}).(*target)
	return t
}

// ServedBy returns the id of the instance that a response came from, or "" when it was not called by name.
func ServedBy(response *http.Response) string {
	if t := servedBy(response); t != nil {
		return t.instance.ID
	}
	return ""
}

func servedBy(response *http.Response) *target {
	if response == nil || response.Request == nil {
		return nil
	}
	return targetOf(response.Request.Context())
}

// newTransport returns a transport that keeps enough connections for a busy caller: net/http's default of two idle ones for
// each host opens a new connection for most calls.
func newTransport(cfg Config, tlsConfig *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:           newDialer(cfg).dial,
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   max(cfg.ConnectTimeout, time.Second),
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          0, // no limit but that of each host
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       50 * time.Second, // below the 60 s after which servers close theirs
	}
}

// instanceTransport is for instances. It speaks HTTP/1.1: a connection that an attempt gave up on is never used again, whereas
// calls would go on sharing an HTTP/2 connection to an instance that has vanished. It takes no proxy. The wait for headers is the
// clock's.
func instanceTransport(cfg Config, tlsConfig *tls.Config) *http.Transport {
	t := newTransport(cfg, tlsConfig)
	t.DialTLSContext = newDialer(cfg).secure(tlsConfig)
	return t
}

// plainTransport is for the world outside: HTTP/2 where it is offered, and the environment's proxy.
func plainTransport(cfg Config, tlsConfig *tls.Config) *http.Transport {
	t := newTransport(cfg, tlsConfig)
	t.ForceAttemptHTTP2, t.ResponseHeaderTimeout = true, cfg.ReadTimeout
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := http.ProxyFromEnvironment(r)
		if err != nil {
			return nil, errProxy // the original's text holds the password
		}
		return proxy, nil
	}
	return t
}

var errProxy = errors.New("the environment's proxy (HTTP_PROXY, HTTPS_PROXY) is not a URL")

// transports are those of calls with TLS settings of their own.
type transports struct {
	make func(*tls.Config) *http.Transport

	mu    sync.Mutex
	known map[*tls.Config]*http.Transport
	order []*tls.Config
}

// mostTransports bounds what is kept for callers that make new settings for each call.
const mostTransports = 64

func (t *transports) of(cfg *tls.Config) *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.known[cfg]; known != nil {
		return known
	}
	if t.known == nil {
		t.known = map[*tls.Config]*http.Transport{}
	}
	if len(t.order) == mostTransports {
		t.known[t.order[0]].CloseIdleConnections()
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	made := t.make(cfg)
	t.known[cfg], t.order = made, append(t.order, cfg)
	return made
}

func (t *transports) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.known {
		one.CloseIdleConnections()
	}
}

type dialer struct {
	net.Dialer
	longest time.Duration
}

func newDialer(cfg Config) *dialer {
	return &dialer{Dialer: net.Dialer{KeepAlive: 15 * time.Second}, longest: cfg.ConnectTimeout}
}

// limit is the bound of a dial, and of a TLS handshake after it.
func (d *dialer) limit(t *target) time.Duration {
	if t != nil && t.dial > 0 {
		return min(d.longest, t.dial)
	}
	return d.longest
}

// dial dials within the bound of the attempt. The time for headers begins after it.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	t := targetOf(ctx)
	defer t.connecting()()
	return d.reach(ctx, t, network, address)
}

// connecting stops the time for headers, if it has begun, until the function that it returns is called.
func (t *target) connecting() (connected func()) {
	if t == nil || !t.pause() {
		return func() {}
	}
	return func() { t.begin(time.Now()) }
}

// reach dials, and dials the instance's address when its name does not resolve.
func (d *dialer) reach(ctx context.Context, t *target, network, address string) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, d.limit(t))
	defer cancel()
	conn, err := d.DialContext(bounded, network, address)
	var unresolved *net.DNSError
	if err == nil || t == nil || t.instance.IP == "" || !errors.As(err, &unresolved) {
		return conn, err
	}
	_, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, err
	}
	again, cancelAgain := context.WithTimeout(ctx, d.limit(t)) // a name server that is silent has used up the first
	defer cancelAgain()
	return d.DialContext(again, network, net.JoinHostPort(t.instance.IP, port))
}

// secure dials and shakes hands, so that a failure is known to have come before the request.
func (d *dialer) secure(own *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		t := targetOf(ctx)
		defer t.connecting()()
		raw, err := d.reach(ctx, t, network, address)
		if err != nil {
			return nil, err
		}
		cfg := own.Clone()
		if cfg == nil {
			cfg = &tls.Config{}
		}
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(address)
		}
		cfg.NextProtos = nil // HTTP/1.1
		ctx, cancel := context.WithTimeout(ctx, d.limit(t))
		defer cancel()
		conn := tls.Client(raw, cfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, &handshakeError{err}
		}
		return conn, nil
	}
}

// handshakeError is a TLS handshake that failed: no byte of the request was sent.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// nothingSent reports whether an error means that no byte of the request reached the instance.
func nothingSent(err error) bool {
	var (
		op         *net.OpError
		unresolved *net.DNSError
		handshake  *handshakeError
	)
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &unresolved) || errors.As(err, &handshake)
}
