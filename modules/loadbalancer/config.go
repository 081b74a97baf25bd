package loadbalancer

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "spring.cloud.loadbalancer" in application.yml can say.
type Config struct {
	Enabled   bool      `config:"enabled"` // default true
	Service             // what counts for all services
	Ejection  Ejection  `config:"ejection"`
	EagerLoad EagerLoad `config:"eager-load"`

	Clients map[string]Service `config:"clients"` // settings of one service; names ignore case
}

// EagerLoad is Spring's: services whose first call does not do what is done but once.
type EagerLoad struct {
	Clients []string `config:"clients"` // services that are looked up, and whose health checks begin, at start; default none
}

// Ejection is ours: an instance that fails five calls in a row is left alone for 5 s, and for twice as long each time that it
// fails again, up to 5 min.
type Ejection struct {
	Enabled bool `config:"enabled"` // ours; default true
}

// Service is what can be set for all services, and for one under "clients.<service>". What is not set there is as for all; in a Config
// that a program writes itself the zero value says so.
type Service struct {
	whole bool // nothing is to be taken from what is set for all

	Strategy       string            `config:"strategy"`       // how instances are chosen; default random (Spring: round-robin)
	Configurations []string          `config:"configurations"` // whom to choose among: default, zone-preference, subset, health-check, api-version, request-based-sticky-session, weighted, same-instance-preference; ours: several; default default
	Zone           string            `config:"zone"`           // own zone, for zone-preference; default that of the own instance in Eureka
	Retry          Retry             `config:"retry"`
	Hedge          Hedge             `config:"hedge"`
	Bulkhead       Bulkhead          `config:"bulkhead"`
	Hint           map[string]string `config:"hint"`             // by service, or default: the metadata "hint" of instances that are preferred; default default
	HintHeader     string            `config:"hint-header-name"` // of requests that carry a hint; default X-SC-LB-Hint
	APIVersion     APIVersion        `config:"api-version"`
	Subset         Subset            `config:"subset"`
	Sticky         Sticky            `config:"sticky-session"`
	ConsistentHash HashKey           `config:"consistent-hash"`
	SlowStart      SlowStart         `config:"slow-start"`
	HealthCheck    HealthCheck       `config:"health-check"`
	Stats          CallStats         `config:"stats"`
	XForwarded     XForwarded        `config:"x-forwarded"`
}

// Retry is Spring's rules for trying again. What is not set follows ours: every other instance is tried once, for any method
// when nothing was sent, and for idempotent ones after that.
type Retry struct {
	Enabled       *bool `config:"enabled"`                              // false: one attempt; default true
	AllOperations *bool `config:"retry-on-all-operations"`              // every method counts as idempotent; default false
	AllExceptions *bool `config:"retry-on-all-exceptions"`              // also true when false: every failure of a connection and every time-out counts; default false
	SameInstance  *int  `config:"max-retries-on-same-service-instance"` // further attempts at an instance; default 0
	NextInstance  *int  `config:"max-retries-on-next-service-instance"` // further instances; default all
	StatusCodes   []int `config:"retryable-status-codes"`               // answers that count as failures; default 502, 503, 504
	AvoidPrevious *bool `config:"avoid-previous-instance"`              // false: the next attempt may go to an instance that was tried, and there is one unless more are allowed; default true

	Backoff Backoff     `config:"backoff"`
	Budget  RetryBudget `config:"budget"`
}

// Backoff is how long a call waits when it has tried every instance, before it tries them all again. Spring waits before every
// attempt; here another instance is asked at once.
type Backoff struct {
	Enabled *bool          `config:"enabled"`     // try all instances again, three times or as often as max-retries-on-next-service-instance says; default false
	Min     *time.Duration `config:"min-backoff"` // of the first wait, which doubles with each; default 5ms
	Max     *time.Duration `config:"max-backoff"` // of any wait; default 1s (Spring: no limit)
	Jitter  *float64       `config:"jitter"`      // share by which a wait may be longer or shorter, 0 to 1; default 0.5
}

// RetryBudget bounds how much load retries may add to a service that is in trouble. Attempts after a failed dial are free: they
// reached nobody.
type RetryBudget struct {
	Ratio     *float64 `config:"ratio"`                  // ours: retries for each call; default 0.2
	PerSecond *int     `config:"min-retries-per-second"` // ours: further retries a second; default 10
}

// Hedge sends an idempotent call that was not answered in time to a second instance as well. The first answer counts, and the
// other attempt is cancelled. Hedges draw on the budget of retries.
type Hedge struct {
	Delay *time.Duration `config:"delay"` // ours: how long the first instance has, such as the 95th percentile of its latency; default 0, which means never
}

// Bulkhead bounds how many calls to a service are under way, so that a slow one does not take all that the caller has. The names
// are Resilience4j's.
type Bulkhead struct {
	MaxConcurrentCalls *int           `config:"max-concurrent-calls"` // ours: calls under way; default 0, which means no limit
	MaxWait            *time.Duration `config:"max-wait-duration"`    // ours: how long a further call waits for its turn; default 0
}

