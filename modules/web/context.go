package web

import (
	"context"
	"sync"
	"sync/atomic"
)

// served is the context of a request. net/http ends it with the request; a stop ends it before that where the answer has no end of
// its own. Most handlers are done before anybody waits for that, so what it takes is made for the first who does.
type served struct {
	context.Context // net/http's, with what we know of the request

	once  sync.Once
	ended atomic.Bool
	ends  atomic.Pointer[ending] // nil until somebody waits
}

type ending struct {
	context.Context

	cancel context.CancelCauseFunc
}

func (s *served) ending() *ending {
	s.once.Do(func() {
		e := &ending{}
		e.Context, e.cancel = context.WithCancelCause(s.Context)
		s.ends.Store(e)
		if s.ended.Load() {
			e.cancel(nil)
		}
	})
	return s.ends.Load()
}

// end ends it with the request.
func (s *served) end() {
	s.ended.Store(true)
	if e := s.ends.Load(); e != nil {
		e.cancel(nil)
	}
}

// cancel ends it before that.
func (s *served) cancel(cause error) { s.ending().cancel(cause) }

// Done implements [context.Context].
func (s *served) Done() <-chan struct{} { return s.ending().Done() }

// Err implements [context.Context].
func (s *served) Err() error {
	if e := s.ends.Load(); e != nil {
		return e.Err()
	}
	if s.ended.Load() {
		return context.Canceled
	}
	return s.Context.Err()
}

// Value implements [context.Context]. It is by this that package context finds what it knows to be derived from it.
func (s *served) Value(key any) any {
	if e := s.ends.Load(); e != nil {
		return e.Value(key)
	}
	return s.Context.Value(key)
}
