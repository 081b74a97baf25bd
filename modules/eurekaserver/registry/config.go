package registry

import (
	"errors"
	"math"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "eureka.server" in application.yml can say about leases.
type Config struct {
	Enabled          bool            `config:"enabled"`                                      // run a server in this program; default false
	SelfPreservation bool            `config:"enable-self-preservation"`                     // keep expired leases while too few renewals come in; default false (Spring: true)
	RenewalThreshold float64         `config:"renewal-percent-threshold"`                    // share of the expected renewals below which that is; default 0.85
	EvictionInterval time.Duration   `config:"eviction-interval-timer-in-ms,unit=ms"`        // between looks for expired leases, of which each ends 15 % of all at most; default 1s (Spring: 60s)
	DeltaRetention   time.Duration   `config:"retention-time-in-m-s-in-delta-queue,unit=ms"` // how long a change is told; default 3m
	MaxApplications  int             `config:"max-applications"`                             // ours: beyond it new ones are refused; default 20000
	MaxInstances     int             `config:"max-instances"`                                // ours: beyond it new ones are refused; default 200000
	MaxSize          config.DataSize `config:"max-size"`                                     // ours: of all instances together, about; beyond it new ones are refused; default 512MB
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{
		RenewalThreshold: 0.85, EvictionInterval: time.Second, DeltaRetention: 3 * time.Minute,
		MaxApplications: 20_000, MaxInstances: 200_000, MaxSize: 512 << 20,
	}
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	fault := func(key, problem string) { faults = append(faults, config.FieldError{Key: key, Problem: problem}) }
	if c.EvictionInterval <= 0 {
		fault("eviction-interval-timer-in-ms", "must be positive")
	}
	if c.DeltaRetention <= 0 {
		fault("retention-time-in-m-s-in-delta-queue", "must be positive")
	}
	if c.RenewalThreshold < 0 || c.RenewalThreshold > 1 || math.IsNaN(c.RenewalThreshold) {
		fault("renewal-percent-threshold", "must be between 0 and 1")
	}
	if c.MaxApplications <= 0 {
		fault("max-applications", "must be positive")
	}
	if c.MaxInstances <= 0 {
		fault("max-instances", "must be positive")
	}
	if c.MaxSize <= 0 {
		fault("max-size", "must be positive")
	}
	return errors.Join(faults...)
}
