package invoker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// call is one call by name: attempts at instances until one answers.
type call struct {
	*core
	own      *settings
	request  *http.Request
	template string
	whole    bool // the body is read as part of an attempt

	body     *stream       // nil: it can be replayed, or there is none
	copied   io.ReadCloser // for the next attempt, of a body that can be replayed
	to       *target       // of the latest attempt, or the next one
	tried    []string
	attempts []Attempt
	hops     int  // instances after the first
	same     int  // further attempts at the instance tried last
	stale    int  // of them because of connections that it had closed
	rounds   int  // through all instances, after the first
	sent     int  // attempts
	paid     bool // the budget has allowed the next attempt
	refused  bool // the budget allows no further attempt
}

func (c *call) run() (*http.Response, error) {
	ctx := c.request.Context()
	if err := c.usable(); err != nil {
		closeBody(c.request)
		return nil, unsent(c.request, err)
	}
	if err := context.Cause(ctx); err != nil {
		closeBody(c.request)
		return nil, c.failed(err)
	}
	leave, err := c.balancer.Enter(ctx, c.request.URL.Hostname())
	if err != nil {
		closeBody(c.request)
		return nil, c.failed(c.explained(err))
	}
	response, err := c.tries(ctx)
	return inside(response, err, leave)
}

// tries makes attempts until one answers.
func (c *call) tries(ctx context.Context) (*http.Response, error) {
	if c.request.Body != nil && c.request.Body != http.NoBody && c.request.GetBody == nil {
		c.body = &stream{&heldBody{body: c.request.Body}}
	}
	want := c.own.wanted(c.request.URL.Hostname(), c.request.Header)
	c.to = &target{about: loadbalancer.Call{Method: methodOf(c.request), Template: c.template, Path: c.request.URL.Path}}
	want.Secure, want.Call, want.URL = c.request.URL.Scheme == "https", &c.to.about, c.request.URL
	pick, err := c.balancer.Pick(ctx, want)
	if err != nil {
		closeBody(c.request)
		return nil, c.failed(c.explained(err))
	}
	pick.Begins()
	for {
		var response *http.Response
		var failure error
		pick, response, failure = c.try(pick, &want)
		if failure == nil {
			c.body.leave()
			c.to.attempts = c.attempts
			return response, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			discard(response)
			c.body.release()
			return nil, c.failed(cause)
		}
		after, ok := c.next(pick, failure, &want)
		if cause := context.Cause(ctx); !ok && cause != nil {
			discard(response)
			c.body.release()
			return nil, c.failed(cause)
		}
		if !ok {
			if response != nil { // the last answer is the caller's
				c.body.leave()
				c.to.attempts = c.attempts
				return response, nil
			}
			c.body.release()
			if c.refused {
				failure = &refusedError{failure}
			}
			return nil, c.failed(failure)
		}
		discard(response)
		pick = after
	}
}

// next returns where the next attempt goes, and makes its body ready; false when this was the last one.
func (c *call) next(pick loadbalancer.Pick, failure error, want *loadbalancer.Request) (loadbalancer.Pick, bool) {
	what := c.another(pick, failure)
	if what == stop || !c.rewind() {
		return pick, false
	}
	free := c.own.everyNode || what == next && nothingSent(failure)
	if what != anew && !c.paid && !pick.MayRetry(free) {
		c.refused = true
		c.unwind()
		return pick, false
	}
	switch what {
	case anew:
		c.stale++
		return pick.Again(), true
	case again:
		c.same++
		return pick.Again(), true
	case over:
		if !c.rest(pick) {
			c.unwind()
			return pick, false
		}
		c.tried = nil
	case next:
		if c.avoids(pick) {
			c.tried = append(c.tried, pick.Instance().ID)
		}
	}
	c.hops++
	c.same, c.stale = 0, 0
	want.Tried = c.tried
	after, err := c.balancer.Pick(c.request.Context(), *want)
	if err != nil {
		c.unwind()
	}
	return after, err == nil
}

// usable reports what no instance could change.
func (c *call) usable() error {
	u := c.request.URL
	switch {
	case u == nil:
		return errors.New("a request needs a URL")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "lb":
		return errors.New("the URL has no scheme that a service is called by: http, https or lb")
	}
	host := u.Hostname()
	switch {
	case host == "":
		return errors.New("the URL names no service")
	case u.User != nil:
		return errors.New("a URL by service name must not hold credentials; set the Authorization header")
	case c.balancer == nil:
		return c.without(host)
	}
	if '0' <= host[0] && host[0] <= '9' || strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err == nil {
			return fmt.Errorf("%q is an address, not a service name; call it with invoker.Plain", host)
		}
	}
	return partsFault(c.request, c.own.header)
}

// partsFault reports a method or a header that would not arrive as it is written.
func partsFault(r *http.Request, more http.Header) error {
	if r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) { // a token, too
		return fmt.Errorf("%q is no method", r.Method)
	}
	return headersFault(r.Header, more)
}

// without says why a service cannot be called.
func (c *core) without(service string) error {
	return fmt.Errorf("the service %q cannot be called by name: %s", service, c.off)
}

// headersFault reports a header that would not arrive as it is written, such as one with a line break.
func headersFault(headers ...http.Header) error {
	for _, header := range headers {
		for name, values := range header {
			if !httpguts.ValidHeaderFieldName(name) {
				return fmt.Errorf("%q is no name of a header", name)
			}
			for _, value := range values {
				if !httpguts.ValidHeaderFieldValue(value) {
					return fmt.Errorf("the value of the header %s holds a line break or another control character", name)
				}
			}
		}
	}
	return nil
}

// explained adds to an unknown name that looks like a host what its caller probably wants.
func (c *call) explained(err error) error {
	u := c.request.URL
	host := u.Hostname()
	if errors.Is(err, discovery.ErrUnknownService) && (strings.Contains(host, ".") || host == "localhost" || u.Port() != "") {
		return fmt.Errorf("%w; a host outside the registry is called with invoker.Plain", err)
	}
	return err
}

func (c *call) failed(cause error) error {
	return &CallError{Method: methodOf(c.request), URL: shown(c.request.URL), Attempts: c.attempts, Cause: cause}
}

// unsent is a request that cannot be sent as it is written.
func unsent(r *http.Request, err error) error {
	method, at := methodOf(r), shown(r.URL)
	return &CallError{Method: method, URL: at, Cause: &RequestError{Method: method, URL: at, Err: err}}
}

// methodOf returns the method of a request; net/http takes an empty one for GET.
func methodOf(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// shown is a URL without credentials and query, which may hold secrets.
func shown(u *url.URL) string {
	if u == nil {
		return ""
	}
	if u.Scheme == "" && u.Host == "" {
		return u.EscapedPath()
	}
	host := u.Host
	if h, _, err := net.SplitHostPort(host); err == nil && h == "" {
		host = ""
	}
	return u.Scheme + "://" + host + u.EscapedPath()
}
