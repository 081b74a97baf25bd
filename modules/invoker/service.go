package invoker

import (
	"context"
	"errors"
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

// NodeTimeout bounds each attempt, to the headers of its answer. In [DoService] the default is 5 s.
func NodeTimeout(d time.Duration) Option { return func(s *settings) { s.perNode = d } }

// Strict makes [DoService] go on to the next node after any 4xx or 5xx, whatever the method: what the Python client does by
// default. A request that one node has carried out may be carried out by another again.
func Strict() Option { return func(s *settings) { s.strict = true } }

// DoService calls a path of a service and returns the body as a T, such as a string. Every node that is UP is tried once, in the
// order of the strategy, until one answers. A 4xx or 500 is an answer and comes back as a [*StatusError]; 502, 503 and 504
// are none for an idempotent method. What is not idempotent stops once bytes were sent.
//
//	body, err := invoker.DoService[string](ctx, rest, "OTHER-SERVICE-NAME", "/service/context/path")
func DoService[T any](ctx context.Context, c *Client, service, path string, options ...Option) (T, error) {
	own := settings{perNode: nodeTimeout}.with(options)
	caller := c.With(options...)
	caller.own.perNode = own.perNode
	method := own.method
	if method == "" {
		method = http.MethodGet
	}
	// The path stands as it is: it may hold a query, and braces mean nothing.
	entity, err := exchange[T](ctx, caller, method, "http://"+service+"/"+strings.TrimPrefix(path, "/"), "", own.body)
	return entity.Body, err
}

// WalkNodes tries fn on every node of a service that is UP, in the order of the strategy, until one call succeeds. The URL is
// that of the node with path. An error of fn leads to the next node; the error returned lists all of them.
func WalkNodes[T any](ctx context.Context, c *Client, service, path string, fn func(ctx context.Context, url string) (T, error)) (T, error) {
	var none T
	failed := &CallError{Method: "walk", URL: "http://" + service + "/" + strings.TrimPrefix(path, "/")}
	if c.balancer == nil {
		failed.Cause = &usageError{"the service " + service + " cannot be called by name: " + c.off}
		return none, failed
	}
	want := loadbalancer.Request{Service: service, Strategy: c.own.strategy}
	for {
		pick, err := c.balancer.Pick(ctx, want)
		if err != nil {
			if failed.Cause == nil {
				failed.Cause = err
			}
			return none, failed
		}
		node := pick.Instance()
		target := nodeURL(node, path)
		value, err := fn(ctx, target)
		pick.Done(loadbalancer.Outcome{Failed: err != nil, Unknown: ctx.Err() != nil})
		if err == nil {
			return value, nil
		}
		failed.Attempts = append(failed.Attempts, Attempt{Instance: node.ID, URL: withoutQuery(target), Cause: err})
		if failed.Cause = err; ctx.Err() != nil {
			failed.Cause = errors.Join(context.Cause(ctx), err)
			return none, failed
		}
		want.Tried = append(want.Tried, node.ID)
	}
}

// nodeURL is the URL of a path at an instance; ports that are the scheme's own are left out.
func nodeURL(i *discovery.Instance, path string) string {
	scheme, address, own := "http://", i.Address, ":80"
	if i.Secure() {
		scheme, address, own = "https://", i.SecureAddress, ":443"
	}
	return scheme + strings.TrimSuffix(address, own) + "/" + strings.TrimPrefix(path, "/")
}

func withoutQuery(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}
