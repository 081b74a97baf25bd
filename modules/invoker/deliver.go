package invoker

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// manner is how a request is delivered.
type manner struct {
	whole     bool // the body is read as part of an attempt
	converts  bool // the body is read before the call returns to its caller
	redirects bool // redirects are followed, unless the settings say otherwise
}

// deliver sends a request and measures the whole of it.
func deliver(c Caller, request *http.Request, route string, m manner) (*http.Response, error) {
	if request == nil {
		return nil, &RequestError{Err: errors.New("there is no request")}
	}
	meter := c.measures()
	if !meter.Timed() || request.URL == nil {
		return timed(c, request, route, m)
	}
	began, status := time.Now(), 0
	response, err := timed(c, request, route, m)
	if response != nil {
		status = response.StatusCode
	}
	meter.Call(request.Context(), request.URL.Hostname(), request.Method, route, status, cause(err), time.Since(began))
	return response, err
}

// cause returns what a call failed of.
func cause(err error) error {
	var failed *CallError
	if errors.As(err, &failed) {
		return failed.Cause
	}
	return err
}

// timed sends a request within its time, through its interceptors and along its redirects.
func timed(c Caller, request *http.Request, route string, m manner) (*http.Response, error) {
	own := c.settings()
	if len(own.interceptors) == 0 && own.timeout <= 0 && own.total <= 0 {
		return sendOn(c, request, route, m)
	}
	switch {
	case own.timeout > 0:
		ctx, cancel := context.WithTimeout(request.Context(), own.timeout)
		return intercepted(c, request.WithContext(ctx), route, m, cancel)
	case own.total > 0 && m.converts:
		ctx, cancel := context.WithTimeoutCause(request.Context(), own.total, errTotal)
		return intercepted(c, request.WithContext(ctx), route, m, cancel)
	case own.total > 0:
		ctx := withLiftable(request.Context(), own.total)
		response, err := intercepted(c, request.WithContext(ctx), route, m, ctx.end)
		if err == nil && !ctx.timer.Stop() {
			_ = response.Body.Close()
			return nil, &CallError{Method: methodOf(request), URL: shown(request.URL), Cause: errTotal}
		}
		return response, err
	}
	return intercepted(c, request, route, m, nil)
}

func sendOn(c Caller, request *http.Request, route string, m manner) (*http.Response, error) {
	if m.redirects && !c.settings().stay {
		return follow(c, request, route, m.whole)
	}
	return c.send(request, route, m.whole)
}

// intercepted sends a request through the interceptors; end, unless nil, is called once the body of the answer is closed, or
// when there is none.
func intercepted(c Caller, request *http.Request, route string, m manner, end func()) (*http.Response, error) {
	reached := false
	next := func(r *http.Request) (*http.Response, error) {
		reached = true
		return sendOn(c, r, route, m)
	}
	interceptors := c.settings().interceptors
	if len(interceptors) > 0 {
		request = request.WithContext(request.Context())
		request.Header = merged(request.Header, c.settings().header)
	}
	for i := len(interceptors) - 1; i >= 0; i-- {
		one, inner := interceptors[i], next
		next = func(r *http.Request) (*http.Response, error) { return one(r, inner) }
	}
	response, err := next(request)
	if !reached {
		closeBody(request)
	}
	switch {
	case err != nil:
		if end != nil {
			end()
		}
		return nil, err
	case response == nil:
		return nil, unsent(request, errors.New("an interceptor returned neither an answer nor an error"))
	case response.Body == nil:
		response.Body = http.NoBody
	}
	if end == nil {
		return response, nil
	}
	if _, taken := response.Body.(*wholeBody); taken {
		end()
		return response, nil
	}
	response.Body = &bodyThen{ReadCloser: response.Body, then: end}
	return response, nil
}

// errTotal is the cause of a call that used up spring.http.clients.total-timeout.
var errTotal = &totalTimeout{}

type totalTimeout struct{}

func (*totalTimeout) Error() string        { return "no answer within spring.http.clients.total-timeout" }
func (*totalTimeout) Timeout() bool        { return true }
func (*totalTimeout) Temporary() bool      { return true }
func (*totalTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

// liftable is a context whose deadline is lifted once headers have come: reading a stream takes the time that it takes.
type liftable struct {
	context.Context
	deadline time.Time
	timer    *time.Timer
	cancel   context.CancelCauseFunc
}

func withLiftable(parent context.Context, d time.Duration) *liftable {
	c := &liftable{deadline: time.Now().Add(d)}
	if earlier, ok := parent.Deadline(); ok && earlier.Before(c.deadline) {
		c.deadline = earlier
	}
	c.Context, c.cancel = context.WithCancelCause(parent)
	c.timer = time.AfterFunc(d, func() { c.cancel(errTotal) })
	return c
}

// Deadline lets an attempt leave time for the next one.
func (c *liftable) Deadline() (time.Time, bool) { return c.deadline, true }

// Err says that it was the time that ended it.
func (c *liftable) Err() error {
	if err := c.Context.Err(); err == nil || !errors.Is(context.Cause(c.Context), errTotal) {
		return err
	}
	return context.DeadlineExceeded
}

func (c *liftable) end() {
	c.timer.Stop()
	c.cancel(nil)
}
