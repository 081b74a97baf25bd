package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/build"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/logging"
	"github.com/archimedes-go/archimedes/modules/web"
)

// Bundle is a list of modules, made for a configuration. The functions of package starter are bundles, and so is the
// Module function of every module.
type Bundle func(*config.Config) fx.Option

// Spec is everything that an application is made of. The zero value of a field means "none", not "the process's": only
// [Run] reads arguments and environment.
type Spec struct {
	Bundle     Bundle
	Args       []string          // command line without the program's name
	Environ    []string          // KEY=value
	Dir        string            // where relative locations start; "" is the working directory of the process
	NoFiles    bool              // read no configuration file but those given by Embedded
	Properties map[string]string // settings that beat all others
	Options    []fx.Option       // the user's own, and Embedded
	Stdout     io.Writer         // logs; nil is os.Stdout
	Stderr     io.Writer         // the report of a start that failed; nil is os.Stderr

	wholeProcess bool // Run's: slog's default logger is this application's
}

// Embedded gives files that were compiled into the program, Spring's "classpath:". It stands among the options of [Run] or
// [Spec], not inside another option, since it is needed before the container exists. Of several the later ones win.
func Embedded(files fs.FS) fx.Option {
	return embedded{fx.Error(errors.New("app.Embedded must stand directly among the options of app.Run or app.Spec")), files}
}

// embedded is taken out of the options before the container sees them; inside another option its error speaks.
type embedded struct {
	fx.Option
	files fs.FS
}

// App is one application. It is started and stopped at most once; its methods are not for concurrent use.
type App struct {
	spec  Spec
	files []fs.FS

	build     build.Info
	cfg       *config.Config
	root      *slog.Logger // the program's
	log       *slog.Logger // ours
	name      string
	fx        *fx.App
	guard     *guard
	work      *work
	serves    bool     // there is a listener
	ended     chan int // the exit code of the first component that asks for the end
	phases    phases
	keepAlive bool
	warned    int // diagnostics that were logged
}

// New returns an application that has read nothing yet.
func New(spec Spec) *App {
	a := &App{spec: spec, name: "application", build: build.Read(), ended: make(chan int, 1)}
	if a.spec.Stdout == nil {
		a.spec.Stdout = os.Stdout
	}
	if a.spec.Stderr == nil {
		a.spec.Stderr = os.Stderr
	}
	a.spec.Options = nil
	for _, option := range spec.Options {
		if e, ok := option.(embedded); ok {
			a.files = append(a.files, e.files)
			continue
		}
		a.spec.Options = append(a.spec.Options, option)
	}
	return a
}

// errInterrupted is what a start returns that was told to end.
var errInterrupted = errors.New("the start was interrupted")

// Start loads the configuration, builds the container and runs the start hooks. It returns when the program serves. The
// error is a [*Failure]; what had started was stopped again. There is no time-out, as Spring has none; when ctx ends, the
// hook that runs sees it and no other is begun.
func (a *App) Start(ctx context.Context) error {
	began := time.Now()
	err := a.assemble(ctx)
	if err == nil {
		err = a.start(ctx)
	}
	a.logDiagnostics()
	a.logConditions()
	if err != nil {
		return NewFailure(a.cfg, err)
	}
	if a.logsStartup() {
		a.log.Info(fmt.Sprintf("Started %s in %.3f seconds", a.name, time.Since(began).Seconds()))
	}
	return nil
}

// assemble does everything that needs no network: configuration, logger, container.
func (a *App) assemble(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // a bundle that panics; constructors are the container's
			err = panicked("the bundle", v)
		}
	}()
	a.cfg, err = config.LoadContext(ctx, config.Options{
		Args: a.spec.Args, Environ: a.spec.Environ, Dir: a.spec.Dir, Embedded: a.files,
		Properties: a.spec.Properties, NoFiles: a.spec.NoFiles,
	})
	if err != nil {
		return err
	}
	if a.build.Version != "" {
		a.cfg.Default("spring.application.version", a.build.Version)
	}
	if err := a.startLogging(); err != nil {
		return err
	}
	main, err := config.Bind(a.cfg, "spring.main", life{})
	if err != nil {
		return err
	}
	if err := a.showBanner(main.Banner); err != nil {
		return err
	}
	a.logStarting()
	a.logCertificates()
	lifetime, err := config.Bind(a.cfg, "spring.lifecycle", defaultLifetime())
	if err != nil {
		return err
	}
	a.keepAlive = main.KeepAlive
	bundle := fx.Options()
	if a.spec.Bundle != nil {
		bundle = a.spec.Bundle(a.cfg)
	}
	if err := a.cfg.Err(); err != nil { // what the bundle looked up could not be had
		return err
	}
	a.logModules()
	a.guard = &guard{}
	a.fx = fx.New(
		fx.WithLogger(func() fxevent.Logger { return newEventLogger(a.root) }),
		fx.Logger(quiet{}), // instead of stderr, should the container be too broken for a logger
		fx.RecoverFromPanics(),
		fx.Supply(a.cfg, a.root),
		fx.Decorate(a.guard.decorate),
		fx.Decorate(func(fx.Shutdowner) fx.Shutdowner { return shutdowner(a.ended) }),
		fx.Provide(
			func(p workParams) (*work, error) { return newWork(p, lifetime.Phase, a.guard.note) },
			func(w *work) lifecycle.Work { return w },
		),
		bundle,
		fx.Options(a.spec.Options...),
		fx.Invoke(func(p parts) {
			a.work, a.serves = p.Work, p.Server != nil
			a.phases = phases{p.Registrations, lifetime}
			a.warnOfGrace()
		}),
		a.watch(),
		web.Root(), // last: what it starts must come after everything of the user's
	)
	a.cfg.CheckUnknown()
	return errors.Join(a.fx.Err(), a.cfg.Err())
}

