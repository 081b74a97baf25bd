package actuator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// Config is what "management.endpoints.web" in application.yml can say.
type Config struct {
	BasePath string   `config:"base-path"` // default /actuator
	Exposure Exposure `config:"exposure"`
}

// Exposure chooses endpoints by id; * is all. What is excluded counts more.
type Exposure struct {
	Include []string `config:"include"` // endpoints that are served, * for all; default health, info (Spring: health)
	Exclude []string `config:"exclude"` // names, or * for all; default none
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{BasePath: "/actuator", Exposure: Exposure{Include: []string{"health", "info"}}}
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	if !strings.HasPrefix(c.BasePath, "/") {
		return config.FieldError{Key: "base-path", Problem: "must start with /"}
	}
	return nil
}

// exposes reports whether an endpoint is served.
func (e Exposure) exposes(id string) bool {
	named := func(list []string) bool {
		return slices.ContainsFunc(list, func(one string) bool { return one == "*" || canonical(one) == canonical(id) })
	}
	return named(e.Include) && !named(e.Exclude)
}

// canonical is an endpoint's id without punctuation and case, as Spring compares them.
func canonical(id string) string {
	return strings.ToLower(strings.NewReplacer(".", "", "-", "", "_", "").Replace(id))
}

// ServerConfig is what "management.server" can say.
type ServerConfig struct {
	Port     *int             `config:"port"`      // of a listener of its own, 0 for any; -1 for no actuator; default the program's listener
	Address  string           `config:"address"`   // of that listener; default all
	BasePath string           `config:"base-path"` // prefix there; default none
	SSL      ssl.ServerConfig `config:"ssl"`
}

// Validate reports everything that cannot work.
func (c ServerConfig) Validate() error {
	var faults []error
	if c.Port != nil && (*c.Port < -1 || *c.Port > 65535) {
		faults = append(faults, config.FieldError{Key: "port", Problem: "must be between 0 and 65535, or -1 for none"})
	}
	if c.BasePath != "" && !strings.HasPrefix(c.BasePath, "/") {
		faults = append(faults, config.FieldError{Key: "base-path", Problem: "must start with /"})
	}
	if c.SSL.On() {
		var own config.FieldError
		if err := c.SSL.Validate(); errors.As(err, &own) {
			faults = append(faults, config.FieldError{Key: "ssl." + own.Key, Problem: own.Problem})
		}
	}
	return errors.Join(faults...)
}

// InfoConfig is what "management.info" can say.
type InfoConfig struct {
	Build Switch `config:"build"` // version and module of the program; default on
	Git   Git    `config:"git"`   // the commit that it was built from
	Env   Switch `config:"env"`   // the keys below "info"; default off
	Go    Switch `config:"go"`    // ours, for Spring's java: version of Go and platform; default off
}

// Switch is a part that can be off.
type Switch struct {
	Enabled bool `config:"enabled"`
}

// Git is what is told of the commit.
type Git struct {
	Enabled bool    `config:"enabled"` // default true
	Mode    GitMode `config:"mode"`    // simple or full; the latter tells the whole id, and whether there were changes; default simple
}

// GitMode says how much is told.
type GitMode string

// The values of [GitMode].
const (
	GitSimple GitMode = "simple"
	GitFull   GitMode = "full"
)

// UnmarshalText accepts simple and full, in any case.
func (m *GitMode) UnmarshalText(text []byte) error {
	switch one := GitMode(strings.ToLower(string(text))); one {
	case GitSimple, GitFull:
		*m = one
		return nil
	}
	return fmt.Errorf("%q is neither simple nor full", text)
}

// DefaultInfoConfig returns the settings in force when application.yml is silent.
func DefaultInfoConfig() InfoConfig {
	return InfoConfig{Build: Switch{true}, Git: Git{Enabled: true, Mode: GitSimple}}
}
