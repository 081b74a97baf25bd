package main

import (
	"bytes"
	"fmt"
	"strings"
)

// common are the keys that --help shows, in its order.
var common = []string{
	"spring.application.name", "spring.profiles.active", "spring.config.import", "spring.config.additional-location", "",
	"server.port", "server.address", "server.servlet.context-path", "server.shutdown", "spring.lifecycle.timeout-per-shutdown-phase", "",
	"eureka.client.service-url.defaultZone", "eureka.client.enabled", "eureka.client.register-with-eureka", "eureka.client.fetch-registry",
	"eureka.instance.prefer-ip-address", "eureka.instance.instance-id", "eureka.instance.metadata-map.<name>", "eureka.instance.drain-period", "eureka.server.enabled", "",
	"spring.cloud.loadbalancer.strategy", "spring.http.clients.connect-timeout", "spring.http.clients.read-timeout", "",
	"management.endpoints.web.exposure.include", "management.endpoint.health.show-details", "management.server.port",
	"management.tracing.sampling.probability", "management.opentelemetry.tracing.export.otlp.endpoint", "",
	"logging.level.<name>", "logging.structured.format.console", "debug",
}

// help writes what --help says of settings: key, default and meaning.
func help(c *collection) ([]byte, error) {
	var b bytes.Buffer
	for _, key := range common {
		if key == "" {
			b.WriteByte('\n')
			continue
		}
		s := c.find(key)
		if s == nil {
			return nil, fmt.Errorf("help: nothing reads %s", key)
		}
		fmt.Fprintf(&b, "  --%s=%s\n", key, sample(s.kind))
		b.WriteString(wrapped(fmt.Sprintf("%s (default %s)", s.meaning, s.normal), "        ", 100))
	}
	return b.Bytes(), nil
}

// sample stands for a value.
func sample(k *kind) string {
	if k.name == "map" {
		k = k.of
	}
	if len(k.words) > 0 {
		return strings.Join(k.words, "|")
	}
	switch k.name {
	case "flag":
		return "true|false"
	case "whole", "number":
		return "NUMBER"
	case "duration":
		return "DURATION"
	case "list":
		return "LIST"
	}
	return "TEXT"
}

// find returns the setting that a key belongs to: itself, or the map that it is in.
func (c *collection) find(key string) *setting {
	for i, s := range c.settings {
		if s.key == key || s.kind.name == "map" && strings.HasPrefix(key, s.key+".") {
			return &c.settings[i]
		}
	}
	return nil
}

func wrapped(text, indent string, width int) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line)+len(word) > width && line != indent {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	return b.String()
}