// APIVersion is Spring's: with the configuration api-version a request goes to instances whose metadata "API_VERSION" is the version that
// it asks for. 1, v1 and 1.0 are the same.
type APIVersion struct {
	Required       bool              `config:"required"`                        // a request that names no version fails, whatever the default; default false
	Default        string            `config:"default"`                         // of requests that name none; default none
	Header         string            `config:"header"`                          // whose value is the version; default none
	QueryParameter string            `config:"query-parameter"`                 // whose value is the version; default none
	PathSegment    *int              `config:"path-segment"`                    // which is the version, from 0; default none
	MediaTypes     map[string]string `config:"media-type-parameters"`           // by type, the parameter of Accept or Content-Type that is the version; default none
	Fallback       bool              `config:"fallback-to-available-instances"` // others are used when no instance has the version; default false: the call fails
}

// Subset is Spring's way to keep connections few where both callers and instances are many: each caller uses some, for as long as
// one of them can be called. Unlike in Spring it does not depend on the order of the registry, and few callers change when
// an instance comes or goes.
type Subset struct {
	InstanceID string `config:"instance-id"` // of the caller; default that in Eureka
	Size       int    `config:"size"`        // of the instances that it uses; default 100
}

// Sticky is Spring's request-based sticky session: a request that names an instance goes there, as long as it can be called.
type Sticky struct {
	Cookie    string `config:"instance-id-cookie-name"`     // that names the instance; default sc-lb-instance-id
	Header    string `config:"header-name"`                 // ours: that names it, too; default none
	AddCookie *bool  `config:"add-service-instance-cookie"` // tell the instance which one it is; default false
}

// HashKey is ours: where the strategy consistent-hash finds the key of a request for which the caller gives none.
type HashKey struct {
	Header string `config:"header-name"` // ours: whose value is the key; default none
	Cookie string `config:"cookie-name"` // ours: whose value is the key; default none
}

// SlowStart is ours: an instance that appears, not one of those known at first, gets its share of calls little by little.
type SlowStart struct {
	Window time.Duration `config:"window"` // ours: until it has all of its share; default 0s: at once
}

// HealthCheck is Spring's: instances that do not answer a probe with 2xx are avoided while another does.
type HealthCheck struct {
	InitialDelay time.Duration     `config:"initial-delay"` // before the first probes; default 0s
	Interval     time.Duration     `config:"interval"`      // between probes, and for one; default 25s
	Path         map[string]string `config:"path"`          // by service, or default; "" probes none; default /actuator/health
	Port         int               `config:"port"`          // of probes; default the instance's

	Repeat       *bool         `config:"repeat-health-check"`        // false: probe once, or as often as instances are fetched again; default true
	Refetch      bool          `config:"refetch-instances"`          // probe whoever is listed at intervals of its own, too; each round asks the registry's snapshot anyway; default false
	RefetchEvery time.Duration `config:"refetch-instances-interval"` // between such looks; default 25s
	UpdateList   *bool         `config:"update-results-list"`        // false: what probes find counts when the last one has ended; default true: each at once
}

// CallStats is about Spring's metrics of calls.
type CallStats struct {
	Micrometer  MicrometerStats `config:"micrometer"`
	IncludePath *bool           `config:"include-path"` // false: the tag "uri" of Spring's metrics is UNKNOWN; default true
}

// MicrometerStats is read for all services alike, when the program starts.
type MicrometerStats struct {
	Enabled *bool `config:"enabled"` // measure every call of an instance; default true with management.observations.conventions micrometer or both, else false
}

// XForwarded is Spring's.
type XForwarded struct {
	Enabled *bool `config:"enabled"` // send X-Forwarded-Host and X-Forwarded-Proto of the URL by name; default false
}

// The values of spring.cloud.loadbalancer.configurations that are known here.
const (
	defaultConfiguration = "default"
	zonePreference       = "zone-preference"
	subset               = "subset"
	healthCheck          = "health-check"
	apiVersion           = "api-version"
	stickySession        = "request-based-sticky-session"
	sameInstance         = "same-instance-preference" // the strategy stick, in Spring's words
	weightedInstances    = "weighted"                 // the strategy weighted
)

var configurations = []string{defaultConfiguration, zonePreference, subset, healthCheck, apiVersion, stickySession, sameInstance, weightedInstances}

// unknown returns the configurations that are set and not known here.
func (c Config) unknown() []string {
	all := slices.Clone(c.Configurations)
	for _, s := range c.Clients {
		all = append(all, s.Configurations...)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return slices.Contains(configurations, name) })
	slices.Sort(all)
	return slices.Compact(all)
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Enabled: true, Service: defaultService(), Ejection: Ejection{Enabled: true}}
}

func defaultService() Service {
	return Service{
		Strategy: Random, Configurations: []string{defaultConfiguration}, HintHeader: "X-SC-LB-Hint",
		Subset: Subset{Size: 100}, Sticky: Sticky{Cookie: "sc-lb-instance-id"}, HealthCheck: HealthCheck{Interval: defaultInterval, RefetchEvery: defaultInterval},
	}
}

