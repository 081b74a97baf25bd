package invoker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// attempt calls one instance. failure says that the attempt counts as failed; the response then is a 502, 503 or 504, or nil.
func (c *call) attempt(pick loadbalancer.Pick) (response *http.Response, failure error) {
	instance := pick.Instance()
	request, bound, had := c.prepare(pick)
	ctx, span := c.tracer.Start(request.Context(), request, telemetry.Attempt{
		Template: c.template, Service: c.request.URL.Hostname(), Instance: instance.ID, Zone: instance.Zone, Resend: len(c.attempts),
	})
	if ctx != request.Context() {
		request = request.WithContext(ctx)
	}
	began := time.Now()
	response, err := c.transport(c.own.tls).RoundTrip(request)
	if bound != nil && !bound.timer.Stop() && err == nil {
		_ = response.Body.Close() // the clock was faster: nothing could be read any more
		err = errAttempt
	}
	taken := false
	if err == nil && c.whole {
		if bound != nil && c.own.perNode > 0 {
			bound.timer.Reset(c.own.perNode - time.Since(began))
		}
		// An answer that counts as none is not worth waiting for its end.
		if taken = !c.failure(response.StatusCode, pick.Settings()); taken {
			err = c.take(response)
		}
	}
	outcome := loadbalancer.Outcome{Took: time.Since(began)}
	switch {
	case err != nil:
		if cause := context.Cause(ctx); cause != nil {
			err = cause // errAttempt, or the caller's own
		}
		response, failure = nil, err
	default:
		outcome.Status, outcome.Closes = response.StatusCode, response.Close
		if c.failure(response.StatusCode, pick.Settings()) {
			failure = &badAnswer{response.StatusCode}
		}
	}
	c.tracer.End(span, outcome.Status, err)
	if failure != nil {
		outcome.Failed, outcome.Unsent = true, nothingSent(failure)
		outcome.Unknown = c.givenUp(failure, had) || c.outlived(failure)
	}
	pick.Done(outcome)
	switch {
	case bound == nil:
	case err != nil, taken:
		bound.timer.Stop()
		bound.cancel(nil)
	default:
		bound.hold(response)
	}
	if failure != nil {
		at := shown(request.URL)
		c.attempts = append(c.attempts, Attempt{Instance: instance.ID, URL: at, Cause: failure})
		c.log.DebugContext(c.request.Context(), "an attempt failed", "service", c.request.URL.Hostname(), "instance", instance.ID, "url", at, "error", failure)
	} else if response.Request == nil {
		response.Request = request // a transport of the user's own may have forgotten it
	}
	return response, failure
}

// fairTime is how long an instance must have had for its silence to say something about it.
const fairTime = 100 * time.Millisecond

// givenUp reports whether an attempt failed because its caller gave up, which says nothing about the instance. Time that runs
// out does say something, unless there was next to none.
func (c *call) givenUp(failure error, had time.Duration) bool {
	switch err := c.request.Context().Err(); {
	case errors.Is(err, context.DeadlineExceeded), err == nil && errors.Is(failure, errAttempt):
		return had < fairTime
	default:
		return err != nil
	}
}

// prepare makes the request of an attempt: the instance's address, headers of its own, and a bound when another instance could
// use the rest of the caller's time; bound then is not nil. had is how long it may take at the most, 0 for any time.
func (c *call) prepare(pick loadbalancer.Pick) (request *http.Request, bound *headerBound, had time.Duration) {
	instance := pick.Instance()
	u := *c.request.URL
	u.Scheme, u.Host = c.own.place(instance, c.request.URL.Scheme == "https")
	to := newTarget(instance)
	c.to = to
	ctx := to.in(c.request.Context())
	limit := c.own.perNode
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		had = left
		if pick.Left() > 0 && c.goesOn(pick) {
			to.dial = left / 3
			if half := left / 2; c.repeatable(pick) && (limit == 0 || half < limit) {
				limit = half
			}
		}
	}
	if limit > 0 {
		if had == 0 || limit < had {
			had = limit
		}
		ctx, bound = withHeaderTimeout(ctx, limit)
	}
	request = c.request.WithContext(ctx)
	request.URL, request.Host = &u, ""
	request.Header = merged(c.request.Header, c.own.header)
	switch {
	case c.body != nil:
		request.Body, request.GetBody = c.body, c.untouched
	case c.copied != nil:
		request.Body, c.copied = c.copied, nil
	}
	return request, bound, had
}

// errAttempt is the cause of an attempt that used up its share of the caller's time.
var errAttempt = &attemptTimeout{}

type attemptTimeout struct{}

func (*attemptTimeout) Error() string   { return "no answer within the time of this attempt" }
func (*attemptTimeout) Timeout() bool   { return true }
func (*attemptTimeout) Temporary() bool { return true }

// headerBound ends an attempt whose headers are late. When they have come it is the body: the context lives as long as that.
type headerBound struct {
	io.ReadCloser
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func withHeaderTimeout(ctx context.Context, d time.Duration) (context.Context, *headerBound) {
	b := &headerBound{}
	ctx, b.cancel = context.WithCancelCause(ctx)
	b.timer = time.AfterFunc(d, b.late)
	return ctx, b
}

func (b *headerBound) late() { b.cancel(errAttempt) }

// hold lets the body live.
func (b *headerBound) hold(response *http.Response) {
	b.ReadCloser, response.Body = response.Body, b
}

// Close closes the body and with it the context.
func (b *headerBound) Close() error {
	err := b.ReadCloser.Close()
	b.timer.Stop()
	b.cancel(nil)
	return err
}
