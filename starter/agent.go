package starter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// Agent is a program's connection to Eureka, for programs that own their main. It is safe for concurrent use; several in one
// process share nothing.
type Agent struct {
	app       *fx.App
	rest      *invoker.Client
	client    *eureka.Client
	registrar *eureka.Registrar // nil: only discovering
	resolver  discovery.Resolver
	replica   *eureka.Replica // nil: only registering
	budget    time.Duration
	once      sync.Once
	closed    chan struct{}
	err       error
}

// firstAnswers is how long [Init] waits for Eureka at the most.
const firstAnswers = 2 * time.Second

// Init registers this program in Eureka, keeps it registered, and discovers others. It returns when the registration and the
// first look at the registry were answered, at the latest after 2 s; without an error when Eureka is away, since the agent goes on
// trying. When ctx ends the agent closes itself.
//
//	agent, err := starter.Init(ctx, starter.Config{EurekaServer: "http://peer1,http://peer2", AppName: "orders", InstancePort: 9090})
//	if err != nil {
//		return err
//	}
//	defer agent.Close(context.Background())
func Init(ctx context.Context, cfg Config) (*Agent, error) { return start(ctx, cfg, true, true) }

// Register is [Init] without discovering: the agent calls nobody.
func Register(ctx context.Context, cfg Config) (*Agent, error) { return start(ctx, cfg, true, false) }

// Discover is [Init] without registering. Config.AppName and all about the instance may be left out.
func Discover(ctx context.Context, cfg Config) (*Agent, error) { return start(ctx, cfg, false, true) }

func start(ctx context.Context, cfg Config, register, discover bool) (*Agent, error) {
	if ctx == nil {
		return nil, errors.New("starter: a context is needed, which bounds the lifetime of the agent; it is nil")
	}
	wait, cancel := context.WithTimeout(ctx, firstAnswers)
	defer cancel()
	properties, err := cfg.properties(register, discover)
	if err != nil {
		return nil, err
	}
	c, err := config.Load(config.Options{NoFiles: true, Properties: properties})
	if err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var found struct {
		fx.In
		Rest      *invoker.Client
		Client    *eureka.Client
		Resolver  discovery.Resolver
		Registrar *eureka.Registrar `optional:"true"`
		Replica   *eureka.Replica   `optional:"true"`
	}
	app := fx.New(fx.NopLogger, fx.Supply(c, log), base(c), eureka.Module(c), loadbalancer.Module(c), invoker.Module(c),
		fx.Provide(eureka.AsListener(cfg.listener), eureka.AsCustomizer(func() eureka.Customizer { return cfg.customize })),
		cfg.transport(), fx.Populate(&found), discovery.Root())
	if err := errors.Join(app.Err(), c.Err()); err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	if err := app.Start(ctx); err != nil {
		return nil, fmt.Errorf("starter: %w", err)
	}
	a := &Agent{
		app: app, rest: found.Rest, client: found.Client, registrar: found.Registrar, resolver: found.Resolver, replica: found.Replica,
		closed: make(chan struct{}),
		budget: discovery.DownTimeout + cfg.DrainPeriod + discovery.RemoveTimeout + 5*time.Second,
	}
	if cfg.Strict {
		a.rest = a.rest.With(invoker.Strict())
	}
	go func() {
		select {
		case <-ctx.Done():
			_ = a.Close(context.Background())
		case <-a.closed:
		}
	}()
	if found.Registrar != nil {
		_ = found.Registrar.Await(wait) // Eureka may be away: the agent keeps trying
	}
	if found.Replica != nil {
		_ = found.Replica.Await(wait)
	}
	return a, nil
}

// Close deregisters: DOWN, Config.DrainPeriod, DELETE. It returns when that is done, or with ctx; then the rest is left to the
// lease. It may be called twice, and on a nil Agent.
func (a *Agent) Close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	if ctx == nil {
		ctx = context.Background() // whoever says no more wants it to leave all the same
	}
	a.once.Do(func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.budget)
		go func() {
			defer cancel()
			a.err = a.app.Stop(stop)
			close(a.closed)
		}()
	})
	select {
	case <-a.closed:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// InstanceID returns the id that this program is registered under, or "" when it is not.
func (a *Agent) InstanceID() string {
	if a.registrar == nil {
		return ""
	}
	return a.registrar.InstanceID()
}

// Registered reports whether the registry listed this program when last heard of.
func (a *Agent) Registered() bool { return a.registrar != nil && a.registrar.Registered() }

// SetStatus makes the registry show a status of the program's choice, OUT_OF_SERVICE say, until [Agent.ClearStatus]: see
// [eureka.Registrar.SetStatus].
func (a *Agent) SetStatus(ctx context.Context, status discovery.Status) error {
	if a.registrar == nil {
		return errNotRegistering
	}
	return a.registrar.SetStatus(ctx, status)
}

// ClearStatus ends what [Agent.SetStatus] began.
func (a *Agent) ClearStatus(ctx context.Context) error {
	if a.registrar == nil {
		return errNotRegistering
	}
	return a.registrar.ClearStatus(ctx)
}

var errNotRegistering = errors.New("starter: this agent only discovers; start it with Init or Register")

// Instances returns the nodes of a service as last fetched, whatever their status; names ignore case.
func (a *Agent) Instances(ctx context.Context, service string) (*discovery.Set, error) {
	return a.resolver.Instances(ctx, service)
}

// Services returns the names that are known, sorted.
func (a *Agent) Services() []string { return a.resolver.Services() }

// Refresh looks at the registry now, instead of with the next interval, and waits for the answer.
func (a *Agent) Refresh(ctx context.Context) error {
	if a.replica == nil {
		return errors.New("starter: this agent only registers; start it with Init or Discover")
	}
	return a.replica.Refresh(ctx)
}

// REST returns the operations of the Eureka servers themselves: register, renew, cancel, override, read by application, instance, VIP.
func (a *Agent) REST() *eureka.Client { return a.client }

// Client returns what calls by name, for everything that [invoker] offers.
func (a *Agent) Client() *invoker.Client { return a.rest }

// DoService calls a path of a service and returns the body: see [invoker.DoService].
func (a *Agent) DoService(ctx context.Context, service, path string, options ...invoker.Option) (string, error) {
	return invoker.DoService[string](ctx, a.rest, service, path, options...)
}

// DoServiceResponse is [Agent.DoService] with the response itself: see [invoker.DoServiceResponse].
func (a *Agent) DoServiceResponse(ctx context.Context, service, path string, options ...invoker.Option) (*http.Response, error) {
	return invoker.DoServiceResponse(ctx, a.rest, service, path, options...)
}

// DoServiceJSON is [Agent.DoService] for a JSON body.
func DoServiceJSON[T any](ctx context.Context, a *Agent, service, path string, options ...invoker.Option) (T, error) {
	return invoker.DoService[T](ctx, a.rest, service, path, options...)
}

// WalkNodes tries fn on every node of a service until one call succeeds: see [invoker.WalkNodes].
func WalkNodes[T any](ctx context.Context, a *Agent, service, path string, fn func(ctx context.Context, url string) (T, error), options ...invoker.Option) (T, error) {
	return invoker.WalkNodes(ctx, a.rest, service, path, fn, options...)
}
