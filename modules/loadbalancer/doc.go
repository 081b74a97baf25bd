// Package loadbalancer chooses one instance of a service for the next call.
//
// A [Balancer] asks a [discovery.Resolver] which instances exist and a [Strategy] which of them to use:
//
//	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), resolver)
//	p, err := b.Pick(ctx, loadbalancer.Request{Service: "inventory"})
//	defer p.Done(outcome)
//
// Only instances that are UP are chosen, and none twice for one call. Two kinds are avoided while there is another: an instance
// that is leaving, since it closes connections that it used to keep, and one that is ejected, since five calls in a row failed.
// One call tries each of them again after a while; an answer brings it back. At most half of a service is ejected for its
// answers, and the last instance never is. One that answers 429 or 503 with Retry-After is left alone for as long as it asks, at
// most for 5 min. When all fail all are used, and the first answer ends that.
//
// Retries have a budget, for they multiply the load of a service that fails: a fifth of its calls and ten a second, saved for ten
// seconds. Attempts after a failed dial are free, since they reached nobody.
//
// Settings live under "spring.cloud.loadbalancer" in application.yml:
//
//	strategy: least-request             # or random (default), round-robin, stick, other, weighted, consistent-hash, or one of your own
//	configurations: zone-preference     # instances of one's own zone (eureka.instance.metadata-map.zone) while there are any
//	hint.default: stable                # instances with that metadata "hint", unless a header says another
//	slow-start.window: 30s              # ours; new instances get their share little by little
//	ejection.enabled: true              # ours; default true
//	retry.budget.ratio: 0.2             # ours; retries for each call
//	retry.budget.min-retries-per-second: 10
//	retry.backoff.enabled: true         # after all instances were tried: wait and try them again; default false
//	clients.inventory.hedge.delay: 80ms # ours; send an idempotent call that is late to a second instance as well
//	clients.inventory.bulkhead.max-concurrent-calls: 50
//	clients.inventory.bulkhead.max-wait-duration: 100ms
//	clients.inventory.strategy: stick   # for one service
//
// Strategies, filters, health checks and what a pick costs are in README.md, each with the settings that it needs. Settings that
// change while a program runs count from the next pick on.
//
// With [WithMeterProvider] it counts, with the service as "archimedes.service":
//
//	loadbalancer.ejections            instances ejected, by "reason": answers, dials or retry-after
//	loadbalancer.ejections.overruled  times that all instances of a service failed, so that all were used
//	loadbalancer.retries              attempts after the first one of a call
//	loadbalancer.retries.refused      attempts that the budget did not allow
//	loadbalancer.hedges               attempts at a second instance while the first one was late, by whether they "won"
//	loadbalancer.bulkhead.rejections  calls that were not made since too many were under way
//	loadbalancer.instances.ejected    instances that are ejected now
//
// and by instance, with Spring's tags, loadbalancer.requests.active and .discard, and with [WithTimers] .success and .failed.
package loadbalancer
