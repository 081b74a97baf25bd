package invoker

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// nodeTimeout is how long one node may take in [DoService].
const nodeTimeout = 5 * time.Second

// Method sends another method than GET with [DoService].
func Method(method string) Option { return func(s *settings) { s.method = method } }

// Body sends a body with [DoService]; see [PostForObject] for what it may be.
func Body(body any) Option { return func(s *settings) { s.body = body } }

// NodeTimeout bounds each attempt: to the headers of its answer, or to the end of a body that is converted. In [DoService] the
// default is 5 s.
func NodeTimeout(d time.Duration) Option { return func(s *settings) { s.perNode = d } }

// Strict makes [DoService] go on to the next node after any 4xx or 5xx, whatever the method: what the Python client does by
// default. A request that one node has carried out may be carried out by another again.
func Strict() Option { return func(s *settings) { s.strict = true } }

// DoService calls a path of a service and returns the body as a T, such as a string. Every node that is UP is tried once, in the
// order of the strategy, until one answers. A 4xx or 500 is an answer and comes back as a [*StatusError]; 502, 503 and 504
// are none for an idempotent method, nor is a body that breaks off. What is not idempotent stops once bytes were sent. Of an
// instance with two ports the plain one is called, unless [PreferHTTPS] is said.
//
//	body, err := invoker.DoService[string](ctx, rest, "OTHER-SERVICE-NAME", "/service/context/path")
func DoService[T any](ctx context.Context, c *Client, service, path string, options ...Option) (T, error) {
	caller, w := c.service(service, path, options)
	entity, err := exchange[T](ctx, caller, w)
	return entity.Body, err
}

// DoServiceResponse is [DoService] with the response itself, whose body the caller closes. It is not read in advance: one that
// breaks off leads to no other node, and only ctx bounds reading it.
func DoServiceResponse(ctx context.Context, c *Client, service, path string, options ...Option) (*http.Response, error) {
	caller, w := c.service(service, path, options)
	request, _, err := w.request(ctx, &caller.own, nil)
	if err != nil {
		return nil, err
	}
	response, err := deliver(caller, request, "", manner{redirects: true})
	if err != nil || response.StatusCode < http.StatusBadRequest {
		return response, err
	}
	defer response.Body.Close()
	return nil, statusError(request, response, caller.own.limit)
}

// service returns what [DoService] calls with. The path stands as it is: it may hold a query, and braces mean nothing.
func (c *Client) service(service, path string, options []Option) (*Client, written) {
	own := c.own
	own.perNode, own.plainFirst, own.everyNode = nodeTimeout, true, true
	own = own.with(options)
	target := "http://" + service + "/" + strings.TrimPrefix(path, "/")
	return &Client{core: c.core, own: own}, written{method: cmp.Or(own.method, http.MethodGet), template: target, raw: true, body: own.body}
}

// WalkNodes tries fn on every node of a service that is UP, in the order of the strategy, until one call succeeds. The URL is
// that of the node with path; ports that are the scheme's own are left out. An error of fn leads to the next node; the error
// returned lists all of them. Of the options [Strategy], [PreferIP] and [PreferHTTPS] count.
func WalkNodes[T any](ctx context.Context, c *Client, service, path string, fn func(ctx context.Context, url string) (T, error), options ...Option) (T, error) {
	var none T
	walker, w := c.service(service, path, options)
	failed := &CallError{Method: "walk", URL: withoutQuery(w.template)}
	fault := error(nil)
	switch {
	case ctx == nil:
		fault = errNoContext
	case fn == nil:
		fault = errors.New("there is no function to call")
	case c.balancer == nil:
		fault = c.without(service)
	}
	if fault != nil {
		failed.Cause = &RequestError{Method: failed.Method, URL: failed.URL, Err: fault}
		return none, failed
	}
	leave, err := c.balancer.Enter(ctx, service)
	if err != nil {
		failed.Cause = err
		return none, failed
	}
	if leave != nil {
		defer leave()
	}
	want := walker.own.wanted(service, nil)
	for {
		if cause := context.Cause(ctx); cause != nil {
			failed.Cause = cause
			return none, failed
		}
		pick, err := c.balancer.Pick(ctx, want)
		if err != nil {
			if failed.Cause == nil {
				failed.Cause = err
			}
			return none, failed
		}
		node := pick.Instance()
		at := walker.own.nodeURL(node, path)
		value, err := visit(ctx, pick, at, fn)
		if err == nil {
			return value, nil
		}
		failed.Attempts = append(failed.Attempts, Attempt{Instance: node.ID, URL: withoutQuery(at), Cause: err})
		if failed.Cause = err; ctx.Err() != nil {
			failed.Cause = errors.Join(context.Cause(ctx), err)
			return none, failed
		}
		want.Tried = append(want.Tried, node.ID)
	}
}

// visit calls fn for one node and says how it went, also when fn panics.
func visit[T any](ctx context.Context, pick loadbalancer.Pick, url string, fn func(context.Context, string) (T, error)) (value T, err error) {
	outcome := loadbalancer.Outcome{Unknown: true}
	defer func() { pick.Done(outcome) }()
	value, err = fn(ctx, url)
	outcome = loadbalancer.Outcome{Failed: err != nil, Unsent: nothingSent(err), Unknown: ctx.Err() != nil}
	return value, err
}

// place returns the scheme and address that an instance is called at.
func (s *settings) place(i *discovery.Instance, demandsTLS bool) (scheme, address string) {
	scheme, address = "http", i.Address
	if i.Secure() && (demandsTLS || s.secure || !s.plainFirst || i.Address == "") {
		scheme, address = "https", i.SecureAddress
	}
	if s.byIP && i.IP != "" {
		if _, port, err := net.SplitHostPort(address); err == nil {
			address = net.JoinHostPort(i.IP, port)
		}
	}
	return scheme, address
}

// nodeURL is the URL of a path at an instance; ports that are the scheme's own are left out.
func (s *settings) nodeURL(i *discovery.Instance, path string) string {
	scheme, address := s.place(i, false)
	address = strings.TrimSuffix(address, map[string]string{"http": ":80", "https": ":443"}[scheme])
	return scheme + "://" + address + "/" + strings.TrimPrefix(path, "/")
}

func withoutQuery(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}
