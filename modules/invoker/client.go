package invoker

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Caller is a [*Client] or a [*Plain].
type Caller interface {
	// send calls. With whole the body will be converted: where it can be, it is read as part of the attempt.
	send(request *http.Request, template string, whole bool) (*http.Response, error)
	settings() *settings
}

// settings are what options change.
type settings struct {
	strategy   string
	key        string
	timeout    time.Duration
	header     http.Header
	idempotent bool
	limit      int64         // of a body that is converted
	perNode    time.Duration // of an attempt, to its headers, or to the end of a body that is converted; 0: the transport's
	strict     bool          // every 4xx and 5xx leads to the next instance
	everyNode  bool          // each instance that is UP is tried once, whatever the settings and the budget say
	plainFirst bool          // an instance with two ports is called on the plain one
	secure     bool          // an instance with two ports is called on the secure one, whatever else is said
	byIP       bool          // by address instead of host name
	tls        *tls.Config   // of TLS connections; nil: the client's
	method     string        // of DoService
	body       any           // of DoService
}

// Option adjusts a client for some calls; see [Client.With].
type Option func(*settings)

// Strategy chooses instances in another way than configured; unknown names are an error of the call.
func Strategy(name string) Option { return func(s *settings) { s.strategy = name } }

// Key is what the strategy consistent-hash chooses by, and strategies of the user's own may.
func Key(key string) Option { return func(s *settings) { s.key = key } }

// Timeout bounds a whole call, all attempts and the body included.
func Timeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// Header adds a header to every call.
func Header(name, value string) Option {
	return func(s *settings) {
		if s.header = s.header.Clone(); s.header == nil {
			s.header = http.Header{}
		}
		s.header.Add(name, value)
	}
}

// Idempotent declares that calls may be sent twice whatever their method.
func Idempotent() Option { return func(s *settings) { s.idempotent = true } }

// PreferIP calls instances by IP address instead of host name, where they tell one.
func PreferIP() Option { return func(s *settings) { s.byIP = true } }

// PreferHTTPS calls instances that have a plain and a secure port on the secure one, which [DoService] and [WalkNodes] do not do
// by themselves.
func PreferHTTPS() Option { return func(s *settings) { s.secure = true } }

// TLS makes TLS connections as cfg says: with authorities and a certificate of its own, say. Connections are kept for each cfg,
// so use one for many calls, and do not change it.
func TLS(cfg *tls.Config) Option { return func(s *settings) { s.tls = cfg } }

func (s settings) with(options []Option) settings {
	for _, o := range options {
		o(&s)
	}
	return s
}

// core is what a client and those derived from it share.
type core struct {
	balancer *loadbalancer.Balancer // nil: calls by name are off
	off      string                 // why
	tracer   *telemetry.ClientTracer
	http     http.RoundTripper
	tls      *tls.Config
	own      transports // for calls with TLS settings of their own
	log      *slog.Logger

	readTimeout time.Duration // of an attempt, to its headers, and then between two bytes of a body that is converted
}

// Client calls services by name. It is safe for concurrent use.
type Client struct {
	*core
	own settings
}

// Plain calls absolute URLs, through the environment's proxy where one is set. It is safe for concurrent use.
type Plain struct {
	*core
	own settings
}

// ClientOption adjusts a [Client] or [Plain] beyond its Config.
type ClientOption func(*core)

// WithTransport sends attempts through rt. Default: a transport of the client's own.
func WithTransport(rt http.RoundTripper) ClientOption { return func(c *core) { c.http = rt } }

// WithTLS makes TLS connections as cfg says, such as with the authorities of an estate of one's own. Default: the system's.
func WithTLS(cfg *tls.Config) ClientOption { return func(c *core) { c.tls = cfg } }

// WithTracer makes a span of every attempt. Default: none, and no trace is passed on.
func WithTracer(t *telemetry.ClientTracer) ClientOption { return func(c *core) { c.tracer = t } }

// WithLogger logs attempts that failed, at debug. Default: nothing is said.
func WithLogger(log *slog.Logger) ClientOption {
	return func(c *core) { c.log = log.With("logger", "invoker") }
}

// WithoutBalancer says why there is none, for the error of calls by name.
func WithoutBalancer(why string) ClientOption { return func(c *core) { c.off = why } }

// New returns a client that calls what balancer chooses. Without a balancer, which may be nil, calls fail.
func New(cfg Config, balancer *loadbalancer.Balancer, options ...ClientOption) *Client {
	c := newCore(cfg, instanceTransport, options)
	c.balancer = balancer
	return &Client{core: c, own: settings{limit: int64(cfg.MaxResponse)}}
}

