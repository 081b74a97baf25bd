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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// call is one call by name: attempts at instances until one answers.
type call struct {
	*core
	own      *settings
	request  *http.Request
	template string

	body     *heldBody
	tried    []string
	attempts []Attempt
	same     int // further attempts at the instance tried last
}

func (c *call) run() (*http.Response, error) {
	if err := c.usable(); err != nil {
		closeBody(c.request)
		return nil, c.failed(err)
	}
	if c.request.Body != nil && c.request.Body != http.NoBody {
		c.body = &heldBody{ReadCloser: c.request.Body}
		defer func() { c.body.release() }()
	}
	want := loadbalancer.Request{Service: c.request.URL.Hostname(), Strategy: c.own.strategy, Secure: c.request.URL.Scheme == "https"}
	pick, err := c.balancer.Pick(c.request.Context(), want)
	for {
		if err != nil {
			return nil, c.failed(c.explained(err))
		}
		response, failure := c.attempt(pick)
		if failure == nil {
			return response, nil
		}
		if c.request.Context().Err() != nil {
			discard(response)
			return nil, c.failed(context.Cause(c.request.Context()))
		}
		again, next := c.another(pick, failure)
		if !again {
			if response != nil {
				return response, nil // the last answer is the caller's
			}
			return nil, c.failed(failure)
		}
		if next {
			c.tried = append(c.tried, pick.Instance().ID)
			want.Tried = c.tried
			var after loadbalancer.Pick
			if after, err = c.balancer.Pick(c.request.Context(), want); err != nil {
				if response != nil {
					return response, nil
				}
				return nil, c.failed(failure)
			}
			pick = after
		}
		discard(response)
		if err := c.rewind(); err != nil {
			return nil, c.failed(failure)
		}
	}
}

// usable reports what no instance could change.
func (c *call) usable() error {
	u := c.request.URL
	host := u.Hostname()
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "lb":
		return &usageError{fmt.Sprintf("%q has no scheme that a service is called by: http, https or lb", shown(u))}
	case host == "":
		return &usageError{fmt.Sprintf("%q names no service", shown(u))}
	case u.User != nil:
		return &usageError{"a URL by service name must not hold credentials; set the Authorization header"}
	case c.balancer == nil:
		return &usageError{fmt.Sprintf("the service %q cannot be called by name: %s", host, c.off)}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return &usageError{fmt.Sprintf("%q is an address, not a service name; call it with invoker.Plain", host)}
	}
	return nil
}

// explained adds to an unknown dotted name what its caller probably wants.
func (c *call) explained(err error) error {
	if host := c.request.URL.Hostname(); errors.Is(err, discovery.ErrUnknownService) && (strings.Contains(host, ".") || c.request.URL.Port() != "") {
		return fmt.Errorf("%w; a host outside the registry is called with invoker.Plain", err)
	}
	return err
}

func (c *call) failed(cause error) error {
	return &CallError{Method: c.request.Method, URL: shown(c.request.URL), Attempts: c.attempts, Cause: cause}
}

// attempt calls one instance. failure says that the attempt counts as failed; the response then is a 502, 503 or 504, or nil.
func (c *call) attempt(pick loadbalancer.Pick) (response *http.Response, failure error) {
	instance := pick.Instance()
	request, cancel := c.prepare(pick)
	ctx, span := c.tracer.Start(request.Context(), request, telemetry.Attempt{
		Template: c.template, Service: c.request.URL.Hostname(), Instance: instance.ID, Zone: instance.Zone, Resend: len(c.attempts),
	})
	if ctx != request.Context() {
		request = request.WithContext(ctx)
	}
	response, err := c.http.RoundTrip(request)
	status := 0
	if err == nil {
		status = response.StatusCode
	} else if cause := context.Cause(ctx); cause != nil {
		err = cause // errAttempt, or the caller's own
	}
	c.tracer.End(span, status, err)
	switch {
	case err != nil:
		failure = err
	case c.failure(status, pick.Settings()):
		failure = &badAnswer{status}
	}
	// What the caller gave up says nothing about the instance, nor does a connection that is closed after an error, as
	// servers do.
	pick.Done(loadbalancer.Outcome{Failed: failure != nil && c.request.Context().Err() == nil, Closes: err == nil && response.Close && status < http.StatusBadRequest})
	switch {
	case cancel == nil:
	case err != nil:
		cancel(nil)
	default:
		cancel(errHeaders) // the context lives as long as the body
		response.Body = &bodyThen{ReadCloser: response.Body, then: func() { cancel(nil) }}
	}
	if failure != nil {
		at := shown(request.URL)
		c.attempts = append(c.attempts, Attempt{Instance: instance.ID, URL: at, Cause: failure})
		c.log.DebugContext(c.request.Context(), "an attempt failed", "service", c.request.URL.Hostname(), "instance", instance.ID, "url", at, "error", failure)
	}
	return response, failure
}

