package eureka

import (
	"context"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// checksInRow is how many checks of the program's health count; most of them decide.
const checksInRow = 3

// FollowHealth lets the status of the instance follow the health of its program until ctx ends (Spring:
// eureka.client.healthcheck.enabled). check is called three times in an interval; the status is what two of the last three calls
// said, so that one slow answer of a database takes nothing out of traffic.
func (r *Registrar) FollowHealth(ctx context.Context, interval time.Duration, check func(context.Context) discovery.Status) error {
	ticker := time.NewTicker(interval / checksInRow)
	defer ticker.Stop()
	var last []discovery.Status
	for {
		now := check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, before := range last {
			if before == now {
				r.setHealth(ctx, now)
				break
			}
		}
		if last = append(last, now); len(last) == checksInRow {
			last = last[1:]
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *Registrar) setHealth(ctx context.Context, status discovery.Status) {
	r.mu.Lock()
	before := r.health
	r.health = status
	r.mu.Unlock()
	if before != status {
		r.log.InfoContext(ctx, "the health of this program changed", "from", before.String(), "to", status.String())
		r.enqueue(command{do: r.agree})
	}
}
