package web

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/ssl"
)

// Config is what "server" in application.yml can say.
type Config struct {
	Port            int              `config:"port"`                         // of the listener, 0 for a free one; default 8080
	Address         string           `config:"address"`                      // that the listener is bound to; default all
	Shutdown        Shutdown         `config:"shutdown"`                     // graceful or immediate; the former lets requests in flight finish; default graceful
	Header          string           `config:"server-header"`                // value of the header Server; default none
	MaxHeader       config.DataSize  `config:"max-http-request-header-size"` // of request line and headers; default 8KB
	ForwardHeaders  ForwardHeaders   `config:"forward-headers-strategy"`     // native or framework: X-Forwarded-* of internal proxies is believed; default none, native on a cloud platform
	DeadlineHeader  string           `config:"deadline-header"`              // ours: header with the milliseconds that a caller waits, such as X-Envoy-Expected-Rq-Timeout-Ms, which bounds the request's context; default none
	Servlet         Servlet          `config:"servlet"`
	Tomcat          Tomcat           `config:"tomcat"`
	HTTP2           HTTP2            `config:"http2"`
	Compression     Compression      `config:"compression"`
	MaxBody         config.DataSize  `config:"max-request-body-size"` // ours: of a request's body; default 2MB, -1 for any
	TimeoutPerPhase time.Duration    `config:"-"`                     // spring.lifecycle.timeout-per-shutdown-phase: for requests in flight; default 30s
	RequestTimeout  time.Duration    `config:"-"`                     // spring.mvc.async.request-timeout: of a request's context; default none
	ProblemDetails  bool             `config:"-"`                     // spring.mvc.problemdetails.enabled; default true
	Error           ErrorConfig      `config:"-"`                     // spring.web.error
	CORS            CORSConfig       `config:"-"`                     // web.cors
	SSL             ssl.ServerConfig `config:"ssl"`
}

// Servlet is the part of the keys that Spring has for its servlet stack.
type Servlet struct {
	ContextPath string `config:"context-path"` // prefix of all routes; default none
}

// Tomcat is the part of Tomcat's keys that have a meaning here.
type Tomcat struct {
	ConnectionTimeout time.Duration `config:"connection-timeout"` // for the headers of a request, then for each read of its body and each write of the answer; default 20s
	KeepAliveTimeout  time.Duration `config:"keep-alive-timeout"` // of an idle connection; default 75s
	RemoteIP          RemoteIP      `config:"remoteip"`
}

// RemoteIP is "server.tomcat.remoteip".
type RemoteIP struct {
	InternalProxies string `config:"internal-proxies"` // whose X-Forwarded-* is believed: networks (ours), such as 10.0.0.0/8, or a regular expression of addresses; default the private networks
}

// HTTP2 is "server.http2".
type HTTP2 struct {
	Enabled bool `config:"enabled"` // HTTP/2 over TLS, and without TLS for callers that know beforehand (h2c); default false
}

// Compression is "server.compression".
type Compression struct {
	Enabled             bool            `config:"enabled"`               // gzip for callers that accept it; default false
	MinResponseSize     config.DataSize `config:"min-response-size"`     // below which a body stays as it is; default 2KB
	MimeTypes           []string        `config:"mime-types"`            // that are compressed; default text/html, text/xml, text/plain, text/css, text/javascript, application/javascript, application/json, application/xml
	AdditionalMimeTypes []string        `config:"additional-mime-types"` // beside those; default none
	ExcludedUserAgents  []string        `config:"excluded-user-agents"`  // regular expressions of callers that get no compression; default none
}

// ErrorConfig is "spring.web.error" (Boot 3: "server.error"): what error documents tell where problem documents are off.
type ErrorConfig struct {
	IncludeMessage       Include `config:"include-message"`        // never, always, or on-param: with ?message; default never
	IncludeBindingErrors Include `config:"include-binding-errors"` // faulty fields, with ?errors; default never
	IncludeStackTrace    Include `config:"include-stacktrace"`     // stack of a panic, with ?trace; default never
	IncludePath          Include `config:"include-path"`           // with ?path; default always
	IncludeException     bool    `config:"include-exception"`      // the error's Go type; default false
}

// Include says when something is part of an error document.
type Include string

// The values of [Include].
const (
	Never   Include = "never"
	Always  Include = "always"
	OnParam Include = "on-param"
)

// UnmarshalText accepts the values in any case.
func (i *Include) UnmarshalText(text []byte) error {
	one, err := config.Choice(string(text), string(Never), string(Always), string(OnParam))
	*i = Include(one)
	return err
}

// CORSConfig is "web.cors", ours: which pages of other origins may call. Off while there is no origin.
type CORSConfig struct {
	AllowedOrigins        []string      `config:"allowed-origins"`         // such as https://shop.example, or *; default none: off
	AllowedOriginPatterns []string      `config:"allowed-origin-patterns"` // with one * each, such as https://*.example; default none
	AllowedMethods        []string      `config:"allowed-methods"`         // default GET, HEAD, POST
	AllowedHeaders        []string      `config:"allowed-headers"`         // of requests, or *; default *
	ExposedHeaders        []string      `config:"exposed-headers"`         // of answers, beside those that pages always see; default none
	AllowCredentials      bool          `config:"allow-credentials"`       // cookies and the like; not with allowed-origins *; default false
	MaxAge                time.Duration `config:"max-age,unit=s"`          // for which browsers may remember; default 1800s
}

