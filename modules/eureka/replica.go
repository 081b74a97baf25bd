package eureka

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Replica is this program's copy of the registry: fetched whole once, then kept by deltas whose hash is checked. Readers
// never wait for the network, but for the first snapshot, and for one shared early look when a service is unknown. It is safe
// for concurrent use.
type Replica struct {
	client *Client
	cfg    ClientConfig
	to     translation
	log    *slog.Logger
	now    atomic.Pointer[snapshot]
	wanted chan struct{} // asks Run for a look

	mu      sync.Mutex
	looking bool          // a look is under way
	looked  chan struct{} // closed and renewed after each look
	after   chan struct{} // closed after the look that follows
	failed  error         // of the last look
	early   time.Time     // of the last early look
	full    fullLimit
}

// ReplicaOption adjusts a [Replica].
type ReplicaOption func(*Replica)

// PreferIP calls instances by address instead of host name (eureka.instance.prefer-ip-address).
func PreferIP() ReplicaOption { return func(r *Replica) { r.to.preferIP = true } }

// WithReplicaLogger logs changes of state. Default: nothing is said.
func WithReplicaLogger(log *slog.Logger) ReplicaOption {
	return func(r *Replica) { r.log = log.With("logger", "eureka.replica") }
}

// NewReplica returns a replica that knows nothing until [Replica.Run] runs.
func NewReplica(client *Client, cfg ClientConfig, opts ...ReplicaOption) *Replica {
	r := &Replica{to: translation{onlyUp: cfg.OnlyUp, names: &spellings{}}, client: client, cfg: cfg, log: slog.New(slog.DiscardHandler), wanted: make(chan struct{}, 1), looked: make(chan struct{}), after: make(chan struct{})}
	for _, opt := range opts {
		opt(r)
	}
	return r
}

var _ discovery.Resolver = (*Replica)(nil)

// earlyPause is the least time between two early looks, and how long a call may wait for one.
const earlyPause = 2 * time.Second

// Instances implements [discovery.Resolver]. A name is a VIP, as in Spring, else an application. Instances of every status
// are in the set.
func (r *Replica) Instances(ctx context.Context, service string) (*discovery.Set, error) {
	s := r.now.Load()
	if s == nil {
		if ctx == nil {
			return nil, errNoContext
		}
		if s = r.first(ctx); s == nil {
			return nil, r.unavailable(ctx, service)
		}
	}
	if set := s.find(service); set != nil {
		return set, nil
	}
	if ctx == nil {
		return nil, errNoContext
	}
	if s = r.lookEarly(ctx); s != nil {
		if set := s.find(service); set != nil {
			return set, nil
		}
	}
	return nil, &discovery.UnknownServiceError{Service: service, Known: r.Services()}
}

// Peek returns what the last snapshot says of a service, or nil, without waiting.
func (r *Replica) Peek(service string) *discovery.Set {
	if s := r.now.Load(); s != nil {
		return s.find(service)
	}
	return nil
}

