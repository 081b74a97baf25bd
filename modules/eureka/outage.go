package eureka

import (
	"context"
	"log/slog"
	"sync"
)

// outage says once that Eureka gives no usable answer, and once that it does again, however many parts of a program notice.
type outage struct {
	log *slog.Logger

	mu    sync.Mutex
	parts map[string]bool // that have no answer: "registration", "registry"
}

// met notes that a part got no usable answer.
func (o *outage) met(ctx context.Context, part string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parts) > 0 {
		o.parts[part] = true
		o.log.DebugContext(ctx, "still no usable answer from Eureka", "for", part, "error", err)
		return
	}
	o.parts = map[string]bool{part: true}
	o.log.WarnContext(ctx, "no usable answer from any Eureka server; the program goes on and keeps trying", "for", part, "error", err)
}

// over notes that a part got one.
func (o *outage) over(ctx context.Context, part string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.parts[part] {
		return
	}
	if delete(o.parts, part); len(o.parts) == 0 {
		o.log.InfoContext(ctx, "Eureka answers again")
	}
}
