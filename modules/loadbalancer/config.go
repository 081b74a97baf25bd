package loadbalancer

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

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
	Clients        map[string]Service `config:"clients"` // settings of one service; names ignore case
}

// Ejection is ours: an instance that fails five calls in a row is left alone for 5 s, and for twice as long each time that it
// fails again, up to 5 min.
type Ejection struct {
	Enabled bool `config:"enabled"` // default true
}

// Service is "clients.<service>": what is set there counts for that service.
type Service struct {
	Strategy string `config:"strategy"` // default spring.cloud.loadbalancer.strategy
	Retry    Retry  `config:"retry"`
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

	Budget RetryBudget `config:"budget"`
}

// RetryBudget bounds how much load retries may add to a service that is in trouble. Attempts after a failed dial are free: they
// reached nobody.
type RetryBudget struct {
	Ratio     *float64 `config:"ratio"`                  // ours: retries for each call; default 0.2
	PerSecond *int     `config:"min-retries-per-second"` // ours: further retries a second; default 10
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Enabled: true, Strategy: Random, Configurations: defaultConfiguration, Ejection: Ejection{Enabled: true}}
}

// Validate reports everything that cannot work, but for unknown strategies, which [New] reports.
func (c Config) Validate() error {
	faults := Service{Retry: c.Retry}.faults("")
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
		"retry.budget.min-retries-per-second": r.Budget.PerSecond,
	} {
		if n != nil && *n < 0 {
			add(key, "must not be negative")
		}
	}
	if f := r.Budget.Ratio; f != nil && !(*f >= 0 && *f <= mostRatio) {
		add("retry.budget.ratio", fmt.Sprintf("must be from 0 to %d", mostRatio))
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
	s := Service{Strategy: c.Strategy, Retry: c.Retry}
	for name, own := range c.Clients {
		if !strings.EqualFold(name, service) {
			continue
		}
		if own.Strategy != "" {
			s.Strategy = own.Strategy
		}
		s.Retry = s.Retry.with(own.Retry)
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
	r.Budget.Ratio = cmp.Or(own.Budget.Ratio, r.Budget.Ratio)
	r.Budget.PerSecond = cmp.Or(own.Budget.PerSecond, r.Budget.PerSecond)
	return r
}
