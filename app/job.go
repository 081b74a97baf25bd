package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// Job is a [Task] that calls a function again and again: see [Every] and [Cron]. Its runs never overlap: when one takes so long that
// the next would be due, that one is left out. Each run has a span of its own.
//
// A run that fails or panics is logged and tried again soon, after a pause that grows from 0.1 s to the time between two regular runs,
// or to 30 s where these are closer together; so what fails is not called as often as what works.
type Job struct {
	name   string
	run    func(context.Context) error
	jitter time.Duration
	plan   func(now time.Time) (first time.Time, next schedule)
	fault  error
}

// schedule returns the first time after another at which a run is due; the zero time is never.
type schedule func(after time.Time) time.Time

// JobOption adjusts a [Job].
type JobOption func(*Job)

// Named gives a job a name for logs and spans. Default: the function's.
func Named(name string) JobOption { return func(j *Job) { j.name = name } }

// Jitter lets each run begin up to d later than it is due, by chance, so that the instances of a service do not act all at once.
// Default: a tenth of the interval of [Every], and 1 s for [Cron]; 0 is none.
func Jitter(d time.Duration) JobOption { return func(j *Job) { j.jitter = max(0, d) } }

// Every returns a job that runs when the program is ready and then once per interval, counted from start to start (Spring:
// @Scheduled(fixedRate)). An interval that is not positive fails the start.
func Every(interval time.Duration, run func(context.Context) error, options ...JobOption) *Job {
	j := newJob(run, max(0, interval/10), options)
	if interval <= 0 {
		j.fault = &jobError{j.name, fmt.Sprintf("an interval of %v is not positive", interval), nil}
	}
	j.plan = func(now time.Time) (time.Time, schedule) {
		return now, func(after time.Time) time.Time { return now.Add((after.Sub(now)/interval + 1) * interval) }
	}
	return j
}

// Cron returns a job that runs at the times that an expression names, in the zone of the machine (Spring: @Scheduled(cron)). It has
// six fields, as Spring's, or five, as Unix's, which leave out the seconds:
//
//	second minute hour day-of-month month day-of-week
//	0      30     3    *            *     MON-FRI
//
// Lists, ranges, steps, names, L, W and # are understood, and so are @hourly, @daily, @weekly, @monthly and @yearly. CRON_TZ=Europe/Berlin
// in front chooses a zone. "-" is never, as in Spring, for a setting that switches the job off. An expression that cannot be read fails
// the start.
func Cron(expression string, run func(context.Context) error, options ...JobOption) *Job {
	j := newJob(run, time.Second, options)
	if expression == "-" {
		j.plan = func(time.Time) (never time.Time, none schedule) { return }
		return j
	}
	times, err := cronParser.Parse(expression)
	if err != nil {
		j.fault = &jobError{j.name, fmt.Sprintf("the cron expression %q cannot be read: %v", expression, err), err}
		return j
	}
	j.plan = func(now time.Time) (time.Time, schedule) { return times.Next(now), times.Next }
	return j
}

var cronParser = cron.MustNewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.Extended)

func newJob(run func(context.Context) error, jitter time.Duration, options []JobOption) *Job {
	j := &Job{run: run, name: functionName(run), jitter: jitter}
	for _, o := range options {
		o(j)
	}
	return j
}

var _ Task = (*Job)(nil)

// Name is that of [Named], or the function's.
func (j *Job) Name() string { return j.name }

// Run runs the job until ctx ends, without an application around it: nothing is logged or traced. The error is that of a job that
// could not be made.
func (j *Job) Run(ctx context.Context) error {
	if j.fault != nil {
		return j.fault
	}
	j.keep(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context, _ string, run func(context.Context) error) error { return run(ctx) })
	return nil
}

const (
	firstRetry   = 100 * time.Millisecond
	longestRetry = 30 * time.Second // of a job whose regular runs are closer together
	clockCheck   = time.Minute      // how long is slept without a look at the clock, which may be set
)

// keep runs the job until ctx ends.
func (j *Job) keep(ctx context.Context, log *slog.Logger, traced func(context.Context, string, func(context.Context) error) error) {
	next, due := j.plan(time.Now())
	for pause := time.Duration(0); !next.IsZero(); {
		latest := next // or a clock that is set back would bring it again
		if pause == 0 && j.jitter > 0 {
			next = next.Add(rand.N(j.jitter))
		}
		if !sleepUntil(ctx, next) {
			return
		}
		began := time.Now()
		err := traced(ctx, "task "+j.name, func(ctx context.Context) error {
			err := lifecycle.Safely(ctx, j.run)
			if err == nil {
				log.DebugContext(ctx, "job has run", "name", j.name, "after", time.Since(began))
			}
			return err
		})
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		if next = due(now); !next.After(latest) && !next.IsZero() {
			next = due(latest)
		}
		if err == nil {
			pause = 0
			continue
		}
		pause = min(max(2*pause, firstRetry), max(longestRetry, next.Sub(now)))
		wait := pause/2 + rand.N(pause/2)
		next = now.Add(wait)
		attrs := []any{"name", j.name, "error", err, "again_in", wait}
		var p *lifecycle.PanicError
		if errors.As(err, &p) {
			attrs = append(attrs, "stack", string(p.Stack))
		}
		log.ErrorContext(ctx, "job failed", attrs...)
	}
	<-ctx.Done() // there is no next time
}

// sleepUntil reports whether it is that time; false is the end of ctx.
func sleepUntil(ctx context.Context, t time.Time) bool {
	for {
		left := time.Until(t)
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-time.After(min(left, clockCheck)):
		case <-ctx.Done():
			return false
		}
	}
}

// jobError is a job that could not be made.
type jobError struct {
	job, problem string
	err          error
}

func (e *jobError) Error() string { return fmt.Sprintf("app: the job %s: %s", e.job, e.problem) }
func (e *jobError) Unwrap() error { return e.err }
func (e *jobError) Description() string {
	return fmt.Sprintf("The job %s cannot run: %s.", e.job, e.problem)
}
func (e *jobError) Keys() []string { return nil }
func (e *jobError) Action() string {
	return "Give app.Every a positive interval, such as time.Minute, and app.Cron an expression such as \"0 30 3 * * MON-FRI\" (second minute hour day month weekday)."
}
