package app

import (
	"context"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/web"
)

const (
	// slowStart is after how long a start says what it waits for.
	slowStart = 15 * time.Second
	// flushTime is what the hooks after the listener's have: replicas, exporters.
	flushTime = 5 * time.Second
	// lastMoment is how long hooks may take once they are told not to wait: a DELETE has 500 ms.
	lastMoment = time.Second
	// kubernetesGrace is Kubernetes' terminationGracePeriodSeconds when a manifest is silent.
	kubernetesGrace = 30 * time.Second
)

// lifetime is what "spring.lifecycle" can say.
type lifetime struct {
	Phase time.Duration `config:"timeout-per-shutdown-phase"` // for requests in flight, and for hooks; default 30s
}

func defaultLifetime() lifetime { return lifetime{Phase: 30 * time.Second} }

// Validate reports a phase without any time.
func (l lifetime) Validate() error {
	if l.Phase <= 0 {
		return config.FieldError{Key: "timeout-per-shutdown-phase", Problem: "must be positive"}
	}
	return nil
}

// phases are the parts of a program that a stop takes time for.
type phases struct {
	registrations discovery.Registrations
	lifetime      lifetime
}

// life is what "spring.main" can say of how long a program lives.
type life struct {
	KeepAlive bool       `config:"keep-alive"`  // go on when there is nothing left to do; default false
	Banner    bannerMode `config:"banner-mode"` // console, log or off: where banner.txt is shown; default console, off with structured logging
}

// parts is what an application drives itself.
type parts struct {
	fx.In

	Work          *work
	Server        *web.Server             `optional:"true"`
	Registrations discovery.Registrations `group:"discovery.registrations"`
}

// budget returns how long a stop may take now: the sum of its phases, since fx has one deadline for all hooks. The drain is that
// of registrations that were ever listed, so it is not known before.
func (p phases) budget() time.Duration { return p.of(p.registrations.Drain()) }

// longest returns how long any stop may take.
func (p phases) longest() time.Duration { return p.of(p.registrations.LongestDrain()) }

func (p phases) of(drain time.Duration) time.Duration {
	return discovery.DownTimeout + drain + p.lifetime.Phase + discovery.RemoveTimeout + flushTime
}

// wayBack returns the context for stopping what a failed start had begun: nobody calls yet, so there is nothing to wait
// for.
func wayBack(start context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	ctx, haste := lifecycle.WithHaste(context.WithoutCancel(start))
	haste.Hurry()
	return context.WithTimeout(ctx, budget)
}
