package eureka

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Readiness says whether callers should come; health.Availability does.
type Readiness interface {
	Accepting() bool
	Changed() <-chan struct{}
}

// Registrar keeps one instance listed. One goroutine, [Registrar.Run], owns every write, so that writes are strictly serial
// and nothing comes back after [Registrar.Remove]. Its other methods may be called from many goroutines.
type Registrar struct {
	client    *Client
	cfg       InstanceConfig
	remove    bool // send DELETE at the end
	build     func(discovery.Address) *Instance
	readiness Readiness // may be nil: always ready
	log       *slog.Logger

	mu       sync.Mutex
	queue    []command
	wake     chan struct{}
	cancel   context.CancelFunc // of the write in flight
	instance *Instance          // as last written or about to be; replaced, never changed
	own      *discovery.Status  // chosen by the program; nil follows readiness
	health   discovery.Status   // of the program, when its status follows it; else Up
	metadata map[string]string  // changes that are not in instance yet
	listed   bool               // the registry has said so
	ever     bool               // it ever has
	known    chan struct{}      // closed when instance is there
	upAsked  bool
	over     chan struct{} // closed when Run has returned for good
	first    chan struct{} // closed when the registry has listed the instance for the first time
	once     struct{ known, over, first sync.Once }

	work work // Run's own
}

// command is a step asked for by another goroutine.
type command struct {
	do   func(context.Context) error
	ctx  context.Context
	done chan error // nil: nobody waits
	stop bool       // interrupts the write in flight
}

// RegistrarOption adjusts a [Registrar].
type RegistrarOption func(*Registrar)

// WithReadiness registers as STARTING while r does not accept. Default: ready at once.
func WithReadiness(r Readiness) RegistrarOption { return func(g *Registrar) { g.readiness = r } }

// WithRegistrarLogger logs changes of state. Default: nothing is said.
func WithRegistrarLogger(log *slog.Logger) RegistrarOption {
	return func(g *Registrar) { g.log = log.With("logger", "eureka.registrar") }
}

// KeepListed leaves the instance to its lease at the end instead of cancelling it
// (eureka.client.should-unregister-on-shutdown: false).
func KeepListed() RegistrarOption { return func(g *Registrar) { g.remove = false } }

// NewRegistrar returns a registrar that registers what build makes of the address given to Up. build is called by Run, may
// take its time, and may return nil for "not to be registered".
func NewRegistrar(client *Client, cfg InstanceConfig, build func(discovery.Address) *Instance, opts ...RegistrarOption) *Registrar {
	r := &Registrar{
		client: client, cfg: cfg, remove: true, build: build, log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), known: make(chan struct{}), over: make(chan struct{}), first: make(chan struct{}),
	}
	r.work.shown, r.work.overridden, r.health = discovery.Unknown, discovery.Unknown, discovery.Up
	for _, opt := range opts {
		opt(r)
	}
	return r
}

var _ discovery.Registration = (*Registrar)(nil)

// Up registers the program at an address and keeps it registered.
func (r *Registrar) Up(address discovery.Address) {
	r.mu.Lock()
	r.upAsked = true
	r.mu.Unlock()
	r.enqueue(command{do: func(context.Context) error { r.begin(address); return nil }})
}

// Down registers the instance once more with status DOWN. It interrupts a write in flight.
func (r *Registrar) Down(ctx context.Context) error { return r.step(ctx, r.down) }

// Drain returns eureka.instance.drain-period, or 0 when no registry ever listed the instance.
func (r *Registrar) Drain() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ever {
		return 0
	}
	return r.cfg.DrainPeriod
}

// LongestDrain returns eureka.instance.drain-period.
func (r *Registrar) LongestDrain() time.Duration { return r.cfg.DrainPeriod }

// Remove cancels the lease, and makes sure that it is gone when no answer came. An entry of the same id at another address is
// left alone: a successor owns it. Nothing is written afterwards.
func (r *Registrar) Remove(ctx context.Context) error { return r.step(ctx, r.leave) }

// SetStatus makes the instance show a status of the program's choice, by an override of its own, until [Registrar.ClearStatus]. It survives
// every registration, and Down. An error says that no server has taken it yet; it is kept all the same and tried
// again. [discovery.Unknown] is no choice.
func (r *Registrar) SetStatus(ctx context.Context, status discovery.Status) error {
	if status >= discovery.Unknown {
		return errors.New("eureka: the status UNKNOWN cannot be set; ClearStatus ends an override")
	}
	return r.choose(ctx, &status)
}

// ClearStatus ends what [Registrar.SetStatus] began: the status follows readiness again. Errors are as there.
func (r *Registrar) ClearStatus(ctx context.Context) error { return r.choose(ctx, nil) }

func (r *Registrar) choose(ctx context.Context, status *discovery.Status) error {
	r.mu.Lock()
	r.own = status
	up := r.upAsked
	r.mu.Unlock()
	if !up {
		return nil // it is registered with this status
	}
	return r.ask(ctx, r.agree, false)
}

// SetMetadata changes entries of the instance's metadata and registers it with them (Netflix: registerAppMetadata); an empty
// value removes its key. An error says that no server has taken them yet; they are kept all the same and tried
// again.
func (r *Registrar) SetMetadata(ctx context.Context, entries map[string]string) error {
	r.mu.Lock()
	if r.metadata == nil {
		r.metadata = map[string]string{}
	}
	maps.Copy(r.metadata, entries)
	up := r.upAsked
	r.mu.Unlock()
	if !up {
		return nil // it is registered with them
	}
	return r.ask(ctx, r.agree, false)
}

// InstanceID returns the id of the instance. Before Up it is empty; after Up it waits until the own address is known.
func (r *Registrar) InstanceID() string {
	if i := r.Instance(); i != nil {
		return i.InstanceID
	}
	return ""
}

// Instance returns what is registered, or about to be: nil before Up. It must not be changed.
func (r *Registrar) Instance() *Instance {
	r.mu.Lock()
	asked := r.upAsked
	r.mu.Unlock()
	if asked {
		select {
		case <-r.known:
		case <-r.over:
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.instance
}

// declined reports whether it was decided, at Up, that nothing is registered.
func (r *Registrar) declined() bool {
	select {
	case <-r.known:
		return r.current() == nil
	default:
		return false
	}
}

// Await returns when the registry has listed the instance for the first time, or with ctx.
func (r *Registrar) Await(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	select {
	case <-r.first:
		return nil
	case <-r.over:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errEnded = errors.New("eureka: the registrar has ended")

// Registered reports whether the registry listed the instance when last heard of.
func (r *Registrar) Registered() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.listed }

// step asks Run for a step and waits. A write in flight is interrupted, so nothing waits behind a hung heartbeat.
func (r *Registrar) step(ctx context.Context, do func(context.Context) error) error {
	return r.ask(ctx, do, true)
}

// ask has Run do something and waits for it.
func (r *Registrar) ask(ctx context.Context, do func(context.Context) error, stop bool) error {
	if ctx == nil {
		return errNoContext
	}
	done := make(chan error, 1)
	r.enqueue(command{do: do, ctx: ctx, done: done, stop: stop})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-r.over:
		select {
		case err := <-done:
			return err
		default:
			return errEnded
		}
	}
}

func (r *Registrar) enqueue(c command) {
	r.mu.Lock()
	r.queue = append(r.queue, c)
	if c.stop && r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Registrar) dequeue() (command, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return command{}, false
	}
	c := r.queue[0]
	r.queue = r.queue[1:]
	return c, true
}
