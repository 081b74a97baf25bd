package loadbalancer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "spring.cloud.loadbalancer" in application.yml can say.
type Config struct {
	Enabled        bool               `config:"enabled"`        // default true
	Strategy       string             `config:"strategy"`       // how instances are chosen; default random (Spring: round-robin)
	Configurations string             `config:"configurations"` // default, or zone-preference: instances of one's own zone as long as there are any
	Zone           string             `config:"zone"`           // own zone, for zone-preference; default eureka.instance.metadata-map.zone
	Retry          Retry              `config:"retry"`
	Ejection       Ejection           `config:"ejection"`
	Hedge          Hedge              `config:"hedge"`
	Bulkhead       Bulkhead           `config:"bulkhead"`
	Clients        map[string]Service `config:"clients"` // settings of one service; names ignore case
}

// Ejection is ours: an instance that fails five calls in a row is left alone for 5 s, and for twice as long each time that it
// fails again, up to 5 min.
type Ejection struct {
	Enabled bool `config:"enabled"` // default true
}

// Service is "clients.<service>": what is set there counts for that service.
type Service struct {
	Strategy string   `config:"strategy"` // default spring.cloud.loadbalancer.strategy
	Retry    Retry    `config:"retry"`
	Hedge    Hedge    `config:"hedge"`
	Bulkhead Bulkhead `config:"bulkhead"`
}

// Retry is Spring's rules for trying again. What is not set follows ours: every other instance is tried once, for any method
// when nothing was sent, and for idempotent ones after that.
type Retry struct {
	Enabled       *bool `config:"enabled"`                              // false: one attempt; default true
	AllOperations *bool `config:"retry-on-all-operations"`              // every method counts as idempotent; default false
	SameInstance  *int  `config:"max-retries-on-same-service-instance"` // further attempts at an instance; default 0
	NextInstance  *int  `config:"max-retries-on-next-service-instance"` // further instances; default all
	StatusCodes   []int `config:"retryable-status-codes"`               // answers that count as failures; default 502, 503, 504
	AvoidPrevious *bool `config:"avoid-previous-instance"`              // false: the next attempt may go to an instance that was tried, and there is one unless more are allowed; default true

	Backoff Backoff     `config:"backoff"`
	Budget  RetryBudget `config:"budget"`
}

// Backoff is how long a call waits when it has tried every instance, before it tries them all again. Spring waits before every
// attempt; here another instance is asked at once.
type Backoff struct {
	Enabled *bool          `config:"enabled"`     // try all instances again, three times or as often as max-retries-on-next-service-instance says; default false
	Min     *time.Duration `config:"min-backoff"` // of the first wait, which doubles with each; default 5ms
	Max     *time.Duration `config:"max-backoff"` // of any wait; default 1s (Spring: no limit)
	Jitter  *float64       `config:"jitter"`      // share by which a wait may be longer or shorter, 0 to 1; default 0.5
}

// RetryBudget bounds how much load retries may add to a service that is in trouble. Attempts after a failed dial are free: they
// reached nobody.
type RetryBudget struct {
	Ratio     *float64 `config:"ratio"`                  // ours: retries for each call; default 0.2
	PerSecond *int     `config:"min-retries-per-second"` // ours: further retries a second; default 10
}

// Hedge sends an idempotent call that was not answered in time to a second instance as well. The first answer counts, and the
// other attempt is cancelled. Hedges draw on the budget of retries.
type Hedge struct {
	Delay *time.Duration `config:"delay"` // ours: how long the first instance has, such as the 95th percentile of its latency; default 0, which means never
}

// Bulkhead bounds how many calls to a service are under way, so that a slow one does not take all that the caller has. The names
// are Resilience4j's.
type Bulkhead struct {
	MaxConcurrentCalls *int           `config:"max-concurrent-calls"` // ours: calls under way; default 0, which means no limit
	MaxWait            *time.Duration `config:"max-wait-duration"`    // ours: how long a further call waits for its turn; default 0
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Enabled: true, Strategy: Random, Configurations: defaultConfiguration, Ejection: Ejection{Enabled: true}}
}

