package app

import (
	"context"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
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

// phases are the parts of the container that a stop takes time for.
type phases struct {
	fx.In

	Registrations discovery.Registrations `group:"discovery.registrations"`
}

// budget returns how long a stop may take: the sum of its phases, since fx has one deadline for all hooks.
func (p phases) budget(l lifetime) time.Duration {
	return discovery.DownTimeout + p.Registrations.Drain() + l.Phase + discovery.RemoveTimeout + flushTime
}

// wayBack returns the context for stopping what a failed start had begun: nobody calls yet, so there is nothing to wait
// for.
func wayBack(start context.Context, budget time.Duration) (context.Context, context.CancelFunc) {
	ctx, haste := lifecycle.WithHaste(context.WithoutCancel(start))
	haste.Hurry()
	return context.WithTimeout(ctx, budget)
}
