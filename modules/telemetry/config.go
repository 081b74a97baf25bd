package telemetry

import (
	"net/url"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "management.tracing" and "management.opentelemetry" can say. Bind it with [ConfigFrom], which also reads
// older names and OpenTelemetry's own variables.
type Config struct {
	Enabled     bool                     // management.opentelemetry.enabled: false gives providers that do nothing; default true
	Export      bool                     // management.tracing.export.enabled: false keeps spans inside; default true
	Probability float64                  // management.tracing.sampling.probability: share of new traces, 0 to 1; default 0.10
	Endpoint    string                   // management.opentelemetry.tracing.export.otlp.endpoint: full URL; default none, no export
	Headers     map[string]config.Secret // ….otlp.headers: sent with each export; default none
	Timeout     time.Duration            // ….otlp.timeout: of one export; default 10s
	Compression string                   // ….otlp.compression: none or gzip; default none
	Delay       time.Duration            // management.opentelemetry.tracing.export.schedule-delay: between exports; default 5s
	Service     string                   // service.name: spring.application.name; default unknown_service
	Version     string                   // service.version: spring.application.version; default none
	Namespace   string                   // service.namespace: spring.application.group; default none
	Conventions Conventions              // management.observations.conventions: names of metrics, otel, micrometer or both; default otel
	Attributes  map[string]string        // management.opentelemetry.resource-attributes.*: of every span; default none
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{Enabled: true, Export: true, Probability: 0.10, Timeout: 10 * time.Second, Compression: "none", Delay: 5 * time.Second, Service: "unknown_service", Conventions: OTel}
}

// Conventions are how metrics are named.
type Conventions string

// OpenTelemetry's semantic conventions, Micrometer's names and tags as Spring's dashboards expect them, or both.
const (
	OTel       Conventions = "otel"
	Micrometer Conventions = "micrometer"
	Both       Conventions = "both"
)

// management is the shape of the keys; see [Config].
type management struct {
	Tracing struct {
		Enabled  bool `config:"enabled"` // older name of export.enabled; default true
		Sampling struct {
			Probability float64 `config:"probability"` // share of new traces, 0 to 1; default 0.10
		} `config:"sampling"`
		Export struct {
			Enabled bool `config:"enabled"` // false keeps spans inside; default true
		} `config:"export"`
	} `config:"tracing"`
	OpenTelemetry struct {
		Enabled            bool              `config:"enabled"`             // false gives providers that do nothing; default true
		ResourceAttributes map[string]string `config:"resource-attributes"` // of every span; default none
		Tracing            struct {
			Export struct {
				ScheduleDelay time.Duration `config:"schedule-delay"` // between exports; default 5s
				OTLP          otlp          `config:"otlp"`
			} `config:"export"`
		} `config:"tracing"`
	} `config:"opentelemetry"`
	Older struct {
		Tracing otlp `config:"tracing"`
	} `config:"otlp"`
	Observations struct {
		Conventions Conventions `config:"conventions"` // ours: names of metrics, otel, micrometer (Spring's http.client.requests and the like) or both; default otel
	} `config:"observations"`
}

type otlp struct {
	Endpoint    string                   `config:"endpoint"`    // full URL, such as http://collector:4318/v1/traces; default none, no export
	Headers     map[string]config.Secret `config:"headers"`     // sent with each export; default none
	Timeout     time.Duration            `config:"timeout"`     // of one export; default 10s
	Compression string                   `config:"compression"` // none or gzip; default none
}

// Validate reports everything that cannot work.
func (m management) Validate() error {
	var faults faults
	if p := m.Tracing.Sampling.Probability; !(p >= 0 && p <= 1) {
		faults.add("tracing.sampling.probability", "must be between 0 and 1")
	}
	if m.OpenTelemetry.Tracing.Export.ScheduleDelay <= 0 {
		faults.add("opentelemetry.tracing.export.schedule-delay", "must be positive")
	}
	switch m.Observations.Conventions {
	case OTel, Micrometer, Both:
	default:
		faults.add("observations.conventions", "must be one of otel, micrometer, both")
	}
	faults.otlp("opentelemetry.tracing.export.otlp", m.OpenTelemetry.Tracing.Export.OTLP)
	faults.otlp("otlp.tracing", m.Older.Tracing)
	return faults.joined()
}

// environment is OpenTelemetry's own variables, as configuration keys.
type environment struct {
	SDK struct {
		Disabled bool `config:"disabled"`
	} `config:"sdk"`
	Service struct {
		Name string `config:"name"`
	} `config:"service"`
	Resource struct {
		Attributes string `config:"attributes"`
	} `config:"resource"`
	Exporter struct {
		OTLP struct {
			Endpoint string        `config:"endpoint"`
			Headers  config.Secret `config:"headers"`
			Traces   struct {
				Endpoint string        `config:"endpoint"`
				Headers  config.Secret `config:"headers"`
			} `config:"traces"`
		} `config:"otlp"`
	} `config:"exporter"`
}

// Validate reports endpoints that are none.
func (e environment) Validate() error {
	var faults faults
	faults.endpoint("exporter.otlp.endpoint", e.Exporter.OTLP.Endpoint)
	faults.endpoint("exporter.otlp.traces.endpoint", e.Exporter.OTLP.Traces.Endpoint)
	return faults.joined()
}

// ConfigFrom binds the settings of a program.
func ConfigFrom(c *config.Config) (Config, error) {
	cfg := DefaultConfig()
	var m management
	m.Tracing.Enabled, m.Tracing.Export.Enabled, m.OpenTelemetry.Enabled = true, true, true
	m.Tracing.Sampling.Probability = cfg.Probability
	m.Observations.Conventions = cfg.Conventions
	m.OpenTelemetry.Tracing.Export.ScheduleDelay = cfg.Delay
	m, err := config.Bind(c, "management", m)
	if err != nil {
		return cfg, err
	}
	env, err := config.Bind(c, "otel", environment{})
	if err != nil {
		return cfg, err
	}
	application, err := config.Bind(c, "spring.application", struct{ Name, Group, Version string }{})
	if err != nil {
		return cfg, err
	}
	cfg.Enabled = m.OpenTelemetry.Enabled && !env.SDK.Disabled
	cfg.Export = m.Tracing.Enabled && m.Tracing.Export.Enabled
	cfg.Probability = m.Tracing.Sampling.Probability
	cfg.Conventions = m.Observations.Conventions
	cfg.Delay = m.OpenTelemetry.Tracing.Export.ScheduleDelay
	cfg.exporter(m.OpenTelemetry.Tracing.Export.OTLP, m.Older.Tracing, env)
	cfg.Service = first(application.Name, env.Service.Name, cfg.Service)
	cfg.Namespace, cfg.Version = application.Group, application.Version
	cfg.Attributes = pairs(env.Resource.Attributes)
	for key, value := range m.OpenTelemetry.ResourceAttributes {
		cfg.Attributes[key] = value
	}
	return cfg, nil
}

func (c *Config) exporter(named, older otlp, env environment) {
	variables := env.Exporter.OTLP
	c.Endpoint = first(named.Endpoint, older.Endpoint, variables.Traces.Endpoint)
	if c.Endpoint == "" && variables.Endpoint != "" {
		c.Endpoint = strings.TrimSuffix(variables.Endpoint, "/") + "/v1/traces"
	}
	c.Headers = map[string]config.Secret{}
	for key, value := range pairs(string(first(variables.Traces.Headers, variables.Headers))) {
		c.Headers[key] = config.Secret(value)
	}
	for _, headers := range []map[string]config.Secret{older.Headers, named.Headers} {
		for key, value := range headers {
			c.Headers[key] = value
		}
	}
	c.Timeout = first(named.Timeout, older.Timeout, c.Timeout)
	c.Compression = first(named.Compression, older.Compression, c.Compression)
}

// pairs reads "a=b,c=d", values percent-encoded, as OpenTelemetry's variables are written.
func pairs(text string) map[string]string {
	all := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
			value = decoded
		}
		all[strings.TrimSpace(key)] = value
	}
	return all
}

func first[T comparable](values ...T) T {
	var none T
	for _, value := range values {
		if value != none {
			return value
		}
	}
	return none
}
