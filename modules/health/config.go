package health

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Show says when parts of a health answer are shown.
type Show string

// UnmarshalText accepts never, always and when-authorized, which here is never.
func (s *Show) UnmarshalText(text []byte) error {
	switch show := Show(strings.ReplaceAll(strings.ToLower(string(text)), "_", "-")); show {
	case ShowNever, ShowAlways, "when-authorized":
		*s = show
		return nil
	}
	return fmt.Errorf("%q is not one of never, always, when-authorized", text)
}

// The values of [Show].
const (
	ShowNever  Show = "never"
	ShowAlways Show = "always"
)

// Config is what "management.endpoint.health" in application.yml can say.
type Config struct {
	ShowDetails    Show         `config:"show-details"`    // of components, in /actuator/health; default never
	ShowComponents Show         `config:"show-components"` // default as show-details
	Status         StatusConfig `config:"status"`
	Group          map[string]Group
	Probes         ProbesConfig  `config:"probes"`
	Timeout        time.Duration `config:"timeout"` // ours: how long one indicator may take; default 10s
}

// StatusConfig orders statuses and maps them to HTTP.
type StatusConfig struct {
	Order       []string       `config:"order"`        // worst first, others do not count; default DOWN, OUT_OF_SERVICE, UP, UNKNOWN
	HTTPMapping map[string]int `config:"http-mapping"` // default down: 503, out-of-service: 503; any entry replaces both
}

// Group is a choice of indicators with an answer of its own, below /actuator/health/{group}.
type Group struct {
	Include        []string     `config:"include"`         // names, or * for all; default none
	Exclude        []string     `config:"exclude"`         // names, or * for all; default none
	ShowDetails    Show         `config:"show-details"`    // default as the whole
	ShowComponents Show         `config:"show-components"` // default as the whole
	Status         StatusConfig `config:"status"`
}

// ProbesConfig says whether the groups liveness and readiness exist.
type ProbesConfig struct {
	Enabled bool `config:"enabled"` // default true
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{ShowDetails: ShowNever, Probes: ProbesConfig{Enabled: true}, Timeout: 10 * time.Second}
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	if c.Timeout <= 0 {
		faults = append(faults, config.FieldError{Key: "timeout", Problem: "must be positive"})
	}
	for name, code := range c.Status.HTTPMapping {
		if code < 100 || code > 599 {
			faults = append(faults, config.FieldError{Key: "status.http-mapping." + name, Problem: "must be an HTTP status"})
		}
	}
	return errors.Join(faults...)
}

// Indicators is what "management.health" can say: which of the built-in indicators exist.
type Indicators struct {
	Defaults  Switch    `config:"defaults"`
	Ping      Switch    `config:"ping"`
	DiskSpace DiskSpace `config:"diskspace"`
}

// Switch is a part that can be off.
type Switch struct {
	Enabled *bool `config:"enabled"` // default as management.health.defaults.enabled, which is true
}

// DiskSpace is the indicator of the same name: DOWN when less than Threshold is free where Path is.
type DiskSpace struct {
	Switch
	Path      string          `config:"path"`      // default the working directory
	Threshold config.DataSize `config:"threshold"` // default 10MB
}

// DefaultIndicators returns the settings in force when application.yml is silent.
func DefaultIndicators() Indicators {
	return Indicators{DiskSpace: DiskSpace{Path: ".", Threshold: 10 * config.Megabyte}}
}

func (i Indicators) on(s Switch) bool {
	if s.Enabled != nil {
		return *s.Enabled
	}
	return i.Defaults.Enabled == nil || *i.Defaults.Enabled
}

// code normalises a status for comparing: out-of-service is OUT_OF_SERVICE.
func code(s string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return r
	}, s))
}

// worst returns the status that comes first in the order; statuses outside of it do not count.
func (s StatusConfig) worst(all []Status) Status {
	order := s.Order
	if len(order) == 0 {
		order = []string{string(Down), string(OutOfService), string(Up), string(Unknown)}
	}
	best := -1
	worst := Unknown
	for _, status := range all {
		at := slices.IndexFunc(order, func(known string) bool { return code(known) == code(string(status)) })
		if at >= 0 && (best < 0 || at < best) {
			best, worst = at, status
		}
	}
	return worst
}

// httpStatus returns the HTTP status for a health status.
func (s StatusConfig) httpStatus(status Status) int {
	mapping := s.HTTPMapping
	if len(mapping) == 0 {
		mapping = map[string]int{"down": 503, "out-of-service": 503}
	}
	for name, answer := range mapping {
		if code(name) == code(string(status)) {
			return answer
		}
	}
	return 200
}
