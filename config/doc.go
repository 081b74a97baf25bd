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
// Spring Cloud Config servers are imported like files; spring.cloud.config says name, label, credentials, time-outs and retries:
//
//	spring.config.import: optional:configserver:http://config:8888
//
// reference.md beside this file lists every setting; application.schema.json makes editors complete and check application.yml.
// Both are generated from the settings structs of all modules and their comments: a comment ends in "default 5s".
package config

//go:generate go run ../scripts/reference ..
