package lifecycle

import (
	"context"
	"sync"
)

// Haste says how much of a graceful stop is left out. The context of a stop carries it, so that a hook can ask while it
// waits; see [WithHaste], [Hurried] and [Aborted].
type Haste struct {
	hurry, abort         chan struct{}
	hurryOnce, abortOnce sync.Once
}

// WithHaste returns a context for stopping and the means to speed that stop up while it runs.
func WithHaste(ctx context.Context) (context.Context, *Haste) {
	h := &Haste{hurry: make(chan struct{}), abort: make(chan struct{})}
	return context.WithValue(ctx, hasteKey{}, h), h
}

// Hurry leaves out waiting for callers that have not yet noticed (the drain). Requests in flight still finish.
func (h *Haste) Hurry() { h.hurryOnce.Do(func() { close(h.hurry) }) }

// Abort leaves out all waiting: requests in flight are cut off. What must be written, such as a cancel, still is.
func (h *Haste) Abort() {
	h.Hurry()
	h.abortOnce.Do(func() { close(h.abort) })
}

type hasteKey struct{}

// Hurried returns a channel that is closed when there is no time to drain; nil, which never is, when ctx has no haste.
func Hurried(ctx context.Context) <-chan struct{} {
	if h, ok := ctx.Value(hasteKey{}).(*Haste); ok {
		return h.hurry
	}
	return nil
}

// Aborted returns a channel that is closed when there is no time to wait for anything.
func Aborted(ctx context.Context) <-chan struct{} {
	if h, ok := ctx.Value(hasteKey{}).(*Haste); ok {
		return h.abort
	}
	return nil
}
