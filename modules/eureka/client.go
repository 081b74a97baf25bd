package eureka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// Instance is everything that a Eureka server knows of one instance (Netflix: InstanceInfo).
type Instance = wire.Instance

// NewInstance returns an instance that has said nothing yet: UP, without an override, its plain port on. A registration needs App,
// InstanceID, HostName, IPAddr, Port.Number, and mostly VIPAddress, by which it is called.
func NewInstance() *Instance { return wire.NewInstance() }

// Applications is a registry or a delta.
type Applications = wire.Applications

// Application is the instances of one name.
type Application = wire.Application

// DecodeApplications reads a registry or a delta in JSON. The result keeps nothing of data.
func DecodeApplications(data []byte) (*Applications, error) { return wire.DecodeApplications(data) }

// DecodeApplicationsXML is [DecodeApplications] for XML.
func DecodeApplicationsXML(data []byte) (*Applications, error) {
	return wire.DecodeApplicationsXML(data)
}

// Client asks Eureka servers: each request goes to the preferred one, and to the next when that one does not answer. It is
// safe for concurrent use. Every method returns a [*ServerError] when no server gave a usable answer.
type Client struct {
	cluster  *cluster
	http     http.RoundTripper // for reading
	renewals http.RoundTripper // for writing: a heartbeat never waits behind a fetch
	gzip     bool
	limit    int64
	timeout  time.Duration // of one attempt, when the caller's context allows more
	patience time.Duration // to the headers of what is read, while another server is left
	identity func() string // for DiscoveryIdentity-Id
	outage   outage
	events   *events

	clock     func() time.Time // tells lastDirtyTimestamp
	reconnect time.Duration
	began     time.Time
	made      atomic.Int64 // when connections were last made anew, in nanoseconds since began
}

// Option adjusts a [Client] beyond its Config.
type Option interface{ apply(*options) }

type options struct {
	transport http.RoundTripper
	bundle    *ssl.Bundle
	log       *slog.Logger
	listeners []Listener
	identity  func() string
	clock     func() time.Time
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// WithTransport sends requests through rt. Default: transports of the client's own, without a proxy.
func WithTransport(rt http.RoundTripper) Option {
	return optionFunc(func(o *options) { o.transport = rt })
}

// WithBundle makes TLS connections with the bundle's certificate and authorities. Default: what eureka.client.tls says of files.
func WithBundle(b *ssl.Bundle) Option { return optionFunc(func(o *options) { o.bundle = b }) }

// WithLogger says when no server answers, and when one does again. Default: nothing is said.
func WithLogger(log *slog.Logger) Option {
	return optionFunc(func(o *options) { o.log = log })
}

// WithIdentity tells servers the address that id returns in the header DiscoveryIdentity-Id, as Netflix's client does. Default:
// none.
func WithIdentity(id func() string) Option {
	return optionFunc(func(o *options) { o.identity = sync.OnceValue(id) })
}

// WithClock makes the client, and what is built on it, believe another wall clock; a test's can be set back and forward. Default: the
// system's. Waiting does not follow it.
func WithClock(now func() time.Time) Option { return optionFunc(func(o *options) { o.clock = now }) }

// NewClient returns a client of the servers in cfg. It connects on first use.
func NewClient(cfg ClientConfig, opts ...Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("eureka: %w", err)
	}
	o := options{log: slog.New(slog.DiscardHandler), clock: time.Now}
	for _, opt := range opts {
		opt.apply(&o)
	}
	log := o.log.With("logger", "eureka.client")
	connect, readTimeout := cfg.timeouts()
	c := &Client{
		cluster: newCluster(cfg.servers()), http: o.transport, renewals: o.transport, gzip: cfg.GZip,
		limit: int64(cfg.MaxResponse), timeout: connect + 2*readTimeout,
		outage: outage{log: log}, events: &events{listeners: o.listeners, log: log},
	}
	c.identity, c.reconnect = o.identity, cfg.Transport.Reconnect
	c.clock, c.began = o.clock, time.Now()
	// An eighth of the interval for each but the last, so that with two servers a look is answered within a quarter.
	c.patience = max(cfg.FetchInterval/8, 500*time.Millisecond)
	if o.transport == nil {
		bundle, err := o.bundle, error(nil)
		if bundle == nil && cfg.TLS.Bundle == "" {
			bundle, err = cfg.TLS.Load("eureka.client.tls", ssl.Files)
		}
		if err != nil {
			return nil, fmt.Errorf("eureka: %w", err)
		}
		c.http, c.renewals = transportFor(cfg, bundle), transportFor(cfg, bundle)
	}
	return c, nil
}

