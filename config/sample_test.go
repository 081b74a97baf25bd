package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
)

// sample is the file of a Spring team.
const sample = `spring:
  application: { name: orders }
  profiles: { group: { prod: [tracing, json-logs] } }
  config: { import: ["optional:configserver:http://config:8888", "optional:configtree:/run/secrets/"] }
  cloud: { loadbalancer: { retry: { retryable-status-codes: "502,503" }, clients: { stock: { retry: { max-retries-on-next-service-instance: 2 } } } } }
server: { port: "${PORT:8080}", shutdown: graceful }
management:
  server: { port: 8081 }
  endpoints: { web: { exposure: { include: "*", exclude: heapdump } } }
  endpoint: { health: { show-details: always, probes: { enabled: true } } }
  tracing: { sampling: { probability: 1.0 } }
eureka:
  client: { serviceUrl: { defaultZone: "http://${EUREKA_USER:u}:${EUREKA_PASS:p}@eureka1:8761/eureka/,http://eureka2:8761/eureka" }, healthcheck: { enabled: true } }
  instance: { preferIpAddress: true, instance-id: "${spring.application.name}:${random.value}", metadata-map: { zone: a, user.name: admin } }
logging: { level: { root: INFO, web: DEBUG } }
---
spring: { config: { activate: { on-profile: "json-logs & !dev" } } }
logging: { structured: { format: { console: ecs } } }
`

// loadSample loads the sample without asking its config server.
func loadSample(t *testing.T, environ ...string) *config.Config {
	t.Helper()
	dir := folder(t, map[string]string{"application.yml": sample})
	return load(t, config.Options{Dir: dir, Environ: append(environ, "SPRING_CLOUD_CONFIG_ENABLED=false")})
}

func TestTheFileOfASpringTeamMeansWhatItMeansToSpring(t *testing.T) {
	c := loadSample(t)
	for key, want := range map[string]string{
		"spring.application.name": "orders", "server.port": "8080", "server.shutdown": "graceful", "management.server.port": "8081",
		"management.endpoints.web.exposure.include": "*", "management.endpoints.web.exposure.exclude": "heapdump",
		"management.endpoint.health.show-details": "always", "management.endpoint.health.probes.enabled": "true",
		"management.tracing.sampling.probability":                "1.0",
		"eureka.client.service-url.defaultZone":                  "http://u:p@eureka1:8761/eureka/,http://eureka2:8761/eureka",
		"eureka.client.healthcheck.enabled":                      "true",
		"eureka.instance.prefer-ip-address":                      "true",
		"eureka.instance.metadata-map.user.name":                 "admin",
		"logging.level.web":                                      "DEBUG",
		"spring.cloud.loadbalancer.retry.retryable-status-codes": "502,503",
		"logging.structured.format.console":                      "",
	} {
		require.Equal(t, want, value(t, c, key), key)
	}
	require.Regexp(t, "^orders:[0-9a-f]{32}$", value(t, c, "eureka.instance.instance-id"))
	metadata, err := config.Bind[map[string]string](c, "eureka.instance.metadata-map", nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"zone": "a", "user.name": "admin"}, metadata)
	codes, err := config.Bind[[]int](c, "spring.cloud.loadbalancer.retry.retryable-status-codes", nil)
	require.NoError(t, err)
	require.Equal(t, []int{502, 503}, codes)
	zones, err := config.Bind[map[string][]string](c, "eureka.client.service-url", nil)
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"defaultZone": {"http://u:p@eureka1:8761/eureka/", "http://eureka2:8761/eureka"}}, zones)
	require.Empty(t, c.Profiles())
}

func TestTheFileOfASpringTeamFollowsProfilesAndEnvironment(t *testing.T) {
	c := loadSample(t, "SPRING_PROFILES_ACTIVE=prod", "PORT=9000", "EUREKA_USER=me", "EUREKA_PASS=it's", "EUREKA_INSTANCE_METADATAMAP_ZONE=b", "SERVER_SHUTDOWN=immediate")
	require.Equal(t, []string{"prod", "tracing", "json-logs"}, c.Profiles())
	for key, want := range map[string]string{
		"server.port": "9000", "server.shutdown": "immediate", "logging.structured.format.console": "ecs", "eureka.instance.metadata-map.zone": "b",
		"eureka.client.service-url.defaultZone": "http://me:it's@eureka1:8761/eureka/,http://eureka2:8761/eureka",
	} {
		require.Equal(t, want, value(t, c, key), key)
	}
	require.Empty(t, value(t, loadSample(t, "SPRING_PROFILES_ACTIVE=prod,dev"), "logging.structured.format.console"))
}
