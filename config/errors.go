package config

import (
	"errors"
	"fmt"
	"strings"
)

// FieldError is one fault found by a Validate method, or by [Bind]. Key is relative to the bound prefix; Bind adds prefix
// and origin.
type FieldError struct {
	Key     string // such as "registry-fetch-interval-seconds"
	Problem string // such as "must be positive"
}

// Error returns "key: problem".
func (e FieldError) Error() string { return e.Key + ": " + e.Problem }

// LoadError is configuration that cannot be read: broken YAML, a missing file, profiles that contradict each other.
type LoadError struct {
	Origin  Origin
	Problem string
	Excerpt string // the offending line, when there is one
	Advice  string
	keys    []string
	cause   error
}

// Error returns origin and problem in one line.
func (e *LoadError) Error() string {
	if e.Origin.Source == "" {
		return "config: " + e.Problem
	}
	return fmt.Sprintf("config: %s: %s", e.Origin, e.Problem)
}

// Unwrap returns what the file system or the parser said.
func (e *LoadError) Unwrap() error { return e.cause }

// Description is for the failure report.
func (e *LoadError) Description() string {
	text := e.Problem
	if e.Origin.Source != "" {
		text = fmt.Sprintf("%s: %s", e.Origin, e.Problem)
	}
	if e.Excerpt != "" {
		text += "\n\n" + e.Excerpt
	}
	return text
}

// Action is for the failure report.
func (e *LoadError) Action() string { return e.Advice }

// Keys is for the failure report.
func (e *LoadError) Keys() []string { return e.keys }

// ValueError is a value that cannot be had: an unresolvable placeholder, text where a number is wanted, or what a Validate
// method found.
type ValueError struct {
	Key     string // whole
	Value   string
	Origin  Origin
	Set     bool // whether any source has the key
	Problem string
	advice  string
}

// Error returns "server.port = abc (application.yml:3:9): is not a whole number".
func (e *ValueError) Error() string {
	if !e.Set {
		return fmt.Sprintf("config: %s: %s", e.Key, e.Problem)
	}
	return fmt.Sprintf("config: %s = %s (%s): %s", e.Key, e.Value, e.Origin, e.Problem)
}

// Description is for the failure report, which adds the value and its origin.
func (e *ValueError) Description() string {
	return fmt.Sprintf("The setting %s cannot be used: %s.", e.Key, strings.TrimSuffix(e.Problem, "."))
}

// Action is for the failure report.
func (e *ValueError) Action() string {
	switch {
	case e.advice != "":
		return e.advice
	case !e.Set:
		return fmt.Sprintf("Set %s.", e.Key)
	}
	return fmt.Sprintf("Correct the value of %s.", e.Key)
}

// Keys is for the failure report.
func (e *ValueError) Keys() []string { return []string{e.Key} }

func place(o Origin) string {
	if strings.HasPrefix(o.Source, "environment") || strings.HasPrefix(o.Source, "command line") {
		return "the " + o.String()
	}
	return o.String()
}

// BindError is everything that is wrong below one prefix.
type BindError struct {
	Prefix string
	Faults []error // of type *ValueError
}

// Error lists every fault.
func (e *BindError) Error() string { return errors.Join(e.Faults...).Error() }

// Unwrap gives the faults one by one, as the failure report wants them.
func (e *BindError) Unwrap() []error { return e.Faults }
