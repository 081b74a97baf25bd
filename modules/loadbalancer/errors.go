package loadbalancer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNoInstance means that a service is known but no instance of it can be called. What is returned is a
// [NoInstanceError].
var ErrNoInstance = errors.New("loadbalancer: no instance")

// NoInstanceError says why no instance can be called.
type NoInstanceError struct {
	Service    string
	Known      int // instances that are registered
	Up         int // of these, UP and with a port that is on
	Tried      int // of these, tried in this call
	SecureOnly bool
}

func noInstance(r Request, v *View) error {
	return &NoInstanceError{Service: r.Service, Known: len(v.set.All), Up: len(v.candidates) + len(v.avoided), Tried: len(r.Tried), SecureOnly: r.Secure}
}

// Error says how many there are and why none serves.
func (e *NoInstanceError) Error() string {
	text := fmt.Sprintf("loadbalancer: no instances available for %s: %d registered, %d of them UP", e.Service, e.Known, e.Up)
	if e.Tried > 0 {
		text += fmt.Sprintf(", %d tried", e.Tried)
	}
	if e.SecureOnly {
		text += "; https needs one with a secure port"
	}
	return text
}

// Is makes the error match [ErrNoInstance].
func (e *NoInstanceError) Is(target error) bool { return target == ErrNoInstance }

// StrategyError is a strategy that does not exist.
type StrategyError struct {
	Strategy string
	Known    []string

	key string // setting; "" when a call asked for it
}

func unknownStrategy(name string, factories map[string]Factory, key string) error {
	return &StrategyError{Strategy: name, Known: slices.Sorted(maps.Keys(factories)), key: key}
}

// Error names those that exist.
func (e *StrategyError) Error() string {
	return fmt.Sprintf("loadbalancer: unknown strategy %q (known: %s)", e.Strategy, strings.Join(e.Known, ", "))
}

// Description is for the failure report.
func (e *StrategyError) Description() string {
	return fmt.Sprintf("There is no load-balancing strategy %q.", e.Strategy)
}

// Action is for the failure report.
func (e *StrategyError) Action() string {
	return fmt.Sprintf("Set %s to one of: %s.", e.key, strings.Join(e.Known, ", "))
}

// Keys is for the failure report.
func (e *StrategyError) Keys() []string {
	if e.key == "" {
		return nil
	}
	return []string{e.key}
}
