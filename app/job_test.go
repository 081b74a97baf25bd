package app_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
)

// run lets a job run for a while and returns when its runs began, since the start.
func run(t *testing.T, job func(func(context.Context) error) *app.Job, while time.Duration, do func(n int) error) []time.Duration {
	var began []time.Duration
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), while)
		defer cancel()
		start := time.Now()
		require.NoError(t, job(func(context.Context) error {
			began = append(began, time.Since(start))
			return do(len(began))
		}).Run(ctx))
		require.Equal(t, while, time.Since(start))
	})
	return began
}

func every(interval time.Duration) func(func(context.Context) error) *app.Job {
	return func(run func(context.Context) error) *app.Job { return app.Every(interval, run, app.Jitter(0)) }
}

func nothingTo(int) error { return nil }

func TestEveryRunsAtOnceAndThenByTheInterval(t *testing.T) {
	require.Equal(t, []time.Duration{0, time.Minute, 2 * time.Minute}, run(t, every(time.Minute), 150*time.Second, nothingTo))
}

func TestRunsOfAJobDoNotOverlap(t *testing.T) {
	began := run(t, every(time.Minute), 6*time.Minute-1, func(n int) error {
		if n == 1 {
			time.Sleep(150 * time.Second)
		}
		return nil
	})
	require.Equal(t, []time.Duration{0, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute}, began)
}

func TestJitterSpreadsTheRunsOfAJob(t *testing.T) {
	began := run(t, func(run func(context.Context) error) *app.Job { return app.Every(time.Minute, run) }, 10*time.Minute-1, nothingTo)
	require.Len(t, began, 10)
	different := map[time.Duration]bool{}
	for n, at := range began {
		late := at - time.Duration(n)*time.Minute
		require.True(t, 0 <= late && late < 6*time.Second, late)
		different[late] = true
	}
	require.Greater(t, len(different), 5)
}

func TestAJobThatFailsIsTriedAgainSoonAndThenLessOften(t *testing.T) {
	began := run(t, every(time.Hour), 3*time.Hour-1, func(n int) error {
		switch {
		case n == 3:
			panic("out of ink")
		case n < 6:
			return errors.New("the queue is away")
		}
		return nil
	})
	require.Len(t, began, 6+2)
	for n := 1; n < 6; n++ {
		pause, longest := began[n]-began[n-1], 100*time.Millisecond<<(n-1)
		require.True(t, longest/2 <= pause && pause < longest, "%v after try %d", pause, n)
	}
	require.Equal(t, []time.Duration{time.Hour, 2 * time.Hour}, began[6:], "what worked again is regular again")
}

func TestAFrequentJobThatFailsIsNotCalledAsOftenAsOneThatWorks(t *testing.T) {
	began := run(t, every(10*time.Millisecond), 10*time.Minute, func(int) error { return io.ErrUnexpectedEOF })
	require.Less(t, len(began), 60)
	require.Greater(t, len(began), 20)
}

func TestARareJobThatFailsIsNotTriedAllNight(t *testing.T) {
	began := run(t, every(24*time.Hour), 24*time.Hour-1, func(int) error { return io.ErrUnexpectedEOF })
	require.Less(t, len(began), 30)
	require.Greater(t, len(began), 15)
}

func TestCronRunsAtItsTimes(t *testing.T) {
	const day = 24 * time.Hour
	// Time begins on Saturday, 1 January 2000, 0:00 UTC.
	for expression, want := range map[string][]time.Duration{
		"0 30 3 * * *":                     {3*time.Hour + 30*time.Minute, day + 3*time.Hour + 30*time.Minute, 2*day + 3*time.Hour + 30*time.Minute},
		"30 3 * * *":                       {3*time.Hour + 30*time.Minute, day + 3*time.Hour + 30*time.Minute, 2*day + 3*time.Hour + 30*time.Minute},
		"0 0 12 * * MON-FRI":               {2*day + 12*time.Hour},
		"0 0 12 * * MON#1":                 {2*day + 12*time.Hour},
		"*/30 59 23 2 * *":                 {2*day - time.Minute, 2*day - 30*time.Second},
		"0 0 12 ? * 7":                     {day + 12*time.Hour},
		"0 0 12 ? * 0":                     {day + 12*time.Hour},
		"0 0 0 1W * *":                     {2 * day},
		"@daily":                           {day, 2 * day},
		"CRON_TZ=Europe/Berlin 0 12 3 1 *": {2*day + 11*time.Hour},
		"0 0 3 L * *":                      nil,
		"-":                                nil,
	} {
		t.Run(expression, func(t *testing.T) {
			require.Equal(t, want, run(t, func(run func(context.Context) error) *app.Job {
				if !strings.Contains(expression, "TZ") && expression != "-" {
					return app.Cron("CRON_TZ=UTC "+expression, run, app.Jitter(0))
				}
				return app.Cron(expression, run, app.Jitter(0))
			}, 3*day-1, nothingTo))
		})
	}
}

func TestACronJobIsWokenByTheClockWhateverItsZone(t *testing.T) {
	// 26 March 2000: clocks in Berlin go from 2:00 to 3:00.
	var times []string
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 88*24*time.Hour)
		defer cancel()
		require.NoError(t, app.Cron("CRON_TZ=Europe/Berlin 0 0 6 25-27 3 *", func(context.Context) error {
			times = append(times, time.Now().In(berlin).Format("2 15:04"))
			return nil
		}, app.Jitter(0)).Run(ctx))
	})
	require.Equal(t, []string{"25 06:00", "26 06:00", "27 06:00"}, times)
}

func TestAJobThatCannotBeFailsTheStart(t *testing.T) {
	for want, job := range map[string]*app.Job{
		"an interval of -1s is not positive":                  app.Every(-time.Second, func(context.Context) error { return nil }, app.Named("refresh")),
		"an interval of 0s is not positive":                   app.Every(0, func(context.Context) error { return nil }, app.Named("refresh")),
		`the cron expression "soon" cannot be read: `:         app.Cron("soon", func(context.Context) error { return nil }, app.Named("refresh")),
		`the cron expression "0 61 3 * * *" cannot be read: `: app.Cron("0 61 3 * * *", func(context.Context) error { return nil }, app.Named("refresh")),
		`the cron expression "" cannot be read: `:             app.Cron("", func(context.Context) error { return nil }, app.Named("refresh")),
	} {
		t.Run(want, func(t *testing.T) {
			require.Error(t, job.Run(t.Context()))
			report := startFailing(t, app.Spec{Options: []fx.Option{fx.Provide(app.AsTask(func() *app.Job { return job }))}})
			require.Contains(t, report, "The job refresh cannot run: "+want)
			require.Contains(t, report, "second minute hour day month weekday")
		})
	}
}
