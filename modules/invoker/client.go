package invoker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Caller is a [*Client] or a [*Plain].
type Caller interface {
	// send calls. With whole the body will be converted: where it can be, it is read as part of the attempt.
	send(request *http.Request, template string, whole bool) (*http.Response, error)
	settings() *settings
	derived(settings) Caller
	measures() *telemetry.ClientMeter
}

// settings are what options change.
type settings struct {
	strategy   string
	key        string
	prefer     *loadbalancer.Preference
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

	pass         []string      // headers of the request being served that are passed on
	deadline     string        // header that tells how long the caller waits
	total        time.Duration // spring.http.clients.total-timeout
	base         string        // of templates that are paths
	stay         bool          // redirects are answers
	converters   []Converter   // before the built-in ones
	interceptors []Interceptor // the first is the outermost
	handlers     []statusHandler
}

// statusHandler says what an answer of some statuses means.
type statusHandler struct {
	matches func(status int) bool
	handle  func(*StatusError) error // nil: nothing, it is an answer like another
}

// handlerOf returns what looks at an answer of this status; the handler that was added last comes first.
func (s *settings) handlerOf(status int) func(*StatusError) error {
	for _, h := range slices.Backward(s.handlers) {
		if h.matches(status) {
			return h.handle
		}
	}
	if status >= http.StatusBadRequest {
		return func(e *StatusError) error { return e }
	}
	return nil
}

// Option adjusts a client for some calls; see [Client.With].
type Option func(*settings)

// Strategy chooses instances in another way than configured; unknown names are an error of the call.
func Strategy(name string) Option { return func(s *settings) { s.strategy = name } }

// Key is what the strategy consistent-hash chooses by, and strategies of the user's own may.
func Key(key string) Option { return func(s *settings) { s.key = key } }

// Prefer says whom calls would rather reach: a zone, a hint or one instance. It counts more than what headers and settings say.
func Prefer(p loadbalancer.Preference) Option { return func(s *settings) { s.prefer = &p } }

// wanted is what the balancer is asked for, for a request with these headers.
func (s *settings) wanted(service string, header http.Header) loadbalancer.Request {
	if len(s.header) > 0 {
		header = merged(header, s.header)
	}
	return loadbalancer.Request{Service: service, Strategy: s.strategy, Key: s.key, Prefer: s.prefer, Header: header}
}

// Timeout bounds a whole call, all attempts and the body included.
func Timeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// Header adds a header to every call that does not set one of that name itself (Spring: defaultHeader).
func Header(name, value string) Option {
	return func(s *settings) {
		if s.header = s.header.Clone(); s.header == nil {
			s.header = http.Header{}
		}
		s.header.Add(name, value)
	}
}

// BaseURL goes before templates that are paths: with http://inventory/api the template /stock/{sku} is
// http://inventory/api/stock/{sku}.
func BaseURL(url string) Option { return func(s *settings) { s.base = url } }

// Converters come before those that were there.
func Converters(converters ...Converter) Option {
	return func(s *settings) { s.converters = slices.Concat(converters, s.converters) }
}

// OnStatus lets handle decide what an answer of some statuses means (Spring: defaultStatusHandler, onStatus). The error that it
// returns is the error of the call; with nil the answer is converted as if it were a success. The handler added last is asked
// first, and after all of them the default one, which makes a [*StatusError] of every 4xx and 5xx.
//
//	rest = rest.With(invoker.OnStatus(func(status int) bool { return status == 404 }, func(e *invoker.StatusError) error { return errNoStock }))
func OnStatus(matches func(status int) bool, handle func(*StatusError) error) Option {
	return func(s *settings) { s.handlers = append(slices.Clip(s.handlers), statusHandler{matches, handle}) }
}

// Interceptor stands around every call (Spring: ClientHttpRequestInterceptor): it may change the request, which is the call's
// own, and the answer; it calls next once, many times, or not at all. It stands outside of choosing an instance, so a call that
// is repeated elsewhere passes it once.
type Interceptor func(request *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error)

// Ordered is an interceptor with its place: lower ones stand outside.
type Ordered struct {
	Order int
	Func  Interceptor
}

// Intercept adds interceptors inside of those that were there.
func Intercept(interceptors ...Interceptor) Option {
	return func(s *settings) { s.interceptors = slices.Concat(s.interceptors, interceptors) }
}

// NoRedirects makes answers of 3xx the result of the call (Spring: redirects: dont-follow).
func NoRedirects() Option { return func(s *settings) { s.stay = true } }

// MaxResponse bounds a body that is converted, in bytes, in place of spring.http.clients.max-response-size. Streams have no bound.
func MaxResponse(bytes int64) Option { return func(s *settings) { s.limit = bytes } }

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
	meter    *telemetry.ClientMeter
	http     http.RoundTripper
	tls      *tls.Config
	bundle   *ssl.Bundle
	foreign  bool       // http is the user's
	own      transports // for calls with TLS settings of their own
	clock    *clock     // of attempts
	log      *slog.Logger
	defaults []Option // that calls begin with

	// What it was made of, for named clients with timeouts of their own.
	cfg     Config
	dials   func(Config, *tls.Config) *http.Transport
	options []ClientOption

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

// WithBundle makes TLS connections with the bundle's certificate and authorities, and with others once it has changed. A nil
// bundle is none.
func WithBundle(b *ssl.Bundle) ClientOption { return func(c *core) { c.bundle = b } }

// WithTracer makes a span of every attempt. Default: none, and no trace is passed on.
func WithTracer(t *telemetry.ClientTracer) ClientOption { return func(c *core) { c.tracer = t } }

