// Package config reads configuration as Spring Boot does: application.yml, profiles, environment variables and arguments
// become typed settings, and every value knows where it comes from.
//
//	c, err := config.Load(config.Options{Args: os.Args[1:], Environ: os.Environ()})
//	server, err := config.Bind(c, "server", ServerConfig{Port: 8080})
//	origin, _ := c.Origin("server.port") // application.yml:3:9
//
// Sources are kept apart and in order (see [Load]). The highest that has a key wins; then placeholders such as
// ${PORT:8080} are resolved over all sources. Names are relaxed: SERVER_PORT, server.port and --server.port are one key.
// Lists are replaced as a whole, maps are merged.
//
// Where files are looked for, from low to high: embedded files (Spring's "classpath:"), their folder config/, the working
// directory, its folder config/, and the folders in that. spring.config.location replaces the list,
// spring.config.additional-location adds to it, spring.config.import brings in more. application-{profile}.yml beside a
// file counts when the profile is active, and so does a document with spring.config.activate.on-profile.
//
// Every failure names the key, the place it was written and what to do; see [LoadError] and [ValueError]. Application code
// that wants keys without a struct uses [Config.Koanf].
//
// Profiles choose files and documents, and may bring others along:
//
//	spring.profiles: {active: prod, group: {prod: [tracing, eu]}}
//	---
//	spring.config.activate.on-profile: prod & !eu
//	server.port: 80
//
// Imports stand above the document that declares them. Besides files there are config trees (one file for each key, as
// Kubernetes mounts secrets), variables that hold a whole document, and Spring Cloud Config servers, whose name, label,
// credentials, time-outs and retries spring.cloud.config says:
//
//	spring.config.import: [more.yml, "optional:configtree:/run/secrets/", "env:MORE[.yaml]", "optional:configserver:http://config:8888"]
//
// Placeholders nest and have defaults; random ones are drawn when they are read:
//
//	url: http://${HOST:localhost}:${ports.${region}}/${random.uuid}
//
// Settings are a struct. One key may be bound by itself, too:
//
//	type Orders struct {
//		Limit   int               `config:"limit"`
//		Timeout time.Duration     `config:"timeout,unit=s"` // 90, 90s, 1500ms, PT1M30S
//		MaxBody config.DataSize   `config:"max-body"`       // 512, 64KB
//		Token   config.Secret     `config:"token"`          // prints as ******
//		Labels  map[string]string `config:"labels"`
//	}
//	orders, err := config.Bind(c, "orders", Orders{Limit: 10}) // err names every fault with its origin
//	ports, err := config.Bind[[]int](c, "orders.ports", nil)
//
// Older names of keys count with a warning, and so do keys below a bound prefix that nothing reads, such as server.prot. They
// are [Config.Diagnostics]: nothing here logs.
//
// What changes while the program runs is applied all or nothing, and those who asked are told:
//
//	cancel := config.OnChange(c, "orders", Orders{Limit: 10}, func(old, new Orders) { shop.Configure(new) })
//	changed, err := c.Reload(ctx)                             // now, as Spring's refresh
//	err := c.Watch(ctx, func(changed []string, err error) {}) // whenever a file changes; app does this
//
// reference.md beside this file lists every setting; application.schema.json makes editors complete and check application.yml.
// Both are generated from the settings structs of all modules and their comments: a comment ends in "default 5s".
package config

//go:generate go run ../scripts/reference ..
