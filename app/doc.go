// Package app turns a list of modules into a program: configuration, logger, container, start, wait, stop, exit code.
//
//	func main() {
//		app.Run(starter.Service, fx.Provide(web.AsRoutes(newOrders)))
//	}
//
// [Run] is for a main of one line. It reads application.yml, the environment and the command line, and is the only place
// that touches what belongs to the whole process: signals, slog's default logger, the exit. [New] takes everything from a
// [Spec] instead, for tests and for owners of their own main; [RunAll] runs several applications as one program.
//
// Signals. The first SIGTERM stops gracefully: callers are told, the drain is waited for, requests in flight finish, the
// registration is removed. The first SIGINT does the same without the drain, since a developer waits. Both exit with 0. A
// second signal cuts the waiting short, still removes the registration, and exits with 128 plus its number; a third exits at
// once. A context that ends is a SIGTERM. A critical component that ends (fx.Shutdowner with fx.ExitCode(1)) stops the
// program the same way and gives its code.
//
// Work. What a program does beside answering requests is added as routes are:
//
//	app.Run(starter.Worker, fx.Provide(
//		app.AsRunner(newMigration), // once, before the program is ready and registered
//		app.AsTask(newConsumer),    // until the program is told to stop; again after an error
//		app.AsTask(func(s *Stock) *app.Job { return app.Every(time.Minute, s.Refresh) }),
//		app.AsTask(func(r *Reports) *app.Job { return app.Cron("0 30 3 * * MON-FRI", r.Send) }),
//	))
//
// Each run is a span, survives panics, and its context ends as soon as readiness refuses; the stop waits for it. See [Runner],
// [Task] and [Job]. A program without a listener ends with 0 when its runners and tasks have returned, unless
// spring.main.keep-alive is true; a runner's error ends it with 1, or with the error's own ExitCode() int. A program that has neither
// listener nor runners nor tasks stays while it has start hooks of its own.
//
// Output. Logs go to stdout. A start that fails writes one report to stderr: what happened, the keys involved and where
// they come from, what to do; the exit code is 1 and nothing was registered. With --debug (or debug: true) the conditions
// under which modules are on or off are logged, with profiles and sources. With --help the settings most used are listed with
// their defaults, and nothing starts; --version prints one line. What the program says of its build is package build's.
//
// Settings:
//
//	spring.application.name: orders
//	spring.application.version: 1.2.0          # default: what the build says
//	spring.main.log-startup-info: true
//	spring.main.banner-mode: console           # or log, off: where banner.txt is shown, when there is one
//	spring.main.keep-alive: false              # true: go on when there is nothing left to do
//	spring.lifecycle.timeout-per-shutdown-phase: 30s
//	debug: false
package app
