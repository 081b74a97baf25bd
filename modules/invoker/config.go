package invoker

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "spring.http.clients" in application.yml can say.
type Config struct {
	ConnectTimeout time.Duration   `config:"connect-timeout"`   // of one dial, in calls to other services; default 1s
	ReadTimeout    time.Duration   `config:"read-timeout"`      // of one attempt, to the headers of its answer; default 10s
	TotalTimeout   time.Duration   `config:"total-timeout"`     // ours: of a whole call, its attempts and redirects, to the end of a body that is converted, else to the headers; default 0, none
	Redirects      string          `config:"redirects"`         // follow-when-possible, follow or dont-follow; default follow-when-possible
	PassHeaders    []string        `config:"pass-headers"`      // ours: headers of the request being served that calls by name carry on; default none
	DeadlineHeader string          `config:"deadline-header"`   // ours: header that tells an instance how many milliseconds its caller waits, such as X-Envoy-Expected-Rq-Timeout-Ms; default none
	MaxResponse    config.DataSize `config:"max-response-size"` // ours: of a body that is converted, not of one that is streamed; default 64MB
	SSL            SSL             `config:"ssl"`
}

// SSL is "spring.http.clients.ssl".
type SSL struct {
	Bundle string `config:"bundle"` // of spring.ssl.bundle: certificate and authorities of TLS calls; default none, the system's authorities
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{ConnectTimeout: time.Second, ReadTimeout: 10 * time.Second, Redirects: "follow-when-possible", MaxResponse: 64 * config.Megabyte}
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
	if c.TotalTimeout < 0 {
		faults = append(faults, config.FieldError{Key: "total-timeout", Problem: "must not be negative"})
	}
	if redirects[canonical(c.Redirects)] == 0 {
		faults = append(faults, config.FieldError{Key: "redirects", Problem: "must be one of follow-when-possible, follow, dont-follow"})
	}
	for key, names := range map[string][]string{"pass-headers": c.PassHeaders, "deadline-header": {c.DeadlineHeader}} {
		for _, name := range names {
			if name != "" && !httpguts.ValidHeaderFieldName(name) {
				faults = append(faults, config.FieldError{Key: key, Problem: fmt.Sprintf("%q is no name of a header", name)})
			}
		}
	}
	if c.MaxResponse <= 0 {
		faults = append(faults, config.FieldError{Key: "max-response-size", Problem: "must be positive"})
	}
	return errors.Join(faults...)
}

// redirects are the values of the key; Spring compares them without case and dashes. The transports here can always follow.
var redirects = map[string]redirectPolicy{"": follows, "followwhenpossible": follows, "follow": follows, "dontfollow": stays}

type redirectPolicy int

const (
	follows redirectPolicy = iota + 1
	stays
)

func canonical(text string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(text))
}

// settings are what calls begin with.
func (c Config) settings() settings {
	pass := make([]string, len(c.PassHeaders))
	for i, name := range c.PassHeaders {
		pass[i] = http.CanonicalHeaderKey(name)
	}
	return settings{pass: pass, deadline: c.DeadlineHeader, limit: int64(c.MaxResponse), total: c.TotalTimeout, stay: redirects[canonical(c.Redirects)] == stays}
}
