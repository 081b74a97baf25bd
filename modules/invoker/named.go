package invoker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// ServiceClients is what "spring.http.serviceclient" in application.yml can say: the settings of clients, by name.
type ServiceClients map[string]ServiceClient

// ServiceClient is "spring.http.serviceclient.<name>". What is not set is as in "spring.http.clients".
type ServiceClient struct {
	BaseURL        string              `config:"base-url"`        // of templates that are paths; default http://<name>, the service of that name
	DefaultHeader  map[string][]string `config:"default-header"`  // of calls that do not set it; default none
	ConnectTimeout *time.Duration      `config:"connect-timeout"` // of one dial; default spring.http.clients.connect-timeout
	ReadTimeout    *time.Duration      `config:"read-timeout"`    // of one attempt, to the headers of its answer; default spring.http.clients.read-timeout
	TotalTimeout   *time.Duration      `config:"total-timeout"`   // ours: of a whole call; default spring.http.clients.total-timeout
	Redirects      string              `config:"redirects"`       // follow-when-possible, follow or dont-follow; default spring.http.clients.redirects
	APIVersion     APIVersion          `config:"apiversion"`
	SSL            SSL                 `config:"ssl"` // the bundle of this client; default spring.http.clients.ssl.bundle
}

// APIVersion is which version of an API calls ask for, and how.
type APIVersion struct {
	Default string `config:"default"` // the version; default none
	Insert  struct {
		Header             string `config:"header"`               // header that carries it; default none
		QueryParameter     string `config:"query-parameter"`      // query parameter that carries it; default none
		PathSegment        *int   `config:"path-segment"`         // where it becomes a segment of the path, from 0; default none
		MediaTypeParameter string `config:"media-type-parameter"` // parameter of the body's Content-Type that carries it; default none
	} `config:"insert"`
}

// Validate reports everything that cannot work.
func (s ServiceClients) Validate() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s)) {
		own := s[name]
		fault := func(key, problem string) {
			faults = append(faults, config.FieldError{Key: name + "." + key, Problem: problem})
		}
		if u, err := url.Parse(own.BaseURL); own.BaseURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "lb") {
			fault("base-url", "must be a URL such as http://inventory/api or lb://inventory")
		}
		if own.ConnectTimeout != nil && *own.ConnectTimeout <= 0 {
			fault("connect-timeout", "must be positive")
		}
		if own.ReadTimeout != nil && *own.ReadTimeout <= 0 {
			fault("read-timeout", "must be positive")
		}
		if own.TotalTimeout != nil && *own.TotalTimeout < 0 {
			fault("total-timeout", "must not be negative")
		}
		if redirects[canonical(own.Redirects)] == 0 {
			fault("redirects", "must be one of follow-when-possible, follow, dont-follow")
		}
		if at := own.APIVersion.Insert.PathSegment; at != nil && *at < 0 {
			fault("apiversion.insert.path-segment", "must not be negative")
		}
		if headersFault(own.header()) != nil {
			fault("default-header", "must hold names and values of headers")
		}
	}
	return errors.Join(faults...)
}

func (s ServiceClient) header() http.Header {
	header := http.Header{}
	for name, values := range s.DefaultHeader {
		header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	return header
}

// settings returns what calls of this client begin with, given what they have in common.
func (s ServiceClient) settings(name string, common settings) settings {
	own := common.with([]Option{BaseURL(cmp.Or(s.BaseURL, "http://"+name))})
	own.total = or(s.TotalTimeout, own.total)
	if s.Redirects != "" {
		own.stay = redirects[canonical(s.Redirects)] == stays
	}
	header := s.header()
	if version, insert := s.APIVersion.Default, s.APIVersion.Insert; version != "" {
		if insert.Header != "" {
			header.Set(insert.Header, version)
		}
		if insert.QueryParameter != "" {
			own = own.with([]Option{Intercept(queryParameter(insert.QueryParameter, version))})
		}
		if insert.PathSegment != nil {
			own = own.with([]Option{Intercept(pathSegment(*insert.PathSegment, version))})
		}
		if insert.MediaTypeParameter != "" {
			own = own.with([]Option{Intercept(mediaTypeParameter(insert.MediaTypeParameter, version))})
		}
	}
	own.header = merged(header, own.header)
	return own
}

// queryParameter adds a parameter that a call does not have.
func queryParameter(name, value string) Interceptor {
	return func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if query := r.URL.Query(); !query.Has(name) {
			u := *r.URL
			u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+url.Values{name: {value}}.Encode(), "&")
			r.URL = &u
		}
		return next(r)
	}
}

// pathSegment makes a value the segment of the path that has an index; a path that is too short is an error.
func pathSegment(at int, value string) Interceptor {
	return func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
		if segments[0] == "" && len(segments) == 1 {
			segments = nil
		}
		if at > len(segments) {
			return nil, unsent(r, fmt.Errorf("the path has no segment %d for the version of apiversion.insert.path-segment", at))
		}
		u := *r.URL
		u.RawPath = "/" + strings.Join(slices.Insert(segments, at, url.PathEscape(value)), "/")
		var err error
		if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
			return nil, unsent(r, err)
		}
		r.URL = &u
		return next(r)
	}
}

