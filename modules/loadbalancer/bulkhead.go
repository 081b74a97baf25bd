package loadbalancer

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// BulkheadError is a call that was not made, since as many as allowed were under way (Resilience4j: BulkheadFullException).
type BulkheadError struct {
	Service            string
	MaxConcurrentCalls int
	MaxWait            time.Duration
}

// Error names the limit and the key to change.
func (e *BulkheadError) Error() string {
	waited := ""
	if e.MaxWait > 0 {
		waited = fmt.Sprintf(", also after %v", e.MaxWait)
	}
	return fmt.Sprintf("loadbalancer: %d calls to %s are under way, which is what bulkhead.max-concurrent-calls allows%s", e.MaxConcurrentCalls, e.Service, waited)
}

// bulkhead bounds the calls under way. A nil one does not.
type bulkhead struct {
	places chan struct{}
	wait   time.Duration
}

func newBulkhead(b Bulkhead) *bulkhead {
	if b.MaxConcurrentCalls == nil || *b.MaxConcurrentCalls == 0 {
		return nil
	}
	made := &bulkhead{places: make(chan struct{}, *b.MaxConcurrentCalls)}
	if b.MaxWait != nil {
		made.wait = *b.MaxWait
	}
	return made
}

// bulkheads reports whether any service has a bulkhead, so that nobody looks for one in vain.
func (c Config) bulkheads() bool {
	if newBulkhead(c.Bulkhead) != nil {
		return true
	}
	for _, s := range c.Clients {
		if newBulkhead(s.Bulkhead) != nil {
			return true
		}
	}
	return false
}

// Enter takes a place among the calls to a service that may be under way at once, and waits for one as long as
// bulkhead.max-wait-duration says. Call leave, which may be nil, when the call and its answer's body have ended. Errors: a
// [*BulkheadError], the cause of ctx, [discovery.ErrUnknownService].
func (b *Balancer) Enter(ctx context.Context, service string) (leave func(), err error) {
	if !b.bulkheads.Load() {
		return nil, nil
	}
	if _, known := b.services.get(strings.ToLower(service)); !known {
		if _, err := b.resolver.Instances(ctx, service); err != nil {
			return nil, err // nothing is kept for names that nobody has
		}
	}
	s := b.service(service)
	h := s.bulkhead.Load()
	if h == nil {
		return nil, nil
	}
	leave = func() { <-h.places }
	select {
	case h.places <- struct{}{}:
		return leave, nil
	default:
	}
	if h.wait > 0 && ctx != nil {
		late := time.NewTimer(h.wait)
		defer late.Stop()
		select {
		case h.places <- struct{}{}:
			return leave, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late.C:
		}
	}
	s.counts.rejected(s)
	return nil, &BulkheadError{Service: s.name, MaxConcurrentCalls: cap(h.places), MaxWait: h.wait}
}