// request is one operation, before a server is chosen.
type request struct {
	method, path string // path relative to a server's base, escaped
	body         []byte
	accept       string // default JSON
	write        bool
	once         bool  // not repeated when it may have been carried out
	ok           []int // refusals that are an answer of the operation; others make the next server be asked
}

// nameless reports whether an element of the path is empty, which would make it that of another operation.
func (r request) nameless() bool {
	elements, _, _ := strings.Cut(r.path, "?")
	return r.path != "apps/" && (strings.HasSuffix(elements, "/") || strings.Contains(elements, "//"))
}

// Refusals that are an answer.
var (
	notFound   = []int{http.StatusNotFound}
	badRequest = []int{http.StatusBadRequest}
)

// answer is what a server said.
type answer struct {
	status int
	body   []byte
	xml    bool // it says so
	server string
	method string
	url    string
}

var errNoContext = errors.New("eureka: a context is needed, which is nil")

// do asks servers in order until one gives an answer that the operation knows. decode may refuse an answer, too: a page of
// a proxy with status 200 is no registry.
func (c *Client) do(ctx context.Context, r request, decode func(answer) error) (answer, error) {
	if r.nameless() {
		return answer{}, fmt.Errorf("eureka: %s %s: a name or an id is empty", r.method, r.path)
	}
	if ctx == nil {
		return answer{}, errNoContext
	}
	c.age()
	var failures []error
	order := c.cluster.candidates(time.Now())
	for n, i := range order {
		s := c.cluster.servers[i]
		a, err := c.attempt(ctx, r, s, len(order)-n-1)
		if err == nil {
			if err = decode(a); err == nil {
				c.cluster.answered(i)
				return a, nil
			}
			if !errors.As(err, new(*StatusError)) {
				err = &answerError{method: r.method, url: a.url, err: err}
			}
		}
		var status *StatusError
		if errors.As(err, &status) && slices.Contains(r.ok, status.Code) {
			c.cluster.answered(i)
			return a, err
		}
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			return a, context.Cause(ctx) // the caller's own doing says nothing about the server
		}
		failures = append(failures, err)
		var asked time.Duration
		if status != nil {
			asked = status.RetryAfter
		}
		c.cluster.failed(i, time.Now(), asked)
		if ctx.Err() != nil || r.once && status == nil && !unsent(err) {
			break
		}
	}
	return answer{}, &ServerError{Op: r.method + " " + r.path, Attempts: failures}
}

// write is an operation whose answer has no content that matters.
func (c *Client) write(ctx context.Context, r request) error {
	r.write = true
	_, err := c.do(ctx, r, written)
	return err
}

func written(a answer) error {
	if a.status != http.StatusOK && a.status != http.StatusNoContent {
		return &StatusError{Method: a.method, URL: a.url, Code: a.status}
	}
	if trimmed := bytes.TrimSpace(a.body); len(trimmed) > 0 && trimmed[0] == '<' {
		return errors.New("the answer is a page, not Eureka's")
	}
	return nil
}

func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func appPath(app string, parts ...string) string {
	if app == "" {
		return "apps//" // which no operation has, where apps/ is the whole registry
	}
	return path(append([]string{"apps", strings.ToUpper(app)}, parts...)...)
}

