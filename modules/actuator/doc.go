// Package actuator serves management endpoints in the shapes of Spring Boot's: /actuator/health with its groups liveness
// and readiness, /actuator/info, and what other modules contribute through package endpoint.
//
//	curl localhost:8080/actuator/health/readiness
//
// Settings live under "management" in application.yml:
//
//	server.port: 8081                              # a listener of its own; -1 for none; default the program's
//	endpoints.web.base-path: /actuator
//	endpoints.web.exposure.include: health,info    # or "*"; Spring's own default is health alone
package actuator
