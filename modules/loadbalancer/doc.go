// Package loadbalancer chooses one instance of a service for the next call.
//
// A [Balancer] asks a [discovery.Resolver] which instances exist and a [Strategy] which of them to use:
//
//	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), resolver)
//	p, err := b.Pick(ctx, loadbalancer.Request{Service: "inventory"})
//	defer p.Done(outcome)
//
// Only instances that are UP are chosen, and none twice for one call. An instance that seems to be leaving is avoided while
// there is another.
//
// Settings live under "spring.cloud.loadbalancer" in application.yml:
//
//	strategy: round-robin               # or random (default), stick, other, or one of your own
//	clients.inventory.strategy: stick   # for one service
package loadbalancer
