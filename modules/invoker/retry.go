package invoker

import (
	"errors"
	"net/http"
	"slices"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

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

// mostStale bounds how many connections that an instance has closed one attempt may meet before the instance counts as failed:
// a pool may hold many.
const mostStale = 8

// step is what follows a failed attempt.
type step int

const (
	stop  step = iota
	again      // the same instance, within the budget
	anew       // the same instance, over a new connection
	next       // another instance
	over       // all instances, from the beginning
)

// another decides what follows a failed attempt.
func (c *call) another(pick loadbalancer.Pick, failure error) step {
	retry := &pick.Settings().Retry
	switch {
	case c.stale < mostStale && c.outlived(failure) && c.repeatable(pick):
		return anew
	case !c.own.everyNode && retry.Enabled != nil && !*retry.Enabled:
		return stop
	case !nothingSent(failure) && !c.repeatable(pick):
		// A refused connection reached nobody, so any method may go on. After that only what may be done twice: the first
		// instance may have acted.
		return stop
	case !c.own.everyNode && retry.SameInstance != nil && c.same < *retry.SameInstance:
		return again
	case !c.goesOn(pick):
		return stop
	case !pick.Last() || !c.avoids(pick):
		return next
	case c.startsOver(pick):
		return over
	}
	return stop
}

// outlived reports whether an attempt broke on a connection that was kept from an earlier call. The instance may have closed it
// in the same moment, as it may, which says nothing about it: a new connection shall tell. (net/http does this by itself for
// GET, and for any method when nothing was written.)
func (c *call) outlived(failure error) bool {
	return c.to.reused.Load() && !isTimeout(failure) && !errors.As(failure, new(*badAnswer)) && !nothingSent(failure) && c.request.Context().Err() == nil
}

// goesOn reports whether the settings allow another instance after this one.
func (c *call) goesOn(pick loadbalancer.Pick) bool {
	retry := &pick.Settings().Retry
	switch {
	case c.own.everyNode:
		return true
	case retry.Enabled != nil && !*retry.Enabled:
		return false
	case retry.NextInstance != nil:
		return c.hops < *retry.NextInstance
	}
	return c.avoids(pick) || c.hops == 0
}

// avoids reports whether an instance that was tried is not tried again, as long as there is another.
func (c *call) avoids(pick loadbalancer.Pick) bool {
	avoid := pick.Settings().Retry.AvoidPrevious
	return c.own.everyNode || avoid == nil || *avoid
}

// repeatable reports whether a call may be carried out twice: by its method (RFC 9110), by a header, by declaration or by
// setting.
func (c *call) repeatable(pick loadbalancer.Pick) bool {
	switch c.request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	all := pick.Settings().Retry.AllOperations
	return all != nil && *all || c.own.idempotent || c.own.strict ||
		c.request.Header.Get("Idempotency-Key") != "" || c.request.Header.Get("X-Idempotency-Key") != ""
}