// warnOfGrace tells an operator of Kubernetes that a stop may be killed before its phases are over.
func (a *App) warnOfGrace() {
	if _, kubernetes := a.cfg.Lookup("kubernetes.service.host"); kubernetes && a.phases.longest() > kubernetesGrace {
		a.log.Warn("a stop may take longer than Kubernetes waits by default: set terminationGracePeriodSeconds of the pod above this",
			"longest", a.phases.longest(), "default", kubernetesGrace)
	}
}

func (a *App) startLogging() error {
	name, _ := a.cfg.Lookup("spring.application.name")
	if name != "" {
		a.name = name
	}
	cfg, err := logging.ConfigFrom(a.cfg)
	if err != nil {
		return err
	}
	version, _ := a.cfg.Lookup("spring.application.version")
	program := logging.Program{Name: name, Version: version}
	log, _, err := logging.New(cfg, program, a.spec.Stdout, isTerminal(a.spec.Stdout))
	if err != nil {
		return err
	}
	if a.spec.wholeProcess {
		slog.SetDefault(log)
	}
	a.root, a.log = log, log.With("logger", "app")
	return nil
}

// start runs the start hooks. fx itself gets a context that does not end: it would abandon the hook that runs and skip
// the way back.
func (a *App) start(ctx context.Context) error {
	back, cancel := wayBack(ctx, a.phases.budget())
	defer cancel()
	a.guard.starting(ctx, back)
	done := make(chan error, 1)
	go func() { done <- a.fx.Start(context.WithoutCancel(ctx)) }()
	slow := time.NewTimer(slowStart)
	defer slow.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-slow.C:
			a.log.Warn("the start takes long", "waiting_for", a.guard.running(), "after", slowStart)
		case <-ctx.Done():
			select {
			case err := <-done:
				return err
			case <-time.After(a.phases.budget()):
			case <-lifecycle.Aborted(ctx):
			}
			return fmt.Errorf("the start was interrupted, and %s did not return", a.guard.running())
		}
	}
}

// Stop ends the application: the hooks run backwards, for as long as their phases add up to, and at most until ctx ends. A
// context of [lifecycle.WithHaste] can hurry it. It never hangs: what has not ended by then is left behind, named in the
// error. Stopping what was not started is nothing.
func (a *App) Stop(ctx context.Context) error {
	if a.fx == nil {
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, a.phases.budget())
	defer cancel()
	a.guard.stopping(ctx)
	done := make(chan error, 1)
	go func() { done <- a.fx.Stop(context.WithoutCancel(ctx)) }()
	err := a.await(ctx, done)
	if err != nil {
		a.log.Error("the stop was not clean", "error", err)
		return err
	}
	if a.logsStartup() {
		a.log.Info(fmt.Sprintf("Stopped %s in %.3f seconds", a.name, time.Since(began).Seconds()))
	}
	return nil
}

// await waits for the hooks, which end with ctx or soon after an abort, and a moment more: each then only writes what must
// be written.
func (a *App) await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	case <-lifecycle.Aborted(ctx):
		a.log.Warn("Told again to end: nothing more is waited for")
	}
	select {
	case err := <-done:
		return err
	case <-time.After(lastMoment):
		return fmt.Errorf("%s did not end in time and was left behind", a.guard.running())
	}
}

// Run starts the application, waits until ctx ends or a component asks for the end, stops it, and returns the exit code.
// It touches no signals; see [RunAll].
func (a *App) Run(ctx context.Context) int { return run(ctx, nil, nil, a) }

func (a *App) logsStartup() bool {
	value, set := a.cfg.Lookup("spring.main.log-startup-info")
	return !set || !strings.EqualFold(value, "false")
}

// isTerminal reports whether lines written to w are read by a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}