// NewPlain returns a client of absolute URLs.
func NewPlain(cfg Config, options ...ClientOption) *Plain {
	return &Plain{core: newCore(cfg, plainTransport, options), own: settings{limit: int64(cfg.MaxResponse)}}
}

func newCore(cfg Config, transport func(Config, *tls.Config) *http.Transport, options []ClientOption) *core {
	c := &core{readTimeout: cfg.ReadTimeout, off: "spring.cloud.loadbalancer.enabled is false", log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(c)
	}
	if c.http == nil {
		c.http = transport(cfg, c.tls)
	}
	c.own.make = func(own *tls.Config) *http.Transport { return transport(cfg, own) }
	return c
}

// With returns a client for calls with options. It shares connections and all else with c and costs next to nothing.
func (c *Client) With(options ...Option) *Client {
	return &Client{core: c.core, own: c.own.with(options)}
}

// With returns a client for calls with options.
func (p *Plain) With(options ...Option) *Plain {
	return &Plain{core: p.core, own: p.own.with(options)}
}

// Do calls the service that the host of the URL names. Any answer is returned, whatever its status; the last one when every
// attempt ended in 502, 503 or 504. An error is a [*CallError]. [ServedBy] tells the instance.
func (c *Client) Do(request *http.Request) (*http.Response, error) { return c.send(request, "", false) }

// Do calls an absolute URL.
func (p *Plain) Do(request *http.Request) (*http.Response, error) { return p.send(request, "", false) }

// Transport returns c as a RoundTripper, for any library that takes one.
func (c *Client) Transport() http.RoundTripper { return roundTripper(c.Do) }

// HTTPClient returns an *http.Client that calls services by name. It has no Timeout: give calls a context with a deadline. A
// redirect is followed when it leads to a service name again.
func (c *Client) HTTPClient() *http.Client { return &http.Client{Transport: c.Transport()} }

// HTTPClient returns an *http.Client whose calls are traced.
func (p *Plain) HTTPClient() *http.Client { return &http.Client{Transport: roundTripper(p.Do)} }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// CloseIdleConnections closes connections that nobody uses.
func (c *core) CloseIdleConnections() {
	if t, ok := c.http.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	c.own.closeIdle()
}

// transport returns what carries calls with these TLS settings; nil are the client's.
func (c *core) transport(own *tls.Config) http.RoundTripper {
	if own == nil {
		return c.http
	}
	return c.own.of(own)
}

func (c *Client) settings() *settings { return &c.own }
func (p *Plain) settings() *settings  { return &p.own }

func (c *Client) send(request *http.Request, template string, whole bool) (*http.Response, error) {
	return c.bounded(request, &c.own, func(r *http.Request) (*http.Response, error) {
		call := call{core: c.core, own: &c.own, request: r, template: template, whole: whole}
		return call.run()
	})
}

func (p *Plain) send(request *http.Request, template string, _ bool) (*http.Response, error) {
	return p.bounded(request, &p.own, func(r *http.Request) (*http.Response, error) {
		at := shown(r.URL)
		header := merged(r.Header, p.own.header)
		ctx, span := p.tracer.Start(r.Context(), &http.Request{Method: r.Method, URL: r.URL, Header: header}, telemetry.Attempt{Template: template})
		attempt := r.WithContext(ctx)
		attempt.Header = header
		response, err := p.transport(p.own.tls).RoundTrip(attempt)
		if err != nil {
			p.tracer.End(span, 0, err)
			return nil, &CallError{Method: methodOf(r), URL: at, Attempts: []Attempt{{URL: at, Cause: err}}, Cause: err}
		}
		p.tracer.End(span, response.StatusCode, nil)
		return response, nil
	})
}

// bounded applies the timeout of the options; it lasts until the body is closed.
func (c *core) bounded(r *http.Request, own *settings, do func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if own.timeout <= 0 {
		return do(r)
	}
	ctx, cancel := context.WithTimeout(r.Context(), own.timeout)
	response, err := do(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	if _, taken := response.Body.(*wholeBody); taken {
		cancel()
		return response, nil
	}
	response.Body = &bodyThen{ReadCloser: response.Body, then: cancel}
	return response, nil
}

// bodyThen does something more when a body is closed.
type bodyThen struct {
	io.ReadCloser
	then func()
}

func (b *bodyThen) Close() error {
	err := b.ReadCloser.Close()
	b.then()
	return err
}

// merged returns the headers of an attempt: the caller's own stay untouched.
func merged(callers, more http.Header) http.Header {
	header := make(http.Header, len(callers)+len(more)+2)
	maps.Copy(header, callers)
	for name, values := range more {
		header[name] = append(slices.Clone(header[name]), values...)
	}
	return header
}
