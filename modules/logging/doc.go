// Package logging makes the program's one [slog.Logger]: readable lines on a terminal, Spring Boot's structured JSON for
// machines, and a level for every logger that can be changed while the program runs.
//
//	log, levels, err := logging.New(logging.DefaultConfig(), logging.Program{Name: "orders"}, os.Stdout, false)
//	client := log.With("logger", "eureka.client")
//	client.InfoContext(ctx, "instance registered", "server", url)
//	levels.Set("eureka", slog.LevelDebug)
//
// A logger's name is the attribute "logger" given to With. Names are dotted, and the longest prefix that has a level
// decides, as in Spring. A line that is disabled costs an atomic load. Every line written with the context of a traced
// request carries the ids of its span.
//
// Settings live under "logging" in application.yml:
//
//	level:
//	  root: info
//	  eureka.client: debug         # TRACE DEBUG INFO WARN ERROR FATAL OFF
//	group.upstream: [invoker, loadbalancer]
//	structured.format.console: ecs # or gelf, logstash
//
// A program under app.Run has its logger already; it takes a *slog.Logger as a parameter.
package logging
