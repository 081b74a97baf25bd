package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// configServer imports from Spring Cloud Config servers: "configserver:http://config:8888". Settings live under
// "spring.cloud.config", as Spring has them.
type configServer struct{}

var _ importer = configServer{}

// serverSettings is "spring.cloud.config", read before the server is asked.
type serverSettings struct {
	Enabled        bool              `config:"enabled"`                 // whether config servers are asked; default true
	URI            []string          `config:"uri"`                     // servers, tried in order; one in the import wins; default http://localhost:8888
	Name           string            `config:"name"`                    // of the configuration, several with commas; default spring.application.name, else application
	Profile        string            `config:"profile"`                 // instead of the active profiles; default those, else default
	Label          string            `config:"label"`                   // such as a branch; several with commas are tried in order; default the server's
	SendAllLabels  bool              `config:"send-all-labels"`         // send several labels at once instead; default false
	Username       string            `config:"username"`                // credentials in the address win; default user, when there is a password
	Password       Secret            `config:"password"`                // default none
	Token          Secret            `config:"token"`                   // sent as X-Config-Token; default none
	Headers        map[string]Secret `config:"headers"`                 // sent as they are
	FailFast       bool              `config:"fail-fast"`               // fail, after retries, even when the import is optional; default false
	ConnectTimeout time.Duration     `config:"request-connect-timeout"` // default 10s
	ReadTimeout    time.Duration     `config:"request-read-timeout"`    // for the whole answer; default 185s
	Strategy       string            `config:"multiple-uri-strategy"`   // always: any error leads to the next server; connection-timeout-only; default always
	Retry          retrySettings     `config:"retry"`
	Discovery      struct {
		Enabled bool `config:"enabled"` // not supported: true is a failure; default false
	} `config:"discovery"`
	TLS serverTLS `config:"tls"`
}

// retrySettings is "spring.cloud.config.retry". It counts with fail-fast only.
type retrySettings struct {
	Enabled         bool    `config:"enabled"`          // default true
	InitialInterval int64   `config:"initial-interval"` // milliseconds before the second attempt; default 1000
	Multiplier      float64 `config:"multiplier"`       // of the interval from one to the next; default 1.1
	MaxInterval     int64   `config:"max-interval"`     // milliseconds; default 2000
	MaxAttempts     int     `config:"max-attempts"`     // default 6
}

func defaultServerSettings() serverSettings {
	return serverSettings{
		Enabled: true, URI: []string{"http://localhost:8888"}, ConnectTimeout: 10 * time.Second, ReadTimeout: 185 * time.Second, Strategy: "always",
		Retry: retrySettings{Enabled: true, InitialInterval: 1000, Multiplier: 1.1, MaxInterval: 2000, MaxAttempts: 6},
	}
}

// Validate reports everything that cannot work.
func (s serverSettings) Validate() error {
	var errs []error
	fault := func(key, problem string) { errs = append(errs, FieldError{Key: key, Problem: problem}) }
	if s.ConnectTimeout <= 0 {
		fault("request-connect-timeout", "must be positive")
	}
	if s.ReadTimeout <= 0 {
		fault("request-read-timeout", "must be positive")
	}
	switch uniform(s.Strategy) {
	case "always", "connectiontimeoutonly":
	default:
		fault("multiple-uri-strategy", "must be always or connection-timeout-only")
	}
	if s.Discovery.Enabled {
		fault("discovery.enabled", "config servers cannot be looked up; name them in spring.cloud.config.uri")
	}
	return errors.Join(append(errs, s.Retry.validate(), s.TLS.validate())...)
}

func (r retrySettings) validate() error {
	var errs []error
	if r.MaxAttempts < 1 {
		errs = append(errs, FieldError{Key: "retry.max-attempts", Problem: "must be positive"})
	}
	if r.InitialInterval < 1 || r.MaxInterval < r.InitialInterval {
		errs = append(errs, FieldError{Key: "retry.initial-interval", Problem: "must be positive and no longer than retry.max-interval"})
	}
	if r.Multiplier < 1 {
		errs = append(errs, FieldError{Key: "retry.multiplier", Problem: "must be at least 1"})
	}
	return errors.Join(errs...)
}

// load implements [importer].
func (configServer) load(ctx context.Context, r importRequest) ([]*Source, error) {
	settings, err := Bind(r.settings, "spring.cloud.config", defaultServerSettings())
	if err != nil {
		return nil, err
	}
	if !settings.Enabled {
		return nil, nil
	}
	if err := settings.options(r); err != nil {
		return nil, err
	}
	servers, err := settings.servers(r)
	if err != nil {
		return nil, err
	}
	client, err := newServerClient(settings, servers)
	if err != nil {
		return nil, r.failure(err.Error(), "Correct spring.cloud.config.tls.")
	}
	defer client.close()
	name, err := settings.name(r.settings)
	if err != nil {
		return nil, err
	}
	first := []string{"default"}
	if settings.Profile != "" {
		first = splitList(settings.Profile)
	}
	profiles := first
	if r.profiles != nil && settings.Profile == "" {
		profiles = r.profiles
	}
	if r.profiles != nil && slices.Equal(profiles, first) {
		return nil, nil // asked already
	}
	answer, err := client.environment(ctx, name, strings.Join(profiles, ","))
	if err == nil {
		return answer.sources(profiles, r.profiles != nil)
	}
	return nil, settings.unreachable(r, err)
}