// mediaTypeParameter adds a parameter to the type of a body that does not have it.
func mediaTypeParameter(name, value string) Interceptor {
	return func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		name := strings.ToLower(name)
		if t, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && parameters[name] == "" {
			parameters[name] = value
			r.Header.Set("Content-Type", mime.FormatMediaType(t, parameters))
		}
		return next(r)
	}
}

// outside reports whether the base URL leads out of discovery: to an address, localhost, or a host with a dot.
func (s ServiceClient) outside() bool {
	u, err := url.Parse(s.BaseURL)
	if err != nil || s.BaseURL == "" || u.Scheme == "lb" {
		return false
	}
	_, err = netip.ParseAddr(u.Hostname())
	return err == nil || u.Hostname() == "localhost" || strings.Contains(u.Hostname(), ".")
}

// Clients are the clients that "spring.http.serviceclient" gives names (Spring: HTTP service groups). They are safe for
// concurrent use.
//
//	stock, err := clients.Client("inventory")
//	left, err := invoker.GetForObject[int](ctx, stock, "/stock/{sku}/left", sku)
type Clients struct {
	named  ServiceClients
	client *Client
	plain  *Plain

	bundles map[string]*ssl.Bundle // of those that have one of their own

	mu      sync.Mutex
	clients map[string]*Client
	plains  map[string]*Plain
}

// NewClients returns the clients that named describes. They are as client and plain but for what is said there.
func NewClients(named ServiceClients, client *Client, plain *Plain) (*Clients, error) {
	if err := named.Validate(); err != nil {
		return nil, fmt.Errorf("invoker: %w", err)
	}
	return &Clients{named: named, client: client, plain: plain, clients: map[string]*Client{}, plains: map[string]*Plain{}}, nil
}

// Client returns the client of that name, always the same one. A name that the settings do not mention is that of a service. A
// client whose base URL leads out of discovery is an error that names [Clients.Plain].
func (c *Clients) Client(name string) (*Client, error) {
	own := c.of(name)
	if own.outside() {
		return nil, fmt.Errorf("invoker: spring.http.serviceclient.%s.base-url = %s is no service name; ask for Clients.Plain, or write lb:// if it is one", name, shownTemplate(own.BaseURL))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clients[name] == nil {
		c.clients[name] = &Client{core: c.client.under(own, c.bundles[strings.ToLower(name)]), own: own.settings(name, c.client.own)}
	}
	return c.clients[name], nil
}

// Plain returns the client of that name for absolute URLs, always the same one. It needs a base URL.
func (c *Clients) Plain(name string) (*Plain, error) {
	own := c.of(name)
	if own.BaseURL == "" || strings.HasPrefix(own.BaseURL, "lb:") {
		return nil, fmt.Errorf("invoker: spring.http.serviceclient.%s.base-url is not an absolute URL; ask for Clients.Client to call a service", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plains[name] == nil {
		c.plains[name] = &Plain{core: c.plain.under(own, c.bundles[strings.ToLower(name)]), own: own.settings(name, c.plain.own)}
	}
	return c.plains[name], nil
}

// caller returns the client of a name, by what its base URL is.
func (c *Clients) caller(name string) (Caller, error) {
	if c.of(name).outside() {
		return c.Plain(name)
	}
	return c.Client(name)
}

// under returns a core with the timeouts and the bundle of a named client: the same one, with its connections, when they are no
// others.
func (c *core) under(own ServiceClient, bundle *ssl.Bundle) *core {
	cfg := c.cfg
	cfg.ConnectTimeout, cfg.ReadTimeout = or(own.ConnectTimeout, cfg.ConnectTimeout), or(own.ReadTimeout, cfg.ReadTimeout)
	if cfg.ConnectTimeout == c.cfg.ConnectTimeout && cfg.ReadTimeout == c.cfg.ReadTimeout && bundle == nil {
		return c
	}
	options := c.options
	if bundle != nil {
		options = append(slices.Clone(options), WithBundle(bundle))
	}
	other := newCore(cfg, c.dials, options)
	other.balancer = c.balancer
	return other
}

func or[T any](own *T, otherwise T) T {
	if own != nil {
		return *own
	}
	return otherwise
}

// of returns the settings of a name; environment variables bring names in lower case.
func (c *Clients) of(name string) ServiceClient {
	if own, ok := c.named[name]; ok {
		return own
	}
	for other, own := range c.named {
		if strings.EqualFold(other, name) {
			return own
		}
	}
	return ServiceClient{}
}

// CloseIdleConnections closes connections that nobody uses.
func (c *Clients) CloseIdleConnections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.clients {
		one.CloseIdleConnections()
	}
	for _, one := range c.plains {
		one.CloseIdleConnections()
	}
}
