// Command worker works without a listener: it migrates once, consumes a queue, refreshes by interval and reports at a time of day.
package main

import (
	"context"
	"embed"
	"log/slog"
	"sync/atomic"
	"time"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/starter"
)

//go:embed application.yml
var files embed.FS

func main() {
	app.Run(starter.Worker, app.Embedded(files), work)
}

var work = fx.Provide(
	newQueue, newLedger,
	app.AsRunner(func(l *ledger) app.Func { return l.migrate }),
	app.AsTask(newConsumer),
	app.AsTask(func(l *ledger) *app.Job { return app.Every(10*time.Second, l.balance, app.Named("balance")) }),
	app.AsTask(newReport),
)

// queue stands for a broker's.
type queue chan int

func newQueue() queue { return make(queue, 10) }

// ledger is what the work is about.
type ledger struct {
	log      *slog.Logger
	migrated atomic.Bool
	sum      atomic.Int64
}

func newLedger(log *slog.Logger) *ledger { return &ledger{log: log.With("logger", "ledger")} }

// migrate runs before anything else does.
func (l *ledger) migrate(ctx context.Context) error {
	l.migrated.Store(true)
	l.log.InfoContext(ctx, "migrated")
	return nil
}

func (l *ledger) balance(ctx context.Context) error {
	l.log.InfoContext(ctx, "balanced", "sum", l.sum.Load())
	return nil
}

// consumer takes messages until it is told to stop; what it has taken it finishes.
type consumer struct {
	from queue
	to   *ledger
}

func newConsumer(from queue, to *ledger) *consumer { return &consumer{from, to} }

func (c *consumer) Run(ctx context.Context) error {
	for {
		select {
		case amount := <-c.from:
			c.to.sum.Add(int64(amount))
		case <-ctx.Done():
			return nil
		}
	}
}

// reporting is what "report" in application.yml can say.
type reporting struct {
	Cron string `config:"cron"` // when it is sent; - is never; default weekdays at half past three
}

func newReport(c *config.Config, l *ledger) (*app.Job, error) {
	settings, err := config.Bind(c, "report", reporting{Cron: "0 30 3 * * MON-FRI"})
	if err != nil {
		return nil, err
	}
	return app.Cron(settings.Cron, l.report, app.Named("report")), nil
}

func (l *ledger) report(ctx context.Context) error {
	l.log.InfoContext(ctx, "reported", "sum", l.sum.Load())
	return nil
}
