package health

import (
	"context"
	"fmt"
)

// Status says how something is. Programs may use others than these; see [Config].
type Status string

// Spring's statuses.
const (
	Up           Status = "UP"
	Down         Status = "DOWN"
	OutOfService Status = "OUT_OF_SERVICE"
	Unknown      Status = "UNKNOWN"
)

// Result is the answer of one indicator.
type Result struct {
	Status      Status
	Description string            // shown with the status; may be empty
	Details     map[string]any    // shown when details are; must not hold secrets
	Components  map[string]Result // parts that it is made of
}

// FromError is UP without an error, and DOWN with its text.
func FromError(err error) Result {
	if err == nil {
		return Result{Status: Up}
	}
	return Result{Status: Down, Details: map[string]any{"error": err.Error()}}
}

// Indicator checks one thing that a program needs. Check is called from many goroutines and should return when ctx ends.
type Indicator interface {
	Name() string
	Check(ctx context.Context) Result
}

// NewIndicator returns an indicator of that name, such as "db".
func NewIndicator(name string, check func(context.Context) Result) Indicator {
	return indicator{name, check}
}

type indicator struct {
	name  string
	check func(context.Context) Result
}

func (i indicator) Name() string                     { return i.name }
func (i indicator) Check(ctx context.Context) Result { return i.check(ctx) }

// safely checks an indicator that may panic or be stuck.
func safely(ctx context.Context, i Indicator) (result Result) {
	answer := make(chan Result, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				answer <- Result{Status: Down, Details: map[string]any{"error": fmt.Sprintf("panic: %v", v)}}
			}
		}()
		answer <- i.Check(ctx)
	}()
	select {
	case result = <-answer:
	case <-ctx.Done():
		return Result{Status: Down, Details: map[string]any{"error": "the check did not answer: " + context.Cause(ctx).Error()}}
	}
	if result.Status == "" {
		result.Status = Unknown
	}
	return result
}
