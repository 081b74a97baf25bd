package invoker

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// errHedged is the cause of an attempt whose call another instance has answered.
var errHedged = errors.New("another instance answered first")

// try calls an instance, and after hedge.delay a second one as well. It returns whose attempt that is.
func (c *call) try(pick loadbalancer.Pick, want *loadbalancer.Request) (loadbalancer.Pick, *http.Response, error) {
	delay := pick.Settings().Hedge.Delay
	if delay == nil || *delay == 0 || c.sent > 0 || c.body != nil || c.own.everyNode || pick.Left() == 0 || !c.repeatable(pick) || !c.goesOn(pick) {
		response, failure := c.attempt(pick)
		return pick, response, failure
	}
	return c.hedge(pick, *delay, want)
}

// branch is one of two attempts that are under way at once: a call of its own as far as the attempt can tell.
type branch struct {
	call
	pick     loadbalancer.Pick
	cancel   context.CancelCauseFunc
	response *http.Response
	failure  error
}

// hedge calls an instance, and a second one when no answer has come after a delay. The first answer counts; the other attempt is
// cancelled. When both fail the call goes on as after any failure, with both tried.
func (c *call) hedge(pick loadbalancer.Pick, delay time.Duration, want *loadbalancer.Request) (loadbalancer.Pick, *http.Response, error) {
	ended := make(chan *branch, 2)
	first := c.branch(pick, ended)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case only := <-ended:
		return c.join(only)
	case <-timer.C:
	}
	second := c.second(first, want, ended)
	won := <-ended
	if second == nil {
		return c.join(won)
	}
	if won.failure != nil {
		lost := won
		won = <-ended
		second.pick.Hedged(won == second && won.failure == nil)
		c.attempts = append(c.attempts, lost.attempts...)
		discard(lost.response)
		lost.cancel(nil)
		c.tried, c.hops = append(c.tried, lost.pick.Instance().ID), c.hops+1
		return c.join(won)
	}
	second.pick.Hedged(won == second)
	for _, lost := range []*branch{first, second} {
		if lost != won {
			lost.cancel(errHedged)
		}
	}
	go func() {
		lost := <-ended // soon: it was cancelled
		discard(lost.response)
	}()
	return c.join(won)
}

// second begins an attempt at another instance, when the budget and the instances allow it.
func (c *call) second(first *branch, want *loadbalancer.Request, ended chan<- *branch) *branch {
	if !c.rewind() {
		return nil
	}
	also := *want
	also.Tried = append(append([]string{}, c.tried...), first.pick.Instance().ID)
	pick, err := c.balancer.Pick(c.request.Context(), also)
	switch {
	case err != nil:
	case !pick.MayRetry(false):
		pick.Done(loadbalancer.Outcome{Unknown: true})
	default:
		return c.branch(pick, ended)
	}
	c.unwind()
	return nil
}

// branch begins an attempt that can be cancelled by itself.
func (c *call) branch(pick loadbalancer.Pick, ended chan<- *branch) *branch {
	b := &branch{call: *c, pick: pick}
	b.to = &target{about: c.to.about}
	c.copied, b.attempts = nil, nil
	c.sent++
	ctx, cancel := context.WithCancelCause(c.request.Context())
	b.request, b.cancel = c.request.WithContext(ctx), cancel
	go func() {
		b.response, b.failure = b.attempt(pick) //nolint:bodyclose // whoever wins hands it to the caller; the loser is discarded
		ended <- b
	}()
	return b
}

// join makes an attempt the call's own.
func (c *call) join(b *branch) (loadbalancer.Pick, *http.Response, error) {
	c.to, c.paid, c.attempts = b.to, b.paid, append(c.attempts, b.attempts...)
	if b.response == nil {
		b.cancel(nil)
		return b.pick, nil, b.failure
	}
	if _, taken := b.response.Body.(*wholeBody); taken {
		b.cancel(nil)
	} else {
		b.response.Body = &bodyThen{ReadCloser: b.response.Body, then: func() { b.cancel(nil) }}
	}
	return b.pick, b.response, b.failure
}