// prepare makes the request of an attempt: the instance's address, headers of its own, and a bound when another instance could
// use the rest of the caller's time; cancel then is not nil.
func (c *call) prepare(pick loadbalancer.Pick) (*http.Request, context.CancelCauseFunc) {
	instance := pick.Instance()
	u := *c.request.URL
	if instance.Secure() {
		u.Scheme, u.Host = "https", instance.SecureAddress
	} else {
		u.Scheme, u.Host = "http", instance.Address
	}
	to := &target{instance: instance}
	ctx := context.WithValue(c.request.Context(), targetKey{}, to)
	limit := c.own.perNode
	if deadline, ok := ctx.Deadline(); ok && pick.Left() > 0 {
		left := time.Until(deadline)
		to.dial = left / 3
		if half := left / 2; c.idempotent() && (limit == 0 || half < limit) {
			limit = half
		}
	}
	var cancel context.CancelCauseFunc
	if limit > 0 {
		ctx, cancel = withHeaderTimeout(ctx, limit)
	}
	request := c.request.WithContext(ctx)
	request.URL, request.Host = &u, ""
	request.Header = merged(c.request.Header, c.own.header)
	if c.body != nil {
		request.Body = c.body
	}
	return request, cancel
}

// errAttempt is the cause of an attempt that used up its share of the caller's time.
var errAttempt = &attemptTimeout{}

type attemptTimeout struct{}

func (*attemptTimeout) Error() string   { return "no answer within the time of this attempt" }
func (*attemptTimeout) Timeout() bool   { return true }
func (*attemptTimeout) Temporary() bool { return true }

// withHeaderTimeout ends the context after d unless it is told before, with a nil cause, that the headers have come.
func withHeaderTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d, func() { cancel(errAttempt) })
	return ctx, func(cause error) {
		timer.Stop()
		if !errors.Is(cause, errHeaders) {
			cancel(cause)
		}
	}
}

// errHeaders tells withHeaderTimeout to stop the clock and let the body live.
var errHeaders = errors.New("headers have come")

// failure reports whether an answer counts as a failed attempt.
func (c *call) failure(status int, s *loadbalancer.Service) bool {
	if c.own.strict {
		return status >= http.StatusBadRequest
	}
	if s.Retry.StatusCodes != nil {
		return slices.Contains(s.Retry.StatusCodes, status)
	}
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// another decides what follows a failed attempt: nothing, the same instance again, or the next one.
func (c *call) another(pick loadbalancer.Pick, failure error) (again, next bool) {
	retry := pick.Settings().Retry
	if retry.Enabled != nil && !*retry.Enabled {
		return false, false
	}
	if !nothingSent(failure) {
		all := retry.AllOperations != nil && *retry.AllOperations
		if !c.idempotent() && !all && !c.own.strict || !c.replayable() {
			return false, false
		}
	}
	if retry.SameInstance != nil && c.same < *retry.SameInstance {
		c.same++
		return true, false
	}
	c.same = 0
	if retry.NextInstance != nil && len(c.tried) >= *retry.NextInstance {
		return false, false
	}
	return pick.Left() > 0, true
}

// idempotent reports whether a call may be carried out twice: by its method (RFC 9110), by declaration, or by a header.
func (c *call) idempotent() bool {
	switch c.request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return c.own.idempotent || c.request.Header.Get("Idempotency-Key") != "" || c.request.Header.Get("X-Idempotency-Key") != ""
}

func (c *call) replayable() bool {
	return c.body == nil || !c.body.touched.Load() || c.request.GetBody != nil
}

// rewind makes a body for the next attempt: the same one when nothing of it was read, else a fresh copy.
func (c *call) rewind() error {
	switch {
	case c.body == nil:
		return nil
	case !c.body.touched.Load():
		c.body = &heldBody{ReadCloser: c.body.ReadCloser}
		return nil
	case c.request.GetBody == nil:
		return errBodySpent
	}
	fresh, err := c.request.GetBody()
	if err != nil {
		return err
	}
	c.body.release()
	c.body = &heldBody{ReadCloser: fresh}
	return nil
}

// heldBody is the body of one attempt. A transport closes it when a dial fails; it stays open then, since the next instance
// must get it whole.
type heldBody struct {
	io.ReadCloser
	touched atomic.Bool
	once    sync.Once
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.touched.Store(true)
	return b.ReadCloser.Read(p)
}

// Close closes a body of which something was read.
func (b *heldBody) Close() error {
	if b.touched.Load() {
		b.release()
	}
	return nil
}

func (b *heldBody) release() { b.once.Do(func() { _ = b.ReadCloser.Close() }) }

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// discard makes the connection of an answer that nobody will read fit for the next call.
func discard(response *http.Response) {
	if response != nil {
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		_ = response.Body.Close()
	}
}

// shown is a URL without credentials and query, which may hold secrets.
func shown(u *url.URL) string {
	host := u.Host
	if h, _, err := net.SplitHostPort(host); err == nil && h == "" {
		host = ""
	}
	return u.Scheme + "://" + host + u.EscapedPath()
}
