package web

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// Config is what "server" in application.yml can say.
type Config struct {
	Port            int             `config:"port"`                         // of the listener, 0 for a free one; default 8080
	Address         string          `config:"address"`                      // that the listener is bound to; default all
	Shutdown        Shutdown        `config:"shutdown"`                     // graceful or immediate; the former lets requests in flight finish; default graceful
	Header          string          `config:"server-header"`                // value of the header Server; default none
	MaxHeader       config.DataSize `config:"max-http-request-header-size"` // of request line and headers; default 8KB
	ForwardHeaders  ForwardHeaders  `config:"forward-headers-strategy"`     // whom X-Forwarded-* is believed; default none
	Servlet         Servlet         `config:"servlet"`
	Tomcat          Tomcat          `config:"tomcat"`
	MaxBody         config.DataSize `config:"max-request-body-size"` // ours: of a request's body; default 2MB, -1 for any
	SSL             SSL             `config:"ssl"`
	TimeoutPerPhase time.Duration   `config:"-"` // spring.lifecycle.timeout-per-shutdown-phase: for requests in flight; default 30s
}

// Servlet is the part of the keys that Spring has for its servlet stack.
type Servlet struct {
	ContextPath string `config:"context-path"` // prefix of all routes; default none
}

// Tomcat is the part of Tomcat's keys that have a meaning here.
type Tomcat struct {
	ConnectionTimeout time.Duration `config:"connection-timeout"` // for the headers of a request; default 20s
	KeepAliveTimeout  time.Duration `config:"keep-alive-timeout"` // of an idle connection; default 75s
}

// SSL is "server.ssl".
type SSL struct {
	Enabled     bool   `config:"enabled"`     // whether the keys below count; default true
	Certificate string `config:"certificate"` // default none
	KeyStore    string `config:"key-store"`   // default none
	Bundle      string `config:"bundle"`      // default none
}

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
		Port: 8080, Shutdown: Graceful, MaxHeader: 8 * config.Kilobyte, MaxBody: 2 * config.Megabyte, ForwardHeaders: "none",
		Tomcat:          Tomcat{ConnectionTimeout: 20 * time.Second, KeepAliveTimeout: 75 * time.Second},
		TimeoutPerPhase: 30 * time.Second,
	}
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
	if c.SSL != (SSL{}) {
		fault("ssl", "TLS listeners are not available: let a proxy in front of the program terminate TLS, and remove server.ssl")
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
