package config

import (
	"fmt"
	"io/fs"
)

// Options says where configuration comes from. The zero value reads nothing but files in the working directory.
type Options struct {
	Args       []string          // command line without the program's name: --key=value
	Environ    []string          // KEY=value, as os.Environ
	Dir        string            // working directory of relative locations; "" is the process's
	Embedded   []fs.FS           // Spring's "classpath:", later ones win
	Defaults   map[string]string // lowest precedence
	Properties map[string]string // highest precedence, for tests
	NoFiles    bool              // read no file at all
}

// Load reads all sources. An error has Description, Action and Keys for the failure report.
func Load(o Options) (*Config, error) { return &Config{}, nil }

// Config is the resolved configuration of one application.
type Config struct{}

// Enabled reports whether the module is on: whether key says so, or byDefault when it is absent, and
// spring.autoconfigure.exclude does not name it. The answer is recorded with its reason for the condition report.
func (c *Config) Enabled(module, key string, byDefault bool) bool { return byDefault }

// Decided records a decision that does not rest on one key, for the condition report.
func (c *Config) Decided(module string, on bool, reason string) bool { return on }

// Conditions returns the decisions, in the order taken.
func (c *Config) Conditions() []Condition { return nil }

// Condition is a decision about a module.
type Condition struct {
	Module string
	On     bool
	Reason string // such as "eureka.client.enabled = false from application.yml:3:12"
}

// Lookup returns the value of a key in any spelling, placeholders resolved, and whether it is set.
func (c *Config) Lookup(key string) (string, bool) { return "", false }

// Origin returns where the value of a key comes from, such as application.yml:3:9.
func (c *Config) Origin(key string) (Origin, bool) { return Origin{}, false }

// Profiles returns the active profiles in order; none means only "default".
func (c *Config) Profiles() []string { return nil }

// Diagnostics are what the sources gave reason to warn of; Load and Bind never log.
func (c *Config) Diagnostics() []Diagnostic { return nil }

// Diagnostic is something to log once the logger exists.
type Diagnostic struct {
	Message string
	Key     string
	Origin  Origin
}

// Origin is where a value comes from.
type Origin struct {
	Source       string // "application.yml", "environment variable SERVER_PORT", "command line argument"
	Line, Column int    // 1-based; 0 when the source has none
}

func (o Origin) String() string {
	if o.Line == 0 {
		return o.Source
	}
	return fmt.Sprintf("%s:%d:%d", o.Source, o.Line, o.Column)
}

// Bind fills a copy of defaults with the keys below prefix, then calls Validate() error when T has it. Fields are named by
// the tag `config:"name,unit=s"`.
func Bind[T any](c *Config, prefix string, defaults T) (T, error) { return defaults, nil }

// FieldError is one fault found by a Validate method; Bind adds prefix and origin.
type FieldError struct{ Key, Problem string }

func (e FieldError) Error() string { return e.Key + ": " + e.Problem }

// Secret is a text that never prints.
type Secret string

// String returns "******".
func (s Secret) String() string { return "******" }

// DataSize is a number of bytes.
type DataSize int64