// Register lists an instance, or replaces what is listed under its id.
func (c *Client) Register(ctx context.Context, i *Instance) error {
	if i == nil {
		return errors.New("eureka: register: there is no instance")
	}
	return c.write(ctx, request{
		method: http.MethodPost, path: appPath(i.App), body: wire.AppendInstance(nil, i), ok: badRequest,
	})
}

// Renew extends the lease of an instance. [ErrUnknownInstance]: it must register again.
func (c *Client) Renew(ctx context.Context, app, id string, status discovery.Status, lastDirty int64) error {
	target := "apps/" + url.PathEscape(strings.ToUpper(app)) + "/" + url.PathEscape(id) +
		"?status=" + status.String() + "&lastDirtyTimestamp=" + strconv.FormatInt(lastDirty, 10)
	return c.write(ctx, request{method: http.MethodPut, path: target, ok: notFound})
}

// Cancel takes an instance off the list. [ErrUnknownInstance]: it was not on it.
func (c *Client) Cancel(ctx context.Context, app, id string) error {
	return c.write(ctx, request{method: http.MethodDelete, path: appPath(app, id), ok: notFound})
}

// cancelOnce is [Client.Cancel] for a program that leaves: a server that took the request and gave no answer may have removed the instance,
// and what is listed a moment later is its successor.
func (c *Client) cancelOnce(ctx context.Context, app, id string) error {
	return c.write(ctx, request{method: http.MethodDelete, path: appPath(app, id), once: true, ok: notFound})
}

// Override sets a status that stays until [Client.RemoveOverride], whatever the instance says of itself; OUT_OF_SERVICE
// takes it out of traffic.
func (c *Client) Override(ctx context.Context, app, id string, status discovery.Status, lastDirty int64) error {
	query := "?value=" + status.String() + "&lastDirtyTimestamp=" + strconv.FormatInt(lastDirty, 10)
	return c.write(ctx, request{method: http.MethodPut, path: appPath(app, id, "status") + query, ok: notFound})
}

// RemoveOverride ends an override. Until the instance next registers it shows interim, or UNKNOWN when interim is that.
func (c *Client) RemoveOverride(ctx context.Context, app, id string, interim discovery.Status, lastDirty int64) error {
	query := "?lastDirtyTimestamp=" + strconv.FormatInt(lastDirty, 10)
	if interim != discovery.Unknown {
		query += "&value=" + interim.String()
	}
	return c.write(ctx, request{method: http.MethodDelete, path: appPath(app, id, "status") + query, ok: notFound})
}

// UpdateMetadata adds entries to the metadata of an instance, until it next registers.
func (c *Client) UpdateMetadata(ctx context.Context, app, id string, entries map[string]string) error {
	values := url.Values{}
	for key, value := range entries {
		values.Set(key, value)
	}
	return c.write(ctx, request{method: http.MethodPut, path: appPath(app, id, "metadata") + "?" + values.Encode(), ok: notFound})
}

// Applications returns the whole registry.
func (c *Client) Applications(ctx context.Context) (*Applications, error) {
	return read(ctx, c, "apps/", wire.DecodeApplications, wire.DecodeApplicationsXML)
}

// noDelta are the answers of servers that offer no deltas, or not yet.
var noDelta = []int{http.StatusNotFound, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented}

// Delta returns what changed in the last minutes.
func (c *Client) Delta(ctx context.Context) (*Applications, error) {
	return read(ctx, c, "apps/delta", wire.DecodeApplications, wire.DecodeApplicationsXML, noDelta...)
}

// Application returns the instances of one application; its name ignores case. [ErrUnknownInstance]: there are none.
func (c *Client) Application(ctx context.Context, app string) (*Application, error) {
	return read(ctx, c, appPath(app), wire.DecodeApplication, wire.DecodeApplicationXML, http.StatusNotFound)
}

