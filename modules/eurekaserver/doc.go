// Package eurekaserver makes a program a Eureka server, for development, tests and small estates: Java, Python and Go clients
// take it for the real one. It is one node; beyond that, point the same application.yml at a cluster of Spring Cloud Eureka
// servers.
//
//	eureka.server:
//	  enabled: true                   # default false
//	  enable-self-preservation: false # keep the dead on the list when many seem to die at once; default false (Spring: true)
//
// The engine is package registry, its HTTP face package rest; neither needs a container.
package eurekaserver