// Validate reports everything that cannot work.
func (c CORSConfig) Validate() error {
	if c.AllowCredentials && slices.Contains(c.AllowedOrigins, "*") {
		return config.FieldError{Key: "allow-credentials", Problem: "cannot be true for every origin: name the origins, or use allowed-origin-patterns"}
	}
	for i, p := range c.AllowedOriginPatterns {
		if strings.Count(p, "*") > 1 {
			return config.FieldError{Key: fmt.Sprintf("allowed-origin-patterns[%d]", i), Problem: "may hold one * only"}
		}
	}
	return nil
}

func (c CORSConfig) on() bool { return len(c.AllowedOrigins)+len(c.AllowedOriginPatterns) > 0 }

// Shutdown says whether a stop lets callers leave.
type Shutdown string

// The values of [Shutdown].
const (
	Graceful  Shutdown = "graceful"
	Immediate Shutdown = "immediate"
)

// UnmarshalText accepts the values in any case.
func (s *Shutdown) UnmarshalText(text []byte) error {
	switch one := Shutdown(strings.ToLower(string(text))); one {
	case Graceful, Immediate:
		*s = one
		return nil
	}
	return fmt.Errorf("%q is neither graceful nor immediate", text)
}

// ForwardHeaders says whether X-Forwarded-* headers are believed.
type ForwardHeaders string

// UnmarshalText accepts none, native and framework.
func (f *ForwardHeaders) UnmarshalText(text []byte) error {
	switch one := ForwardHeaders(strings.ToLower(string(text))); one {
	case "none", "native", "framework":
		*f = one
		return nil
	}
	return fmt.Errorf("%q is not one of none, native, framework", text)
}

// DefaultConfig returns the settings in force when application.yml is silent.
func DefaultConfig() Config {
	return Config{
		Port: 8080, Shutdown: Graceful, MaxHeader: 8 * config.Kilobyte, MaxBody: 2 * config.Megabyte, ForwardHeaders: "",
		Tomcat:          Tomcat{ConnectionTimeout: 20 * time.Second, KeepAliveTimeout: 75 * time.Second},
		TimeoutPerPhase: 30 * time.Second, ProblemDetails: true, Error: defaultErrorConfig(), CORS: defaultCORS(),
		Compression: Compression{
			MinResponseSize: 2 * config.Kilobyte,
			MimeTypes: []string{
				"text/html", "text/xml", "text/plain", "text/css", "text/javascript", "application/javascript", "application/json", "application/xml",
			},
		},
	}
}

func defaultErrorConfig() ErrorConfig {
	return ErrorConfig{IncludeMessage: Never, IncludeBindingErrors: Never, IncludeStackTrace: Never, IncludePath: Always}
}

func defaultCORS() CORSConfig {
	return CORSConfig{AllowedMethods: []string{"GET", "HEAD", "POST"}, AllowedHeaders: []string{"*"}, MaxAge: 30 * time.Minute}
}

// Validate reports everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	fault := func(key, problem string) { faults = append(faults, config.FieldError{Key: key, Problem: problem}) }
	if c.Port < 0 || c.Port > 65535 {
		fault("port", "must be between 0 and 65535, or -1 for no listener")
	}
	if c.Address != "" && net.ParseIP(strings.Trim(c.Address, "[]")) == nil && strings.ContainsAny(c.Address, ":/ ") {
		fault("address", "must be an address or a host name, without a port")
	}
	if c.MaxHeader <= 0 {
		fault("max-http-request-header-size", "must be positive")
	}
	if c.Tomcat.ConnectionTimeout <= 0 {
		fault("tomcat.connection-timeout", "must be positive")
	}
	if c.Tomcat.KeepAliveTimeout <= 0 {
		fault("tomcat.keep-alive-timeout", "must be positive")
	}
	if p := c.Servlet.ContextPath; p != "" && (!strings.HasPrefix(p, "/") || p != "/" && strings.HasSuffix(p, "/")) {
		fault("servlet.context-path", "must start with / and not end with it")
	}
	if _, err := newForwarded(c); err != nil {
		fault("tomcat.remoteip.internal-proxies", err.Error())
	}
	for i, e := range c.Compression.ExcludedUserAgents {
		if _, err := regexp.Compile(e); err != nil {
			fault(fmt.Sprintf("compression.excluded-user-agents[%d]", i), err.Error())
		}
	}
	var own config.FieldError
	if err := c.SSL.Validate(); errors.As(err, &own) {
		fault("ssl."+own.Key, own.Problem)
	}
	return errors.Join(faults...)
}

// contextPath returns the prefix of all paths, or "".
func (c Config) contextPath() string {
	if c.Servlet.ContextPath == "/" {
		return ""
	}
	return c.Servlet.ContextPath
}