// Validate reports everything that cannot work, but for unknown strategies, which [New] reports.
func (c Config) Validate() error {
	faults := c.faults("")
	for _, name := range slices.Sorted(maps.Keys(c.Clients)) {
		faults = append(faults, c.Clients[name].faults("clients."+name+".")...)
	}
	return errors.Join(faults...)
}

func (s Service) faults(prefix string) (faults []error) {
	add := func(key, problem string) {
		faults = append(faults, config.FieldError{Key: prefix + key, Problem: problem})
	}
	r := &s.Retry
	for _, n := range []struct {
		key   string
		value *int
	}{
		{"retry.max-retries-on-same-service-instance", r.SameInstance}, {"retry.max-retries-on-next-service-instance", r.NextInstance},
		{"retry.budget.min-retries-per-second", r.Budget.PerSecond}, {"subset.size", &s.Subset.Size},
		{"bulkhead.max-concurrent-calls", s.Bulkhead.MaxConcurrentCalls},
	} {
		if n.value != nil && *n.value < 0 {
			add(n.key, "must not be negative")
		}
	}
	if f := r.Budget.Ratio; f != nil && !(*f >= 0 && *f <= mostRatio) {
		add("retry.budget.ratio", fmt.Sprintf("must be from 0 to %d", mostRatio))
	}
	if f := r.Backoff.Jitter; f != nil && !(*f >= 0 && *f <= 1) {
		add("retry.backoff.jitter", "must be from 0 to 1")
	}
	for _, code := range r.StatusCodes {
		if code < 100 || code > 599 {
			add("retry.retryable-status-codes", fmt.Sprintf("%d is not an HTTP status", code))
		}
	}
	for _, d := range []struct {
		key   string
		value *time.Duration
	}{
		{"retry.backoff.min-backoff", r.Backoff.Min}, {"retry.backoff.max-backoff", r.Backoff.Max}, {"hedge.delay", s.Hedge.Delay},
		{"bulkhead.max-wait-duration", s.Bulkhead.MaxWait}, {"slow-start.window", &s.SlowStart.Window},
		{"health-check.initial-delay", &s.HealthCheck.InitialDelay}, {"health-check.interval", &s.HealthCheck.Interval},
		{"health-check.refetch-instances-interval", &s.HealthCheck.RefetchEvery},
	} {
		if d.value != nil && *d.value < 0 {
			add(d.key, "must not be negative")
		}
	}
	if at := s.APIVersion.PathSegment; at != nil && *at < 0 {
		add("api-version.path-segment", "must not be negative")
	}
	if p := s.HealthCheck.Port; p < 0 || p > 65535 {
		add("health-check.port", fmt.Sprintf("%d is not a port", p))
	}
	for _, service := range slices.Sorted(maps.Keys(s.HealthCheck.Path)) {
		if p := s.HealthCheck.Path[service]; p != "" && !strings.HasPrefix(p, "/") {
			add("health-check.path."+service, fmt.Sprintf("%q does not begin with a slash", p))
		}
	}
	return faults
}

// mostRatio bounds the ratio of a budget: nobody means more.
const mostRatio = 1000

// of returns the settings of a service: its own where set.
func (c Config) of(service string) *Service {
	s := c.Service
	if own, ok := folded(c.Clients, service); ok {
		if !own.whole {
			inherit(reflect.ValueOf(&own).Elem(), reflect.ValueOf(s))
		}
		s = own
	}
	for _, header := range []*string{&s.HintHeader, &s.Sticky.Header, &s.ConsistentHash.Header, &s.APIVersion.Header} {
		*header = http.CanonicalHeaderKey(*header)
	}
	// Spring's words for two of our strategies, which stand beside a choice that says nothing of whom to prefer.
	if s.Strategy == Random || s.Strategy == RoundRobin {
		switch {
		case s.has(weightedInstances):
			s.Strategy = Weighted
		case s.has(sameInstance):
			s.Strategy = Stick
		}
	}
	return &s
}

// inherit fills in what is not set.
func inherit(own, all reflect.Value) {
	for i := range own.NumField() {
		switch f := own.Field(i); {
		case !f.CanSet():
		case f.Kind() == reflect.Struct:
			inherit(f, all.Field(i))
		case f.IsZero():
			f.Set(all.Field(i))
		}
	}
}

func (s *Service) has(configuration string) bool {
	return slices.Contains(s.Configurations, configuration)
}

// folded looks a service up whose case does not matter.
func folded[T any](m map[string]T, service string) (T, bool) {
	for name, value := range m {
		if strings.EqualFold(name, service) {
			return value, true
		}
	}
	var none T
	return none, false
}

// byService looks up what may be set for a service or by default.
func byService(m map[string]string, service, otherwise string) string {
	for _, name := range []string{service, "default"} {
		if value, ok := folded(m, name); ok {
			return value
		}
	}
	return otherwise
}

func on(b *bool) bool { return b != nil && *b }
