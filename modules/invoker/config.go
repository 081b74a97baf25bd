package invoker

import (
	"errors"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "spring.http.clients" in application.yml can say.
type Config struct {
	ConnectTimeout time.Duration   `config:"connect-timeout"`   // of one dial, in calls to other services; default 1s
	ReadTimeout    time.Duration   `config:"read-timeout"`      // of one attempt, to the headers of its answer; default 10s
	MaxResponse    config.DataSize `config:"max-response-size"` // ours: of a body that is converted, not of one that is streamed; default 64MB
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{ConnectTimeout: time.Second, ReadTimeout: 10 * time.Second, MaxResponse: 64 * config.Megabyte}
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	if c.ConnectTimeout <= 0 {
		faults = append(faults, config.FieldError{Key: "connect-timeout", Problem: "must be positive"})
	}
	if c.ReadTimeout <= 0 {
		faults = append(faults, config.FieldError{Key: "read-timeout", Problem: "must be positive"})
	}
	if c.MaxResponse <= 0 {
		faults = append(faults, config.FieldError{Key: "max-response-size", Problem: "must be positive"})
	}
	return errors.Join(faults...)
}
