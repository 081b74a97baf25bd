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
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config { return Config{Enabled: true, Path: "/"} }

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, ":*?#") {
		return config.FieldError{Key: "path", Problem: "must be a path such as /dashboard, without : * ? #"}
	}
	if c.Path == "/eureka" || strings.HasPrefix(c.Path, "/eureka/") {
		return config.FieldError{Key: "path", Problem: "must not be below /eureka, where clients ask"}
	}
	return nil
}
