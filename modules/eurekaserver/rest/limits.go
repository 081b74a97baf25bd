package rest

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "eureka.server" in application.yml can say about callers: Spring's rate limiter of fetches.
type Config struct {
	RateLimited  bool     `config:"rate-limiter-enabled"`                     // answer fetches above the rates below with 503; default false
	Burst        int      `config:"rate-limiter-burst-size"`                  // fetches that may come at once; default 10
	FetchRate    int      `config:"rate-limiter-registry-fetch-average-rate"` // of fetches, deltas and single applications, a second; default 500
	FullRate     int      `config:"rate-limiter-full-fetch-average-rate"`     // of fetches of the whole registry, a second; default 100
	LimitClients bool     `config:"rate-limiter-throttle-standard-clients"`   // limit Netflix's own clients and servers, too; default false
	Privileged   []string `config:"rate-limiter-privileged-clients"`          // names in DiscoveryIdentity-Name that are never limited; default none
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config { return Config{Burst: 10, FetchRate: 500, FullRate: 100} }

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	for key, value := range map[string]int{
		"rate-limiter-burst-size": c.Burst, "rate-limiter-registry-fetch-average-rate": c.FetchRate, "rate-limiter-full-fetch-average-rate": c.FullRate,
	} {
		if value <= 0 {
			faults = append(faults, config.FieldError{Key: key, Problem: "must be positive"})
		}
	}
	return errors.Join(faults...)
}

// limiter limits fetches (Netflix: RateLimitingFilter). The zero value limits nothing.
type limiter struct {
	cfg        Config
	all, whole *rate.Limiter
}

func newLimiter(cfg Config) limiter {
	if !cfg.RateLimited {
		return limiter{}
	}
	return limiter{cfg, rate.NewLimiter(rate.Limit(cfg.FetchRate), cfg.Burst), rate.NewLimiter(rate.Limit(cfg.FullRate), cfg.Burst)}
}

// allows reports whether a fetch may be answered.
func (l *limiter) allows(r *http.Request, whole bool) bool {
	if l.all == nil {
		return true
	}
	name := r.Header.Get("DiscoveryIdentity-Name")
	if slices.Contains(l.cfg.Privileged, name) || !l.cfg.LimitClients && (name == "DefaultClient" || name == "DefaultServer") {
		return true
	}
	return l.all.Allow() && (!whole || l.whole.Allow())
}

// How long a caller may take, so that slow ones cannot pile up.
const (
	patience = 20 * time.Second // for a body, and for the first bytes of an answer
	slowest  = 16 << 10         // bytes a second of an answer
)

// promptly gives the caller a time to send its body in.
func promptly(w http.ResponseWriter, body io.Reader) io.Reader {
	end := time.Now().Add(patience)
	_ = http.NewResponseController(w).SetReadDeadline(end) // a test's recorder has none
	return &prompt{Reader: body, end: end}
}

// prompt is a body that is whole in time or not at all: each of its bytes may come in time, and the last one never.
type prompt struct {
	io.Reader
	end   time.Time
	begun bool // most bodies are whole with the first read, before the end in any case
}

func (p *prompt) Read(b []byte) (int, error) {
	if p.begun && time.Now().After(p.end) {
		return 0, os.ErrDeadlineExceeded
	}
	p.begun = true
	return p.Reader.Read(b)
}

// expectReader gives the caller a time to read an answer in.
func expectReader(w http.ResponseWriter, size int) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + time.Duration(size/slowest)*time.Second)) // as above
}
