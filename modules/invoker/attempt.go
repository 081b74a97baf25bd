package invoker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// attempt calls one instance. failure says that the attempt counts as failed; the response then is a 502, 503 or 504, or nil.
func (c *call) attempt(pick loadbalancer.Pick) (response *http.Response, failure error) {
	instance := pick.Instance()
	request, bound, had := c.prepare(pick)
	about := telemetry.Attempt{Template: c.template, Service: c.request.URL.Hostname(), Instance: instance.ID, Zone: instance.Zone, Resend: c.sent}
	to := c.to
	var span trace.Span
	to.Context, span = c.tracer.Start(to.Context, request, about)
	measured := c.meter.Begin(request, about)
	c.sent++
	began := time.Now()
	if plain(request) {
		to.begin(began)
	}
	response, err := c.transport(c.own.tls).RoundTrip(request)
	cut := to.end()
	if bound != nil && !bound.came() && err == nil {
		cut = errAttempt
	}
	if cut != nil {
		if err == nil {
			_ = response.Body.Close() // the clock was faster: nothing could be read any more
		}
		err = cut
	}
	taken := false
	if err == nil && c.whole {
		// An answer that counts as none is not worth waiting for its end.
		if taken = !c.failure(response.StatusCode, pick.Settings()); taken {
			err = c.take(response, c.watch(response, bound, began))
		}
	}
	c.paid = bound != nil && bound.paid.Load()
	outcome := loadbalancer.Outcome{Took: time.Since(began), Err: err, Call: &to.about}
	switch {
	case err != nil:
		if cause := context.Cause(to.Context); cause != nil {
			err = cause // errAttempt, or the caller's own
		}
		response, failure = nil, err
	default:
		outcome.Status, outcome.Closes, outcome.RetryAfter = response.StatusCode, response.Close, retryAfter(response)
		if c.failure(response.StatusCode, pick.Settings()) {
			failure = &badAnswer{response.StatusCode}
		}
	}
	c.tracer.End(span, response, err)
	measured.End(to, response, err)
	if failure != nil {
		outcome.Failed, outcome.Unsent = true, nothingSent(failure)
		outcome.Unknown = c.givenUp(failure, had) || c.outlived(failure)
		outcome.Slower = errors.Is(failure, errHedged)
	}
	pick.Done(outcome)
	switch {
	case bound == nil || bound.cancel == nil:
	case err != nil, taken:
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
func (c *call) prepare(pick loadbalancer.Pick) (request *http.Request, bound *attemptBound, had time.Duration) {
	instance := pick.Instance()
	to := c.to
	if to.instance != nil {
		to = &target{about: to.about} // it is an earlier attempt's
		c.to = to
	}
	to.Context, to.url, to.instance = c.request.Context(), *c.request.URL, instance
	to.url.Scheme, to.url.Host = c.own.place(instance, c.request.URL.Scheme == "https")
	if c.cuts(c.own.tls) {
		to.clock, to.limit = c.clock, c.readTimeout
	}
	limit, share := c.own.perNode, false
	if deadline, ok := to.Deadline(); ok {
		left := time.Until(deadline)
		had = left
		if pick.Left() > 0 && c.goesOn(pick) {
			to.dial = left / 3
			if half := left / 2; c.repeatable(pick) && (limit == 0 || half < limit) {
				limit, share = half, true
			}
		}
	}
	if limit > 0 {
		if had == 0 || limit < had {
			had = limit
		}
		bound = c.bound(pick, limit, share)
	}
	request = c.request.WithContext(to)
	request.URL, request.Host = &to.url, ""
	if c.tracer != nil || request.Header == nil || len(c.own.header) > 0 || c.own.deadline != "" || pick.Marks() {
		request.Header = merged(c.request.Header, c.own.header)
		inbound.SetDeadline(to, request.Header, c.own.deadline)
		pick.Mark(request.Header, c.request.URL)
	}
	switch {
	case c.body != nil:
		request.Body, request.GetBody = c.body.now, c.body.untouched
	case c.copied != nil:
		request.Body, c.copied = c.copied, nil
	}
	if !plain(request) {
		to.follow()
	}
	return request, bound, had
}

// errAttempt is the cause of an attempt that used up its share of the caller's time.
var errAttempt = &attemptTimeout{}

type attemptTimeout struct{}

func (*attemptTimeout) Error() string   { return "no answer within the time of this attempt" }
func (*attemptTimeout) Timeout() bool   { return true }
func (*attemptTimeout) Temporary() bool { return true }

// attemptBound ends an attempt whose headers are late for the sake of another one.
type attemptBound struct {
	alarm
	io.ReadCloser                         // the body, which the context outlives
	to            *target                 // is cut
	cancel        context.CancelCauseFunc // nil: that is enough
	clock         *clock
	ended         atomic.Bool // the wait for the headers: they came, or were late
	limit         time.Duration
	rest          time.Duration // until the attempt ends although its time may not go to another one; 0: until the caller's
	share         func() bool   // asks whether another attempt may have the rest of the caller's time; nil: no need to ask
	paid          atomic.Bool   // it may
	alone         atomic.Bool   // nobody is to be asked any more
}

// bound bounds the wait for the headers. When the limit is there for the sake of another attempt, share, that attempt is asked for
// when the time comes: without it, this one may as well go on.
func (c *call) bound(pick loadbalancer.Pick, limit time.Duration, share bool) *attemptBound {
	b := &attemptBound{to: c.to, clock: c.clock, limit: limit}
	if share {
		everyNode := c.own.everyNode // c stays where it is cheap: nothing here may hold it
		b.share = func() bool { return pick.MayRetry(everyNode) }
		if c.own.perNode > 0 {
			b.rest = c.own.perNode - limit
		}
	}
	if !c.cuts(c.own.tls) {
		c.to.Context, b.cancel = context.WithCancelCause(c.to.Context)
	}
	b.clock.in(limit, b)
	return b
}

func (b *attemptBound) rings() {
	if b.ended.Load() {
		return
	}
	if !b.gives() {
		if b.rest > 0 && !b.alone.Swap(true) {
			b.clock.in(b.rest, b)
		}
		return
	}
	if b.ended.CompareAndSwap(false, true) {
		b.end()
	}
}

// end ends the attempt.
func (b *attemptBound) end() {
	if b.cancel != nil {
		b.cancel(errAttempt)
	} else {
		b.to.cut(errAttempt)
	}
}

// gives reports whether the rest of the time goes to another attempt.
func (b *attemptBound) gives() bool {
	if b.share == nil || b.alone.Load() {
		return true
	}
	if b.share() {
		b.paid.Store(true)
		return true
	}
	return false
}

// came says that the headers came, and reports whether they came in time.
func (b *attemptBound) came() bool {
	b.clock.stop(b)
	return b.ended.CompareAndSwap(false, true)
}

// hold lets the body live.
func (b *attemptBound) hold(response *http.Response) {
	b.ReadCloser, response.Body = response.Body, b
}

// Close closes the body and with it the context.
func (b *attemptBound) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// stallWatch ends a body that stalls, or is not whole in time, while it is read as part of the attempt.
type stallWatch struct {
	alarm
	io.ReadCloser
	clock *clock
	bound *attemptBound // of the attempt; nil: none
	share bool          // the limit is there for the sake of another attempt
	limit time.Duration // between two bytes
	whole time.Duration // when it must have ended, by the clock; 0: any time
	read  atomic.Int64  // when something was, by the clock
	asked atomic.Bool   // it stalled, but its time may not go to another attempt
	late  atomic.Bool
	ended atomic.Bool // it is closed: nothing is watched any more
}

// watch watches the body of an attempt that began then: between its bytes may pass as much time as until its headers.
func (c *call) watch(response *http.Response, bound *attemptBound, began time.Time) *stallWatch {
	w := &stallWatch{ReadCloser: response.Body, clock: c.clock, bound: bound, limit: c.readTimeout}
	if w.share = bound != nil && bound.share != nil && bound.limit < w.limit; w.share {
		w.limit = bound.limit
	}
	w.read.Store(int64(c.clock.now()))
	first := w.limit
	if c.own.perNode > 0 {
		w.whole = began.Sub(c.clock.epoch) + c.own.perNode
		first = min(first, c.own.perNode-time.Since(began))
	}
	w.clock.in(first, w)
	return w
}

func (w *stallWatch) rings() {
	now := w.clock.now()
	stalls := time.Duration(w.read.Load()) + w.limit
	switch {
	case w.ended.Load():
		return
	case w.whole > 0 && w.whole <= now:
		w.end()
		return
	case stalls > now || w.asked.Load():
	case !w.share || w.bound.gives():
		w.end()
		return
	default:
		w.asked.Store(true)
	}
	next := w.whole
	if !w.asked.Load() && (next == 0 || stalls < next) {
		next = stalls
	}
	if next > 0 {
		w.clock.in(next-now, w)
	}
}

func (w *stallWatch) end() {
	w.late.Store(true)
	if w.bound != nil && w.bound.cancel != nil {
		w.bound.cancel(errAttempt)
	}
	_ = w.ReadCloser.Close()
}

func (w *stallWatch) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && w.late.Load():
		err = errAttempt
	case n > 0:
		w.read.Store(int64(w.clock.now()))
		if w.asked.CompareAndSwap(true, false) {
			w.clock.in(w.limit, w)
		}
	}
	return n, err
}

// Close closes the body.
func (w *stallWatch) Close() error {
	w.ended.Store(true)
	w.clock.stop(w)
	return w.ReadCloser.Close()
}
