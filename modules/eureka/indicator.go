package eureka

import (
	"context"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/health"
)

// NewIndicator returns the indicator "eureka" of the health of discovery (Spring: EurekaHealthIndicator): the status is the one that
// the registry shows of this program, UP while no look succeeds, and the details count the instances of each application.
// replica and registrar may be nil.
func NewIndicator(replica *Replica, registrar *Registrar, interval time.Duration) health.Indicator {
	return health.NewIndicator("eureka", func(context.Context) health.Result {
		result := health.Result{Status: health.Unknown, Description: "Remote status from Eureka server"}
		if replica == nil {
			return result
		}
		s := replica.now.Load()
		if s == nil {
			return health.Result{Status: health.Up, Description: "Eureka discovery client has not yet successfully connected to a Eureka server"}
		}
		applications := make(map[string]int, s.apps.len())
		for name, app := range s.apps.all() {
			applications[name] = len(app.set.All)
		}
		result.Details = map[string]any{"applications": applications}
		if age := time.Since(s.taken); age > 2*interval {
			result.Status, result.Description = health.Up, "Eureka discovery client is reporting failures to connect to a Eureka server"
			result.Details["failCount"] = int(age / interval)
			return result
		}
		if registrar != nil {
			result.Status = registrar.remoteStatus(s)
		}
		return result
	})
}

// remoteStatus is what a snapshot shows of this program.
func (r *Registrar) remoteStatus(s *snapshot) health.Status {
	if i := r.current(); i != nil {
		if shown := s.entry(i.App, i.ID()).instance; shown != nil {
			return health.Status(shown.Status.String())
		}
	}
	return health.Status(discovery.Unknown.String())
}
