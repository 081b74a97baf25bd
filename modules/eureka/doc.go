// Package eureka joins a program to Netflix Eureka: a [Registrar] keeps it listed, a [Replica] knows who else is, and a
// [Client] speaks the REST protocol with servers that may be away.
//
//	client, err := eureka.NewClient(eureka.DefaultClientConfig())
//	apps, err := client.Applications(ctx)
//
// In an application the module does it all: the registrar is one of the group "discovery.registrations", driven by the web
// server, and the replica one of "discovery.resolvers". Settings are Spring Cloud Netflix's:
//
//	eureka:
//	  client:
//	    service-url.defaultZone: http://user:secret@eureka-1:8761/eureka/,http://eureka-2:8761/eureka/
//	    registry-fetch-interval-seconds: 30
//	  instance:
//	    prefer-ip-address: true
//	    metadata-map.zone: a
//
// The registrar watches its own entry: one that the registry kept from before because its time is newer is registered again as newer
// still, and one that leads to another address is taken over once. It sees the entry in each snapshot; with
// eureka.client.fetch-registry: false it asks for it, once in ten heartbeats. That the registry has forgotten it is what the 404 of a
// heartbeat says, in either case.
//
// The status is STARTING until the program is ready for the first time, then eureka.instance.initial-status. Health moves it only with
// eureka.client.healthcheck.enabled: true, by two of three checks; [Registrar.SetStatus] counts more than either.
// /actuator/health tells what the registry shows, as the part "eureka" of "discoveryComposite".
//
// The start never waits for Eureka. While no server answers the program serves; the log says so once, and once when one is
// back.
package eureka