// Validate reports everything that cannot work, but for unknown strategies, which [New] reports.
func (c Config) Validate() error {
	faults := Service{Retry: c.Retry, Hedge: c.Hedge, Bulkhead: c.Bulkhead}.faults("")
	for name, s := range c.Clients {
		faults = append(faults, s.faults("clients."+name+".")...)
	}
	return errors.Join(faults...)
}

func (s Service) faults(prefix string) (faults []error) {
	add := func(key, problem string) {
		faults = append(faults, config.FieldError{Key: prefix + key, Problem: problem})
	}
	r := &s.Retry
	for key, n := range map[string]*int{
		"retry.max-retries-on-same-service-instance": r.SameInstance, "retry.max-retries-on-next-service-instance": r.NextInstance,
		"retry.budget.min-retries-per-second": r.Budget.PerSecond, "bulkhead.max-concurrent-calls": s.Bulkhead.MaxConcurrentCalls,
	} {
		if n != nil && *n < 0 {
			add(key, "must not be negative")
		}
	}
	for key, d := range map[string]*time.Duration{
		"retry.backoff.min-backoff": r.Backoff.Min, "retry.backoff.max-backoff": r.Backoff.Max,
		"hedge.delay": s.Hedge.Delay, "bulkhead.max-wait-duration": s.Bulkhead.MaxWait,
	} {
		if d != nil && *d < 0 {
			add(key, "must not be negative")
		}
	}
	if f := r.Budget.Ratio; f != nil && !(*f >= 0 && *f <= mostRatio) {
		add("retry.budget.ratio", fmt.Sprintf("must be from 0 to %d", mostRatio))
	}
	if f := r.Backoff.Jitter; f != nil && !(*f >= 0 && *f <= 1) {
		add("retry.backoff.jitter", "must be from 0 to 1")
	}
	for _, code := range r.StatusCodes {
		if code < 100 || code > 599 {
			add("retry.retryable-status-codes", fmt.Sprintf("%d is not an HTTP status", code))
		}
	}
	return faults
}

// mostRatio bounds the ratio of a budget: nobody means more.
const mostRatio = 1000

// of returns the settings of a service: its own where set.
func (c Config) of(service string) Service {
	s := Service{Strategy: c.Strategy, Retry: c.Retry, Hedge: c.Hedge, Bulkhead: c.Bulkhead}
	for name, own := range c.Clients {
		if !strings.EqualFold(name, service) {
			continue
		}
		if own.Strategy != "" {
			s.Strategy = own.Strategy
		}
		s.Retry = s.Retry.with(own.Retry)
		s.Hedge.Delay = cmp.Or(own.Hedge.Delay, s.Hedge.Delay)
		s.Bulkhead.MaxConcurrentCalls = cmp.Or(own.Bulkhead.MaxConcurrentCalls, s.Bulkhead.MaxConcurrentCalls)
		s.Bulkhead.MaxWait = cmp.Or(own.Bulkhead.MaxWait, s.Bulkhead.MaxWait)
	}
	return s
}

func (r Retry) with(own Retry) Retry {
	r.Enabled = cmp.Or(own.Enabled, r.Enabled)
	r.AllOperations = cmp.Or(own.AllOperations, r.AllOperations)
	r.SameInstance = cmp.Or(own.SameInstance, r.SameInstance)
	r.NextInstance = cmp.Or(own.NextInstance, r.NextInstance)
	r.AvoidPrevious = cmp.Or(own.AvoidPrevious, r.AvoidPrevious)
	if own.StatusCodes != nil {
		r.StatusCodes = own.StatusCodes
	}
	r.Backoff.Enabled = cmp.Or(own.Backoff.Enabled, r.Backoff.Enabled)
	r.Backoff.Min = cmp.Or(own.Backoff.Min, r.Backoff.Min)
	r.Backoff.Max = cmp.Or(own.Backoff.Max, r.Backoff.Max)
	r.Backoff.Jitter = cmp.Or(own.Backoff.Jitter, r.Backoff.Jitter)
	r.Budget.Ratio = cmp.Or(own.Budget.Ratio, r.Budget.Ratio)
	r.Budget.PerSecond = cmp.Or(own.Budget.PerSecond, r.Budget.PerSecond)
	return r
}
