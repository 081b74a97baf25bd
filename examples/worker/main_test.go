package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/starter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheWorkerDoesAllItsWorkAndIsRegisteredNowhere(t *testing.T) {
	var q queue
	var l *ledger
	a := apptest.Start(t, starter.Worker, apptest.Options(work, fx.Populate(&q, &l)))
	require.True(t, l.migrated.Load())
	q <- 3
	q <- 4
	require.Eventually(t, func() bool { return l.sum.Load() == 7 }, 10*time.Second, time.Millisecond)
	a.AwaitLog("reported sum=7") // every second, says application-test.yml
	for _, run := range []string{"runner worker.ledger.migrate", "task balance", "task report"} {
		a.AwaitSpan(run)
	}
	a.Stop()
	a.AwaitSpan("task main.consumer")
	require.Empty(t, a.Eureka.Writes())
}

func TestTheReportCanBeSwitchedOff(t *testing.T) {
	a := apptest.Start(t, starter.Worker, apptest.YAML(`report.cron: "-"`), apptest.Options(work))
	a.AwaitSpan("task balance")
	require.NotContains(t, a.Logs(), "reported")
}