// Instance returns one instance. [ErrUnknownInstance]: it is not listed.
func (c *Client) Instance(ctx context.Context, app, id string) (*Instance, error) {
	return read(ctx, c, appPath(app, id), wire.DecodeInstance, wire.DecodeInstanceXML, http.StatusNotFound)
}

// InstanceByID returns the first instance with that id in any application.
func (c *Client) InstanceByID(ctx context.Context, id string) (*Instance, error) {
	return read(ctx, c, path("instances", id), wire.DecodeInstance, wire.DecodeInstanceXML, http.StatusNotFound)
}

// VIP returns the instances of a virtual host name; it is case-sensitive.
func (c *Client) VIP(ctx context.Context, vip string) (*Applications, error) {
	return read(ctx, c, path("vips", vip), wire.DecodeApplications, wire.DecodeApplicationsXML, http.StatusNotFound)
}

// SecureVIP is [Client.VIP] for secure virtual host names.
func (c *Client) SecureVIP(ctx context.Context, vip string) (*Applications, error) {
	return read(ctx, c, path("svips", vip), wire.DecodeApplications, wire.DecodeApplicationsXML, http.StatusNotFound)
}

// read is an operation whose answer is a document, in JSON as asked for or in XML all the same; final are the refusals that are an
// answer, too.
func read[T any](ctx context.Context, c *Client, path string, decode, decodeXML func([]byte) (T, error), final ...int) (T, error) {
	var value T
	_, err := c.do(ctx, request{method: http.MethodGet, path: path, ok: final}, func(a answer) (err error) {
		if a.xml {
			value, err = decodeXML(a.body)
		} else {
			value, err = decode(a.body)
		}
		return err
	})
	return value, err
}

// ErrUnknownInstance means that the registry does not list the instance.
var ErrUnknownInstance = errors.New("eureka: unknown instance")

// StatusError is an answer other than 2xx.
type StatusError struct {
	Method, URL string // without credentials
	Code        int
	RetryAfter  time.Duration // what a 429 or 503 asks for, at most 5 min; else 0
	Reason      string        // of a 400, as the server gives it, such as "Missing hostname"; mostly empty
}

// Error returns method, URL and status.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("eureka: %s %s: status %d", e.Method, e.URL, e.Code)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Is makes a 404 match [ErrUnknownInstance].
func (e *StatusError) Is(target error) bool {
	return target == ErrUnknownInstance && e.Code == http.StatusNotFound
}

// ServerError means that no server gave a usable answer.
type ServerError struct {
	Op       string  // such as "PUT apps/ORDERS/web-1"
	Attempts []error // one for each server asked, in order
}

// Error lists every server with what was wrong.
func (e *ServerError) Error() string {
	if len(e.Attempts) == 1 {
		return e.Attempts[0].Error()
	}
	texts := make([]string, len(e.Attempts))
	for i, err := range e.Attempts {
		texts[i] = strings.TrimPrefix(err.Error(), "eureka: ")
	}
	return fmt.Sprintf("eureka: none of %d servers answered: %s", len(texts), strings.Join(texts, "; "))
}

// Unwrap returns the attempts.
func (e *ServerError) Unwrap() []error { return e.Attempts }

// answerError is no answer, or one that is not Eureka's.
type answerError struct {
	method, url string
	err         error
}

func (e *answerError) Error() string {
	text := e.err.Error()
	var inner *url.Error
	if errors.As(e.err, &inner) {
		text = inner.Err.Error()
	}
	return fmt.Sprintf("eureka: %s %s: %s", e.method, e.url, cmp.Or(text, "no answer"))
}

func (e *answerError) Unwrap() error { return e.err }

// unsent reports whether a request reached no server, as no connection was made.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// noAnswer reports whether a write may have been done although its error says otherwise.
func noAnswer(err error) bool {
	var a *answerError
	return errors.As(err, &a) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
