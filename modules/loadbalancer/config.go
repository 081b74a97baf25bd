package loadbalancer

import (
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
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Enabled: true, Strategy: Random, Configurations: defaultConfiguration, Ejection: Ejection{Enabled: true}}
}

// Validate reports everything that cannot work, but for unknown strategies, which [New] reports.
func (c Config) Validate() error {
	var faults []error
	check := func(prefix string, r Retry) {
		for key, n := range map[string]*int{"max-retries-on-same-service-instance": r.SameInstance, "max-retries-on-next-service-instance": r.NextInstance} {
			if n != nil && *n < 0 {
				faults = append(faults, config.FieldError{Key: prefix + "retry." + key, Problem: "must not be negative"})
			}
		}
		for _, code := range r.StatusCodes {
			if code < 100 || code > 599 {
				faults = append(faults, config.FieldError{Key: prefix + "retry.retryable-status-codes", Problem: fmt.Sprintf("%d is not an HTTP status", code)})
			}
		}
	}
	check("", c.Retry)
	for name, s := range c.Clients {
		check("clients."+name+".", s.Retry)
	}
	return errors.Join(faults...)
}

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
	if own.Enabled != nil {
		r.Enabled = own.Enabled
	}
	if own.AllOperations != nil {
		r.AllOperations = own.AllOperations
	}
	if own.SameInstance != nil {
		r.SameInstance = own.SameInstance
	}
	if own.NextInstance != nil {
		r.NextInstance = own.NextInstance
	}
	if own.StatusCodes != nil {
		r.StatusCodes = own.StatusCodes
	}
	return r
}
