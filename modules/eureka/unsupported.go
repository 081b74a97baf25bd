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
	{"eureka.client.proxy-host", "", noProxy},
	{"eureka.client.proxy-port", "", noProxy},
	{"eureka.client.proxy-user-name", "", noProxy},
	{"eureka.client.proxy-password", "", noProxy},
	{"eureka.client.region", "us-east-1", otherZone},
	{"eureka.client.availability-zones", "", otherZone},
	{"eureka.client.prefer-same-zone-eureka", "true", otherZone},
	{"eureka.client.use-dns-for-fetching-service-urls", "false", noDNS},
	{"eureka.client.fetch-remote-regions-registry", "", "the registry of one region is fetched"},
	{"eureka.client.eureka-server-d-n-s-name", "", noDNS},
	{"eureka.client.eureka-server-port", "", noDNS},
	{"eureka.client.eureka-server-u-r-l-context", "", noDNS},
	{"eureka.client.eureka-service-url-poll-interval-seconds", "", "the list of servers is that of the start"},
	{"eureka.client.log-delta-diff", "false", "logging.level.eureka.replica: debug says when a delta does not fit"},
	{"eureka.client.refresh.enable", "false", "changed settings of Eureka are in force at the next start"},
	{"eureka.client.allow-redirects", "true", "redirects are always followed, without credentials for another server"},
	{"eureka.client.timeout.connect-request-timeout", "", noPool},
	{"eureka.client.restclient.timeout.connect-request-timeout", "", noPool},
	{"eureka.client.rest-template-timeout.connect-request-timeout", "", noPool},
	{"eureka.client.transport.retryable-client-quarantine-refresh-percentage", "", "a server is passed over for 10 s to 5 min, and asked all the same when no other answers"},
	{"eureka.instance.async-client-initialization", "true", "the start never waits for Eureka"},
	{"spring.cloud.discovery.blocking.enabled", "true", oneWay},
	{"spring.cloud.discovery.reactive.enabled", "true", oneWay},
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

const (
	otherZone = "only the servers of defaultZone are asked"
	noProxy   = "Eureka is asked directly; eureka.AsTransport can put a proxy in between"
	noDNS     = "servers are listed in eureka.client.service-url"
	noPool    = "no request waits for a connection of a pool"
	oneWay    = "there is one way to discover; spring.cloud.discovery.enabled switches it off"
)
