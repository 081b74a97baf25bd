package dashboard

import (
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "eureka.dashboard" in application.yml can say.
type Config struct {
	Enabled bool   `config:"enabled"` // show the registry of the embedded server at path and at /eureka-ui/; default true
	Path    string `config:"path"`    // of the page, besides /eureka-ui/; default /
	Actions bool   `config:"actions"` // ours: whoever sees the page may take instances OUT_OF_SERVICE and back; default false

	Traces         bool `config:"traces"`           // ours: take spans of programs on this machine at /v1/traces and show the calls, for development; default false
	TracesMaxSpans int  `config:"traces-max-spans"` // ours: spans that are kept, in at most 2 KB each; default 10000
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config { return Config{Enabled: true, Path: "/", TracesMaxSpans: 10_000} }

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, ":*?#") {
		return config.FieldError{Key: "path", Problem: "must be a path such as /dashboard, without : * ? #"}
	}
	if c.TracesMaxSpans < 1 || c.TracesMaxSpans > 1_000_000 {
		return config.FieldError{Key: "traces-max-spans", Problem: "must be between 1 and 1000000"}
	}
	if c.Path == "/eureka" || strings.HasPrefix(c.Path, "/eureka/") {
		return config.FieldError{Key: "path", Problem: "must not be below /eureka, where clients ask"}
	}
	return nil
}
