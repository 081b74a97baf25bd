package logging

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "logging" in application.yml can say.
type Config struct {
	Level       map[string]string   `config:"level"`                    // logger or group → level; default root: INFO
	Group       map[string][]string `config:"group"`                    // name → loggers, besides the predefined web and sql
	Structured  Structured          `config:"structured"`               // JSON instead of readable lines
	IncludeName bool                `config:"include-application-name"` // [orders] in readable lines; default true
	Threshold   Threshold           `config:"threshold"`                // what an output takes at all
	Console     Console             `config:"console"`                  // the one output

	elsewhere // what Spring keeps under other prefixes; see ConfigFrom
}

// Structured chooses a JSON form and fills its fields.
type Structured struct {
	Format Format `config:"format"`
	ECS    ECS    `config:"ecs"`
	GELF   GELF   `config:"gelf"`
}

// Format names the JSON form of an output: ecs, gelf or logstash.
type Format struct {
	Console string `config:"console"` // ecs, gelf or logstash; a JSON form instead of readable lines; default none
}

// ECS fills fields of the form "ecs".
type ECS struct {
	Service ECSService `config:"service"`
}

// ECSService is the service block of the form "ecs".
type ECSService struct {
	Name        string `config:"name"`        // default spring.application.name
	Version     string `config:"version"`     // default spring.application.version
	Environment string `config:"environment"` // default none
	NodeName    string `config:"node-name"`   // default none
}

// GELF fills fields of the form "gelf".
type GELF struct {
	Host    string      `config:"host"` // default spring.application.name
	Service GELFService `config:"service"`
}

// GELFService is the service block of the form "gelf".
type GELFService struct {
	Version string `config:"version"` // default spring.application.version
}

// Threshold is the lowest level that an output takes, whatever its logger says.
type Threshold struct {
	Console string `config:"console"` // default TRACE: everything
}

// Console switches the output.
type Console struct {
	Enabled bool `config:"enabled"` // default true
}

// elsewhere are the settings that are not below "logging".
type elsewhere struct {
	colour       string // spring.output.ansi.enabled
	debug, trace bool   // this project's own loggers talk more
}

// ansi is what "spring.output.ansi" can say.
type ansi struct {
	Enabled string `config:"enabled"` // always, detect or never; default detect
}

// Validate reports a word that is not known.
func (a ansi) Validate() error {
	if !slices.Contains([]string{"always", "detect", "never"}, strings.ToLower(a.Enabled)) {
		return config.FieldError{Key: "enabled", Problem: fmt.Sprintf("%q is not known; it is always, detect or never", a.Enabled)}
	}
	return nil
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{
		Level:       map[string]string{},
		IncludeName: true,
		Threshold:   Threshold{Console: "TRACE"},
		Console:     Console{Enabled: true},
	}
}

// ConfigFrom returns the settings of a program: those below "logging" and the three that Spring keeps elsewhere
// (spring.output.ansi.enabled, debug, trace).
func ConfigFrom(c *config.Config) (Config, error) {
	colour, colourErr := config.Bind(c, "spring.output.ansi", ansi{Enabled: "detect"})
	cfg, err := config.Bind(c, "logging", DefaultConfig())
	cfg.elsewhere = elsewhere{colour: strings.ToLower(colour.Enabled), debug: Flag(c, "debug"), trace: Flag(c, "trace")}
	return cfg, errors.Join(err, colourErr)
}

// Flag reports whether a switch such as "debug" is on: present and not "false", as --debug alone is.
func Flag(c *config.Config, key string) bool {
	value, ok := c.Lookup(key)
	return ok && !strings.EqualFold(value, "false")
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var errs []error
	for _, name := range sortedKeys(c.Level) {
		if _, err := ParseLevel(c.Level[name]); err != nil {
			errs = append(errs, config.FieldError{Key: "level." + name, Problem: err.Error()})
		}
	}
	if _, err := ParseLevel(c.Threshold.Console); err != nil {
		errs = append(errs, config.FieldError{Key: "threshold.console", Problem: err.Error()})
	}
	if _, known := forms[strings.ToLower(c.Structured.Format.Console)]; !known {
		errs = append(errs, config.FieldError{Key: "structured.format.console",
			Problem: fmt.Sprintf("%q is not known; the forms are ecs, gelf and logstash", c.Structured.Format.Console)})
	}
	return errors.Join(errs...)
}