// WithMeter measures attempts and calls. Default: nothing is measured.
func WithMeter(m *telemetry.ClientMeter) ClientOption { return func(c *core) { c.meter = m } }

// WithLogger logs attempts that failed, at debug. Default: nothing is said.
func WithLogger(log *slog.Logger) ClientOption {
	return func(c *core) { c.log = log.With("logger", "invoker") }
}

// WithDefaults applies options to every call, as [Client.With] does to those of a derived client.
func WithDefaults(options ...Option) ClientOption {
	return func(c *core) { c.defaults = append(slices.Clip(c.defaults), options...) }
}

// WithoutBalancer says why there is none, for the error of calls by name.
func WithoutBalancer(why string) ClientOption { return func(c *core) { c.off = why } }

// New returns a client that calls what balancer chooses. Without a balancer, which may be nil, calls fail.
func New(cfg Config, balancer *loadbalancer.Balancer, options ...ClientOption) *Client {
	c := newCore(cfg, instanceTransport, options)
	c.balancer = balancer
	return &Client{core: c, own: cfg.settings().with(c.defaults)}
}

// NewPlain returns a client of absolute URLs.
func NewPlain(cfg Config, options ...ClientOption) *Plain {
	c := newCore(cfg, plainTransport, options)
	return &Plain{core: c, own: cfg.settings().with(c.defaults)}
}

func newCore(cfg Config, transport func(Config, *tls.Config) *http.Transport, options []ClientOption) *core {
	c := &core{
		readTimeout: cfg.ReadTimeout, off: "spring.cloud.loadbalancer.enabled is false", log: slog.New(slog.DiscardHandler),
		cfg: cfg, dials: transport, options: options, clock: newClock(),
	}
	for _, o := range options {
		o(c)
	}
	switch {
	case c.http != nil:
		c.foreign = true
	case c.bundle != nil:
		c.http = c.bundle.Transport(func(own *tls.Config) *http.Transport { return transport(cfg, own) })
	default:
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
// attempt ended in 502, 503 or 504. An error is a [*CallError]; its cause is a [*RequestError] when the
// request cannot be sent as it is written. [ServedBy] tells the instance.
func (c *Client) Do(request *http.Request) (*http.Response, error) {
	return deliver(c, request, "", manner{})
}

// Do calls an absolute URL.
func (p *Plain) Do(request *http.Request) (*http.Response, error) {
	return deliver(p, request, "", manner{})
}

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

func (c *core) measures() *telemetry.ClientMeter { return c.meter }

// transport returns what carries calls with these TLS settings; nil are the client's.
func (c *core) transport(own *tls.Config) http.RoundTripper {
	if own == nil {
		return c.http
	}
	return c.own.of(own)
}

// cuts reports whether an attempt over that transport is cut by its target: a transport of the user's may know no more of contexts than
// that Done tells their end, and bounds the wait for headers itself, or does not.
func (c *core) cuts(own *tls.Config) bool { return own != nil || !c.foreign }

func (c *Client) settings() *settings         { return &c.own }
func (p *Plain) settings() *settings          { return &p.own }
func (c *Client) derived(own settings) Caller { return &Client{core: c.core, own: own} }
func (p *Plain) derived(own settings) Caller  { return &Plain{core: p.core, own: own} }

func (c *Client) send(request *http.Request, template string, whole bool) (*http.Response, error) {
	if len(c.own.pass) > 0 {
		request = c.own.passOn(request)
	}
	call := call{core: c.core, own: &c.own, request: request, template: template, whole: whole}
	return call.run()
}

// passOn returns a request with the chosen headers of the request being served that it does not have itself.
func (s *settings) passOn(request *http.Request) *http.Request {
	header, served := http.Header{}, inbound.Header(request.Context())
	for _, name := range s.pass {
		if values := served[name]; len(values) > 0 && len(s.header[name]) == 0 {
			header[name] = values
		}
	}
	if len(header) == 0 {
		return request
	}
	request = request.WithContext(request.Context())
	request.Header = merged(request.Header, header)
	return request
}

func (p *Plain) send(r *http.Request, template string, _ bool) (*http.Response, error) {
	at := shown(r.URL)
	if err := p.usable(r); err != nil {
		closeBody(r)
		return nil, unsent(r, err)
	}
	header := merged(r.Header, p.own.header)
	about := telemetry.Attempt{Template: template}
	ctx, span := p.tracer.Start(r.Context(), &http.Request{Method: r.Method, URL: r.URL, Header: header}, about)
	measured := p.meter.Begin(r, about)
	attempt := r.WithContext(ctx)
	attempt.Header = header
	response, err := p.transport(p.own.tls).RoundTrip(attempt)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		p.tracer.End(span, nil, err)
		measured.End(ctx, nil, err)
		return nil, &CallError{Method: methodOf(r), URL: at, Attempts: []Attempt{{URL: at, Cause: err}}, Cause: err}
	}
	p.tracer.End(span, response, nil)
	measured.End(ctx, response, nil)
	return response, nil
}

// usable reports what nobody could answer.
func (p *Plain) usable(r *http.Request) error {
	if r.URL == nil || r.URL.Scheme != "http" && r.URL.Scheme != "https" || r.URL.Hostname() == "" {
		return errors.New("invoker.Plain calls absolute URLs, http://host/path or https://host/path")
	}
	return partsFault(r, p.own.header)
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

// merged returns the headers of an attempt: the caller's own, which stay untouched, and those that it did not set.
func merged(callers, more http.Header) http.Header {
	header := make(http.Header, len(callers)+len(more)+2)
	maps.Copy(header, callers)
	for name, values := range more {
		if _, own := callers[name]; !own {
			header[name] = values
		}
	}
	return header
}