// unreachable is what becomes of an error: a failure, or a warning when the import is optional.
func (s serverSettings) unreachable(r importRequest, err error) error {
	var bad *serverError
	if !errors.As(err, &bad) {
		bad = &serverError{problem: err.Error()}
	}
	if r.optional && !s.FailFast {
		r.warn("going on without the config server: " + bad.problem)
		return nil
	}
	advice := []string{cmp.Or(bad.advice, "Start the config server or correct its address.")}
	if s.FailFast {
		advice = append(advice, "Set spring.cloud.config.fail-fast to false if the program can do without it.")
	}
	if !r.optional {
		advice = append(advice, "Write optional: before the import if the program can do without it.")
	}
	problem := bad.problem
	if s.FailFast {
		problem += " (fail-fast is set)"
	}
	return r.failure(problem, strings.Join(advice, " "))
}

func (r importRequest) failure(problem, advice string) *LoadError {
	return &LoadError{Origin: r.origin, Problem: problem, Advice: advice, keys: []string{"spring.config.import"}}
}

// name is what the configuration is called on the server.
func (s serverSettings) name(c *Config) (string, error) {
	if s.Name != "" {
		return s.Name, nil
	}
	name, _, err := c.Value("spring.application.name")
	return cmp.Or(name, "application"), err
}

// options reads what stands behind the address in the import: ?fail-fast=true&max-attempts=10.
func (s *serverSettings) options(r importRequest) error {
	_, query, ok := strings.Cut(r.location, "?")
	if !ok {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return r.failure("the options of the import are not key=value&key=value", "Correct spring.config.import.")
	}
	for key := range values {
		text := values.Get(key)
		var err error
		switch key {
		case "fail-fast":
			s.FailFast, err = parseBool(text)
		case "max-attempts":
			s.Retry.MaxAttempts, err = strconv.Atoi(text)
		case "initial-interval":
			s.Retry.InitialInterval, err = strconv.ParseInt(text, 10, 64)
		case "max-interval":
			s.Retry.MaxInterval, err = strconv.ParseInt(text, 10, 64)
		case "multiplier":
			s.Retry.Multiplier, err = strconv.ParseFloat(text, 64)
		}
		if err != nil {
			return r.failure(fmt.Sprintf("the option %s of the import cannot be %q", key, text), "Correct "+key+" in spring.config.import.")
		}
	}
	if err := s.Retry.validate(); err != nil {
		return r.failure("the options of the import cannot be used: "+err.Error(), "Correct spring.config.import.")
	}
	return nil
}

// server is one address, its credentials apart so that no message can show them.
type server struct {
	url      *url.URL // no credentials
	username string
	password Secret
}

func (s serverSettings) servers(r importRequest) ([]server, error) {
	addresses := s.URI
	if own, _, _ := strings.Cut(r.location, "?"); own != "" {
		addresses = strings.Split(own, ",")
	}
	var all []server
	for _, address := range addresses {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, r.failure("the address of a config server is not a URL such as http://config:8888", "Correct spring.config.import or spring.cloud.config.uri.")
		}
		one := server{username: s.Username, password: s.Password}
		if u.User != nil {
			password, _ := u.User.Password()
			one.username, one.password = u.User.Username(), Secret(password)
		}
		if one.username == "" && one.password != "" {
			one.username = "user" // Spring's default
		}
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), ""
		one.url = u
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, r.failure("no config server is named", "Set spring.cloud.config.uri.")
	}
	return all, nil
}

// sources are those of an answer, highest precedence first. Spring lets a server say which profiles are active where it is
// asked without any, and refuses it where they are known.
func (e *environment) sources(profiles []string, known bool) ([]*Source, error) {
	all := make([]*Source, 0, len(e.PropertySources)+1)
	for _, p := range e.PropertySources {
		s, err := p.source()
		if err != nil {
			return nil, err
		}
		s.once = true
		s.forProfile = slices.ContainsFunc(profiles, func(profile string) bool {
			return strings.Contains(p.Name, "-"+profile) || strings.Contains(p.Name, ","+profile)
		})
		if known {
			if err := refuseProfiles(s); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	var about []entry
	for _, one := range []struct{ key, value string }{{"config.client.version", e.Version}, {"config.client.state", e.State}} {
		if one.value != "" {
			about = append(about, entry{key: one.key, value: one.value, origin: Origin{Source: "configserver"}})
		}
	}
	if len(about) > 0 {
		client := newSource("configClient", about)
		client.once = true
		all = append(all, client)
	}
	return all, nil
}

func refuseProfiles(s *Source) error {
	for _, name := range []string{"active", "default", "include"} {
		for _, suffix := range []string{"", ".0"} {
			if e := s.find("spring.profiles."+name+suffix, ""); e != nil {
				return &LoadError{
					Origin: e.origin, Problem: fmt.Sprintf("spring.profiles.%s cannot come from a config server: its answer already depends on profiles", name),
					Advice: fmt.Sprintf("Move spring.profiles.%s to a file of this program.", name), keys: []string{"spring.profiles." + name},
				}
			}
		}
	}
	return nil
}
