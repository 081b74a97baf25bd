// Package discovery is where the modules that know instances meet the modules that call them.
//
// A [Resolver] answers which instances of a service exist:
//
//	set, err := resolver.Instances(ctx, "inventory")
//	for _, instance := range set.All {
//		fmt.Println(instance.ID, instance.Address, instance.Status)
//	}
//
// An application's Resolver is a [Composite] over the group "discovery.resolvers" (the Eureka client is one) and the
// instances listed in configuration, Spring's "simple discovery client":
//
//	spring.cloud.discovery.client.simple.instances:
//	  inventory:
//	    - uri: http://localhost:8081
//
// Health tells of it as Spring's does, which spring.cloud.discovery.client.composite-indicator.enabled: false ends:
//
//	"discoveryComposite":{"status":"UP","components":{
//	  "discoveryClient":{"status":"UP","details":{"services":["inventory"]}},
//	  "eureka":{"status":"UP","details":{"applications":{"INVENTORY":1}}}}}
//
// A [Registration] is the other direction: a place where this program is listed.
package discovery