// Await returns when the registry was fetched for the first time, or with ctx.
func (r *Replica) Await(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	for {
		looked := r.nextLook()
		if r.now.Load() != nil {
			return nil
		}
		select {
		case <-looked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// first waits for the first snapshot, within ctx and eureka.client.initial-fetch-wait.
func (r *Replica) first(ctx context.Context) *snapshot {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.InitialFetchWait)
	defer cancel()
	_ = r.Await(ctx) // what counts is whether there is one now
	return r.now.Load()
}

func (r *Replica) unavailable(ctx context.Context, service string) error {
	err := &discovery.UnknownServiceError{Service: service}
	if ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return errors.Join(err, errors.New("eureka: no server has been reached yet"))
}

// lookEarly waits for one look that all callers share; nil when there was one just now.
func (r *Replica) lookEarly(ctx context.Context) *snapshot {
	r.mu.Lock()
	looked := r.fresh()
	if wait := time.Since(r.early); wait < earlyPause && !r.early.IsZero() {
		r.mu.Unlock()
		return nil
	}
	r.early = time.Now()
	r.mu.Unlock()
	return r.await(ctx, looked)
}

func (r *Replica) await(ctx context.Context, looked <-chan struct{}) *snapshot {
	select {
	case r.wanted <- struct{}{}:
	default:
	}
	limit := time.NewTimer(earlyPause)
	defer limit.Stop()
	select {
	case <-looked:
	case <-ctx.Done():
	case <-limit.C:
	}
	return r.now.Load()
}

// Services implements [discovery.Resolver].
func (r *Replica) Services() []string {
	if s := r.now.Load(); s != nil {
		return s.services
	}
	return nil
}

// Order implements the placing of the resolvers (eureka.client.order).
func (r *Replica) Order() int { return r.cfg.Order }

// Age returns how long ago the registry was last heard of, and whether it ever was.
func (r *Replica) Age() (time.Duration, bool) {
	s := r.now.Load()
	if s == nil {
		return 0, false
	}
	return time.Since(s.taken), true
}

// nextLook returns a channel that is closed after the next look.
func (r *Replica) nextLook() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looked
}

// Refresh looks at the registry now, waits for the answer, and returns the error of the look. What a look that is already under way
// finds does not count: the registry may have changed since it was asked.
func (r *Replica) Refresh(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	r.mu.Lock()
	looked := r.fresh()
	r.mu.Unlock()
	select {
	case r.wanted <- struct{}{}:
	default:
	}
	select {
	case <-looked:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.failed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fresh returns a channel that is closed after the next look that begins. The caller holds the lock.
func (r *Replica) fresh() <-chan struct{} {
	if r.looking {
		return r.after
	}
	return r.looked
}

// Run keeps the replica fresh until ctx ends. The last snapshot stays readable.
func (r *Replica) Run(ctx context.Context) error {
	timer := time.NewTimer(0) // the first fetch is due at once
	defer timer.Stop()
	clock := time.NewTicker(clockCheck)
	defer clock.Stop()
	wall := newSteps(r.client.clock, slog.New(slog.DiscardHandler)) // the registrar says it
	pause := time.Duration(0)
	started := false // what begins together does not go on together
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.wanted:
		case <-clock.C:
			if !wall.forward() {
				continue
			}
		}
		r.mu.Lock()
		r.looking = true
		r.mu.Unlock()
		err := r.look(ctx)
		r.mu.Lock()
		r.looking, r.failed = false, err
		close(r.looked)
		r.looked, r.after = r.after, make(chan struct{})
		r.mu.Unlock()
		interval := r.cfg.FetchInterval
		var busy *StatusError
		switch {
		case errors.As(err, &busy) && busy.RetryAfter > 0:
			least := max(busy.RetryAfter, min(pause, interval)) // not max(…, pause), which would grow without end
			pause = between(least, least*11/10)
		case err != nil && r.now.Load() == nil: // nothing is known yet: be quick
			pause = min(max(2*pause, 500*time.Millisecond), interval)
		case !started:
			started, pause = true, between(interval/6, interval)
		default:
			pause = between(interval*9/10, interval)
		}
		timer.Reset(pause)
	}
}

// look fetches once: a delta when there is something to apply it to and its hash then fits, else everything.
func (r *Replica) look(ctx context.Context) error {
	before := r.now.Load()
	next, err := r.fetch(ctx, before)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.client.outage.met(ctx, "registry", err)
		r.client.events.failed(Fetch, err)
		return err
	}
	r.now.Store(next)
	r.client.outage.over(ctx, "registry")
	if before == nil {
		r.log.InfoContext(ctx, "the registry was fetched", "services", len(next.services))
	}
	return nil
}

func (r *Replica) fetch(ctx context.Context, before *snapshot) (*snapshot, error) {
	if before == nil || before.apps.len() == 0 || r.cfg.DisableDelta || r.cfg.SingleVIP != "" {
		return r.fetchAll(ctx, before)
	}
	if len(before.doubts) > 0 && r.full.allowed(time.Now()) {
		return r.fetchAll(ctx, before) // to hear it repeated; a hash cannot tell one instance from another
	}
	changes, err := r.client.Delta(ctx)
	if err != nil {
		var status *StatusError
		if !errors.As(err, &status) || !slices.Contains(noDelta, status.Code) {
			return nil, err // a server that is busy or ill is not asked for more
		}
		return r.fetchAll(ctx, before) // deltas are off, or the server has just started
	}
	next := r.to.delta(changes, before, time.Now())
	if next.hash() == changes.Hash {
		return next, nil
	}
	// The delta did not reach back far enough, or was made while the registry changed. Deltas that never fit, as of servers
	// that do not agree, must not become a full fetch each time.
	if !r.full.allowed(time.Now()) {
		return next, nil
	}
	r.log.DebugContext(ctx, "the delta does not fit; fetching the whole registry", "hash", next.hash(), "expected", changes.Hash)
	return r.fetchAll(ctx, before)
}

func (r *Replica) fetchAll(ctx context.Context, before *snapshot) (*snapshot, error) {
	fetch := r.client.Applications
	if vip := r.cfg.SingleVIP; vip != "" {
		fetch = func(ctx context.Context) (*Applications, error) { return r.client.VIP(ctx, vip) }
	}
	all, err := fetch(ctx)
	if err != nil {
		return nil, err
	}
	return r.to.full(all, before, time.Now()), nil
}

// hash is that of what the server lists.
func (s *snapshot) hash() string { return wire.Hash(s.counts) }

// fullLimit bounds full fetches after deltas that do not fit: two at once, then one a minute, after ten minutes of that six
// an hour.
type fullLimit struct {
	count       int
	first, last time.Time
}

func (f *fullLimit) allowed(now time.Time) bool {
	pause := time.Minute
	if now.Sub(f.first) > 10*time.Minute {
		pause = 10 * time.Minute
	}
	if f.count > 0 && now.Sub(f.last) > 15*time.Minute {
		*f = fullLimit{} // deltas have fitted for a while
	}
	if f.count >= 2 && now.Sub(f.last) < pause {
		return false
	}
	if f.count == 0 {
		f.first = now
	}
	f.count, f.last = f.count+1, now
	return true
}
