package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.uber.org/dig"

	"github.com/archimedes-go/archimedes/config"
)

// Failure is a start that failed. Its Report is for people; Error is one line of it.
type Failure struct {
	Cause error // what happened, as it was returned

	cfg    *config.Config
	faults []described
}

// described is a failure that was foreseen. Keys are the configuration keys that have to do with it.
type described interface {
	Description() string
	Action() string
	Keys() []string
}

// NewFailure returns the failure of a program that owns its main, so that it reports as [Run] does. c gives the origins of
// settings; it may be nil when there is none yet.
//
//	fmt.Fprint(os.Stderr, app.NewFailure(c, err).Report())
func NewFailure(c *config.Config, cause error) *Failure {
	f := &Failure{Cause: cause, cfg: c, faults: collect(cause)}
	if len(f.faults) == 0 {
		f.faults = []described{explain(cause, c)}
	}
	return f
}

// Error implements error.
func (f *Failure) Error() string {
	first, _, _ := strings.Cut(strings.TrimSpace(f.faults[0].Description()), "\n")
	return "application failed to start: " + first
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Report returns what the program prints: every fault with the keys involved and where they come from, and what to do.
// Values that look like secrets are masked.
func (f *Failure) Report() string {
	const stars = "***************************"
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\nAPPLICATION FAILED TO START\n%s\n\nDescription:\n", stars, stars)
	var actions []string
	for _, fault := range f.faults {
		b.WriteString("\n" + f.describe(fault) + "\n")
		action := strings.TrimSpace(fault.Action())
		for _, key := range fault.Keys() {
			b.WriteString(f.keyLine(key, fault))
			if behind := f.behind(key); behind != key {
				b.WriteString(f.keyLine(behind, fault))
				action = strings.ReplaceAll(action, key, behind)
			}
		}
		if action != "" && !slices.Contains(actions, action) {
			actions = append(actions, action)
		}
	}
	fmt.Fprintf(&b, "\nAction:\n\n%s\n\n", strings.Join(actions, "\n"))
	return b.String()
}

// describe returns the fault's words without the secrets that may be in them: a value that cannot be used is often quoted.
func (f *Failure) describe(fault described) string {
	text := strings.TrimRight(fault.Description(), "\n")
	for _, key := range fault.Keys() {
		if f.cfg == nil || !secretKey.MatchString(key) {
			continue
		}
		if value, _ := f.cfg.Lookup(key); value != "" {
			text = strings.ReplaceAll(text, value, masked)
		}
	}
	return mask(text)
}

// behind is the key that someone would change: a value may be a placeholder for another.
func (f *Failure) behind(key string) string {
	if f.cfg == nil {
		return key
	}
	return f.cfg.Behind(key)
}

// keyLine is one key with its value and origin. What failed while configuration was loaded has nothing but itself to tell it.
func (f *Failure) keyLine(key string, fault described) string {
	if own, ok := fault.(*config.ValueError); ok && own.Set && own.Key == key {
		if own.Value == "" { // a list or a map
			return fmt.Sprintf("    %s from %s\n", key, own.Origin)
		}
		return fmt.Sprintf("    %s = %s from %s\n", key, maskValue(key, own.Value), own.Origin)
	}
	if f.cfg == nil {
		return fmt.Sprintf("    %s\n", key) // the description says where
	}
	if origin, set := f.cfg.Origin(key); set {
		value, _ := f.cfg.Lookup(key)
		return fmt.Sprintf("    %s = %s from %s\n", key, maskValue(key, value), origin)
	}
	return fmt.Sprintf("    %s is not set; its default holds\n", key)
}

// report returns what is printed for an error of [App.Start].
func report(err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.Report()
	}
	return err.Error() + "\n"
}

// collect returns the foreseen faults in a tree of errors, each branch's outermost, in order. fx and dig wrap what a
// constructor returned; several faults of one settings struct are joined.
func collect(err error) []described {
	if err == nil {
		return nil
	}
	if fault, ok := err.(described); ok {
		return []described{fault}
	}
	switch wrapped := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		var all []described
		for _, branch := range wrapped.Unwrap() {
			all = append(all, collect(branch)...)
		}
		return all
	case interface{ Unwrap() error }:
		return collect(wrapped.Unwrap())
	}
	if p, ok := err.(dig.PanicError); ok { //nolint:errorlint // as above
		if cause, ok := p.Panic.(error); ok {
			return collect(cause)
		}
	}
	return nil
}

// secretKey matches the names of keys whose values are nobody's business; userInfo what stands before the host of a URL.
var (
	secretKey = regexp.MustCompile(`(?i)(password|passwd|secret|token|credential|private-?key|api-?key|access-?key)`)
	userInfo  = regexp.MustCompile(`://[^\s"']*@`)
)

const masked = "******"

func maskValue(key, value string) string {
	if secretKey.MatchString(key) && value != "" {
		return masked
	}
	return mask(value)
}

// mask hides the credentials of URLs in a text. Passwords may hold slashes and commas, so everything from the scheme to
// the last @ of a word goes, unless another scheme starts before it.
func mask(text string) string {
	return userInfo.ReplaceAllStringFunc(text, func(found string) string {
		parts := strings.Split(found, "://")
		for i := 1; i < len(parts); i++ {
			if at := strings.LastIndexByte(parts[i], '@'); at >= 0 {
				parts[i] = masked + parts[i][at:]
			}
		}
		return strings.Join(parts, "://")
	})
}
