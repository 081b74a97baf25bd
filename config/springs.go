package config

import "strings"

// springs are keys and prefixes that mean something to Spring, whether or not they do here: a team's file may hold them all,
// so nothing is said of those that nothing reads.
var springs = func() []string {
	var all []string
	for prefix, names := range map[string]string{
		"server": `address compression.additional-mime-types compression.excluded-user-agents forward-headers-strategy http2.enabled jetty
max-http-request-header-size mime-mappings netty reactive server-header servlet ssl tomcat undertow error http3 encoding use-forward-headers`,
		"eureka.client": `allow-redirects async-executor-thread-pool-size async-resolver-refresh-interval-ms async-resolver-warm-up-timeout-ms availability-zones
backup-registry-impl cache-refresh-executor-exponential-back-off-bound cache-refresh-executor-thread-pool-size client-data-accept decoder-name
disable-delta dollar-replacement encoder-name escape-char-replacement eureka-connection-idle-timeout-seconds eureka-server-connect-timeout-seconds
eureka-server-d-n-s-name eureka-server-port eureka-server-read-timeout-seconds eureka-server-total-connections
eureka-server-total-connections-per-host eureka-server-u-r-l-context eureka-service-url-poll-interval-seconds fetch-remote-regions-registry
filter-only-up-instances g-zip-content healthcheck heartbeat-executor-exponential-back-off-bound heartbeat-executor-thread-pool-size
initial-instance-info-replication-interval-seconds instance-info-replication-interval-seconds jersey log-delta-diff on-demand-update-status-change
order prefer-same-zone-eureka property-resolver proxy-host proxy-password proxy-port proxy-user-name refresh region
registry-refresh-single-vip-address restclient rest-template-timeout should-enforce-registration-at-init should-unregister-on-shutdown timeout tls
transport use-dns-for-fetching-service-urls webclient`,
		"eureka.instance": `a-s-g-name app-group-name appname async-client-initialization data-center-info default-address-resolution-order environment host-info
inet-utils initial-status instance-enabled-onit namespace registry secure-health-check-url secure-virtual-host-name virtual-host-name`,
		"logging": `charset config exception-conversion-word file include-application-group log4j2 logback pattern register-shutdown-hook structured
threshold.file`,
		"spring.cloud.loadbalancer": `api-version cache call-get-with-request-on-delegates eager-load health-check hint hint-header-name retry service-discovery
stats sticky-session subset x-forwarded`,
		"spring.web.error":         `path whitelabel`,
		"spring.web.resources":     `chain`,
		"spring.http.clients":      `cookie-handling imperative reactive redirects ssl`,
		"management.server":        `add-application-context-header address base-path port servlet ssl`,
		"management.endpoints.web": `base-path cors discovery exposure path-mapping`,
		"": `management spring.application spring.autoconfigure spring.cloud.config spring.cloud.discovery spring.cloud.inetutils spring.config spring.lifecycle
spring.main spring.output spring.profiles eureka.server eureka.dashboard otel`,
	} {
		for _, name := range strings.Fields(names) {
			all = append(all, uniform(join(prefix, name)))
		}
	}
	return all
}()
