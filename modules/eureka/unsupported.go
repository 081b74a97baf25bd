package eureka

import (
	"context"
	"log/slog"
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// unsupported are the settings that Spring's client obeys and this one does not. One that is set to anything but what is done
// anyway is worth a warning, or a team would believe that it works.
var unsupported = []struct {
	key     string // below it, too
	anyway  string // the value that asks for what is done; "": none
	because string
}{
	{"eureka.client.should-enforce-registration-at-init", "false", "the start never waits for Eureka; eureka.instance.ready-when-visible holds readiness back instead"},
	{"eureka.client.on-demand-update-status-change", "true", "a change of status is always sent at once"},
	{"eureka.client.initial-instance-info-replication-interval-seconds", "", "the registration is sent as soon as the port is bound"},
	{"eureka.client.heartbeat-executor-exponential-back-off-bound", "", "heartbeats never come later than a third of the lease"},
	{"eureka.client.cache-refresh-executor-exponential-back-off-bound", "", "looks at the registry keep their interval"},
	{"eureka.client.eureka-server-total-connections", "", "one connection carries what is read and one what is written"},
	{"eureka.client.eureka-server-total-connections-per-host", "", "one connection carries what is read and one what is written"},
	{"eureka.client.proxy-host", "", "Eureka is asked directly; eureka.AsTransport can put a proxy in between"},
	{"eureka.client.availability-zones", "", otherZone},
	{"eureka.client.prefer-same-zone-eureka", "true", otherZone},
	{"eureka.client.use-dns-for-fetching-service-urls", "false", "servers are listed in eureka.client.service-url"},
	{"eureka.client.fetch-remote-regions-registry", "", "the registry of one region is fetched"},
	{"eureka.client.allow-redirects", "true", "redirects are always followed, without credentials for another server"},
	{"eureka.client.timeout.connect-request-timeout", "", "no request waits for a connection of a pool"},
	{"eureka.client.transport.retryable-client-quarantine-refresh-percentage", "", "a server is passed over for 10 s to 5 min, and asked all the same when no other answers"},
	{"spring.cloud.service-registry.auto-registration.fail-fast", "false", "whether this program is registered is in the condition report"},
}

// warnOfUnsupported says which settings do nothing.
func warnOfUnsupported(ctx context.Context, c *config.Config, settings ClientConfig, log *slog.Logger) {
	for _, u := range unsupported {
		keys := c.Keys(u.key)
		if value, set, _ := c.Value(u.key); set && !strings.EqualFold(value, u.anyway) {
			keys = append(keys, u.key)
		}
		for _, key := range keys {
			log.WarnContext(ctx, "this setting has no effect", "key", key, "because", u.because)
		}
	}
	for zone := range settings.ServiceURL {
		if !isDefault(zone) {
			log.WarnContext(ctx, "this setting has no effect", "key", "eureka.client.service-url."+zone, "because", otherZone)
		}
	}
}

const otherZone = "only the servers of defaultZone are asked"
