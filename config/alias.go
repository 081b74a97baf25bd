package config

import (
	"fmt"
	"strings"
)

// aliases are older names of keys, or of everything below them: Spring Boot 3 and older on the left, 4 on the right. A source
// that has only the older name has the newer one too; in a source with both the newer counts.
var aliases = []struct{ old, now string }{
	{"server.error", "spring.web.error"},
	{"spring.http.client", "spring.http.clients"},
	{"management.tracing.enabled", "management.tracing.export.enabled"},
	{"management.otlp.tracing.export.enabled", "management.tracing.export.otlp.enabled"},
	{"management.otlp.tracing", "management.opentelemetry.tracing.export.otlp"},
	{"management.tracing.opentelemetry.export", "management.opentelemetry.tracing.export"},
	{"management.otlp.logging", "management.opentelemetry.logging.export.otlp"},
	{"management.server.servlet.context-path", "management.server.base-path"},
	{"management.trace.http", "management.httpexchanges"},
	{"management.metrics.export.prometheus", "management.prometheus.metrics.export"},
	{"server.max-http-header-size", "server.max-http-request-header-size"},
	{"server.servlet.encoding", "spring.servlet.encoding"},
	{"eureka.client.restclient.timeout", "eureka.client.timeout"},
	{"eureka.client.rest-template-timeout", "eureka.client.timeout"},
}

// uniformAliases is aliases for comparing.
var uniformAliases = func() map[string][]struct{ old, now, written string } {
	byRoot := map[string][]struct{ old, now, written string }{}
	for _, a := range aliases {
		root, _, _ := strings.Cut(a.old, ".")
		byRoot[root] = append(byRoot[root], struct{ old, now, written string }{uniform(a.old), uniform(a.now), a.now})
	}
	return byRoot
}()

// addAliases puts what stands under older names under the newer ones as well.
func (s *Source) addAliases() {
	for i := range len(s.entries) {
		u := s.uniforms[i]
		root, _, _ := strings.Cut(u, ".")
		for _, a := range uniformAliases[root] {
			rest, under := below(u, a.old)
			if !under && u != a.old {
				continue
			}
			now := a.now
			if under {
				now += "." + rest
			}
			if _, both := s.byName[now]; both {
				continue
			}
			e := s.entries[i]
			e.alias = e.key
			e.key = join(a.written, writtenBelow(e.key, len(elements(a.old, nil))))
			s.entries = append(s.entries, e)
			s.uniforms = append(s.uniforms, now)
			s.index(len(s.entries)-1, now)
			break
		}
	}
}

// warnOfAliases tells of every older name in use, once.
func (c *Config) warnOfAliases() {
	for _, s := range c.sources() {
		for _, e := range s.entries {
			if e.alias != "" {
				c.warn(fmt.Sprintf("this is the older name of a setting; write %s", e.key), e.alias, e.origin)
			}
		}
	}
}
