// Package eurekaserver makes a program a Eureka server, for development, tests and small estates: Java, Python and Go clients
// take it for the real one.
//
//	eureka.server:
//	  enabled: true                            # default false
//	  snapshot.file: /var/lib/eureka/registry  # a restart serves the last registry at once; default none
//	spring.security.user.password: ${SECRET}   # clients give user:… in the URL; default none, and everybody may
//
// The engine is package registry, its HTTP face package rest; neither needs a container. "go run ./examples/eureka-server" is
// one on its own.
//
// # One node, and when that is enough
//
// It is one node by design: it passes nothing on to peers. While it is down nobody registers, but calls go on, since clients
// keep what they fetched; when it is back they have registered again within two heartbeats, or at once with a snapshot. When
// that is not enough, run Spring Cloud Eureka servers that know each other, and change one line in the same application.yml
// of the services:
//
//	eureka.client.service-url.defaultZone: http://eureka-1:8761/eureka/,http://eureka-2:8761/eureka/
//
// It takes the batches that such servers send to a peer, so that it can be named among theirs while an estate moves from one
// to the other.
//
// # Leases
//
// A lease lasts as long as its instance asked (Netflix: twice that), and a look for those that ended comes every second. One
// look ends 15 % of all at most.
//
//	eureka.server:
//	  eviction-interval-timer-in-ms: 1000
//	  enable-self-preservation: true       # while many renewals fail to come, expired instances stay; default false (Spring: true)
//	  renewal-percent-threshold: 0.85      # of what the leases promise; an explicit cancel always counts
//
// # Fetches
//
// A change is visible to the next fetch. Lists are encoded once per change and shared; renewals alone are no change, so times
// of renewals in lists are up to three minutes old.
//
//	eureka.server:
//	  retention-time-in-m-s-in-delta-queue: 180000
//	  rate-limiter-enabled: true                     # 503 above the rates; default false
//	  rate-limiter-full-fetch-average-rate: 100
//
// # Limits
//
// Registrations above 256 KB, metadata that makes an instance larger than that, ids above 1 KB or with control characters, and bodies
// that trickle are refused. A full registry
// refuses what is new with 403, says so once, and never refuses a renewal.
//
//	eureka.server:
//	  max-applications: 20000
//	  max-instances: 200000
//	  max-size: 512MB
//
// # Snapshot
//
// The file is written when something changed, at once after a quiet interval and else once an interval, and is whole whenever the
// program is killed. Instances read from it are served at once, have one lease to be heard of, and count as restored until they are.
//
//	eureka.server.snapshot:
//	  file: registry.json
//	  interval: 5s
//
// # Dashboard
//
// The page at / and at /eureka-ui/ shows services, instances, renewals and events, and follows them, and /lastn the latest 1000
// events; see package dashboard. A
// route of the program's at one of these wins, and so does one such as /* or a static index.html at /, with one warning.
//
//	eureka.dashboard:
//	  enabled: true
//	  actions: false   # true: whoever sees it may take instances OUT_OF_SERVICE and back
//
// Pages of other sites may change nothing, neither here nor at /eureka. Without a user that is also true of pages under a name that
// this server does not know, since anybody may let a name of theirs point to it (DNS rebinding). It knows addresses, localhost, the
// machine's name, server.address, eureka.instance.hostname, and
//
//	eureka.server.browser-hosts: [eureka.example.org]
//
// # Calls
//
// In development it shows the calls between programs of one machine, too: it takes their spans (OTLP over HTTP) at /v1/traces, and
// /eureka-ui/traces draws who calls whom with rate, errors and latency, and each trace as a waterfall. The programs export to it:
//
//	eureka.dashboard.traces: true   # here; default false
//	management:                     # there
//	  tracing.sampling.probability: 1.0
//	  opentelemetry.tracing.export.otlp.endpoint: http://localhost:8761/v1/traces
//
// Spans come from loopback only: whatever comes from elsewhere, through a proxy, from a browser or for another Host than localhost gets
// 403. That is the guard in place of spring.security.user, which exporters do not know; who looks at the page has to. Kept are
// eureka.dashboard.traces-max-spans (default 10000) in at most 2 KB each, 1000 of one trace, the oldest trace leaving first; of
// attributes a known few, and URLs without credentials and queries. Exports, the registry and the dashboard make no spans themselves.
//
// # What it tells
//
// One log line per change of state; with "logging.level.eureka.server: debug" one for each registration that is refused, which says
// why; the indicator eurekaServer in the health; the metrics eureka.server.applications, .instances (by status), .instances.restored,
// .renewals.expected, .renewals.minute, .self.preservation, .evictions, .requests (by operation and outcome). Requests of clients
// make no spans: heartbeats would be most of all traces.
//
// Remote regions are not: a fetch that names some is answered with what is registered here, and one warning says so.
package eurekaserver
