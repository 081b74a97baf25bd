package loadbalancer

import (
	"sync"
	"sync/atomic"
	"time"
)

// The budget of retries that counts when nothing else is set.
const (
	defaultRatio     = 0.2
	defaultPerSecond = 10
)

// budgetWindow is for how many seconds what was not spent is kept: an instance that dies makes many calls go elsewhere at once.
const budgetWindow = 10

// budget bounds the retries of a service to a share of its calls and a few a second: when most of a service fails, retries would
// only multiply the load that it fails under. Both count for ten seconds.
type budget struct {
	ratio     float64
	perSecond int
	began     time.Time
	slots     [budgetWindow]budgetSlot // by second

	mu sync.Mutex
}

type budgetSlot struct {
	second  atomic.Int64 // since began
	calls   atomic.Int64
	retries int64 // under the budget's lock
}

func newBudget(r RetryBudget) *budget {
	b := &budget{began: time.Now()}
	b.configure(r)
	return b
}

// configure takes in settings. What was called and spent stays.
func (b *budget) configure(r RetryBudget) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ratio, b.perSecond = defaultRatio, defaultPerSecond
	if r.Ratio != nil {
		b.ratio = *r.Ratio
	}
	if r.PerSecond != nil {
		b.perSecond = *r.PerSecond
	}
}

// called takes in a call.
func (b *budget) called() {
	second := b.second()
	slot := &b.slots[second%budgetWindow]
	if slot.second.Load() != second {
		b.mu.Lock()
		b.turn(slot, second)
		b.mu.Unlock()
	}
	slot.calls.Add(1)
}

// spend asks for one retry.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.second()
	var calls, retries int64
	for i := range b.slots {
		if slot := &b.slots[i]; slot.second.Load() > now-budgetWindow {
			calls, retries = calls+slot.calls.Load(), retries+slot.retries
		}
	}
	seconds := min(now+1, budgetWindow)
	if float64(retries+1) > b.ratio*float64(calls)+float64(int64(b.perSecond)*seconds) {
		return false
	}
	slot := &b.slots[now%budgetWindow]
	b.turn(slot, now)
	slot.retries++
	return true
}

func (b *budget) second() int64 { return int64(time.Since(b.began) / time.Second) }

// turn empties a slot for a new second. The caller holds the lock.
func (b *budget) turn(slot *budgetSlot, second int64) {
	if slot.second.Load() < second {
		slot.calls.Store(0)
		slot.retries = 0
		slot.second.Store(second)
	}
}

// Begins says that a call begins with this pick, for the budget of retries.
func (p Pick) Begins() { p.stats.service.budget.called() }

// MayRetry asks whether the call may be sent once more after this pick has failed, and counts what comes of it. What is free draws
// on no budget: nothing was sent to the instance, or the call promises to try all.
func (p Pick) MayRetry(free bool) bool {
	s := p.stats.service
	if !free && !s.budget.spend() {
		s.counts.refused(s)
		return false
	}
	s.counts.retried(s)
	return true
}

// Hedged counts an attempt at a second instance, and whether that one's answer came first.
func (p Pick) Hedged(won bool) { p.stats.service.counts.hedged(p.stats.service, won) }
