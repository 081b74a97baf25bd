package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Report is what a scenario came to. Times are in milliseconds.
type Report struct {
	Scenario    string
	Rate        float64 // calls a second that were reached
	Seconds     float64
	Calls       int
	FailedGets  int
	FailedPosts int
	P50, P99    float64   // of calls after the first quarter that were answered
	Lag         float64   // by which a call began late at the most: the machine's, not the service's
	Longest     float64   // of any call
	Requests    []int     // that each instance got; -1: it does not say
	Ejections   []float64 // when an instance was ejected, after the fault
	MostEjected int       // at the same time
	Failures    []Failure // the first fifty
}

// Failure is a call that failed.
type Failure struct {
	Method    string
	Began     float64 // after the fault
	Took      float64
	Instances []string // that were tried
	Error     string
}

// String is one line, and one for each of the first three failures.
func (r Report) String() string {
	text := fmt.Sprintf("%-12s %5.0f calls/s  failed: %d GET, %d POST of %d  p50 %.0f ms, p99 %.0f ms, longest %.0f ms (lag %.0f ms)  requests %v  ejected at once: %d",
		r.Scenario, r.Rate, r.FailedGets, r.FailedPosts, r.Calls, r.P50, r.P99, r.Longest, r.Lag, r.Requests, r.MostEjected)
	for _, f := range r.Failures[:min(3, len(r.Failures))] {
		text += fmt.Sprintf("\n    %s %.0f ms after the fault: %s", f.Method, f.Began, f.Error)
	}
	return text
}

// reportOf sums up the calls of a scenario whose fault was there by then. The percentiles leave out the calls that began before warm.
func reportOf(name string, results []result, warm, fault time.Duration) Report {
	r := Report{Scenario: name, Calls: len(results)}
	var answered []time.Duration
	var last, longest time.Duration
	for _, one := range results {
		last, longest = max(last, one.began), max(longest, one.took)
		if one.err == nil {
			if one.began >= warm {
				answered = append(answered, one.took)
			}
			continue
		}
		if one.method == http.MethodGet {
			r.FailedGets++
		} else {
			r.FailedPosts++
		}
		if len(r.Failures) < 50 {
			r.Failures = append(r.Failures, Failure{one.method, ms(one.began - fault), ms(one.took), tried(one.err), one.err.Error()})
		}
	}
	r.Seconds, r.Longest = last.Seconds(), ms(longest)
	r.Rate = float64(len(results)-1) / last.Seconds()
	if slices.Sort(answered); len(answered) > 0 {
		r.P50, r.P99 = ms(answered[len(answered)/2]), ms(answered[len(answered)*99/100])
	}
	return r
}

func ms(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// watch is a log handler that follows ejections.
type watch struct {
	mu    sync.Mutex
	fault time.Time // when the instances had it
	out   map[string]bool
	when  []time.Time
	most  int
}

func (w *watch) faulty() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = time.Now()
}

// report adds the ejections to a report.
func (w *watch) report(r Report) Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.MostEjected = w.most
	for _, when := range w.when {
		r.Ejections = append(r.Ejections, ms(when.Sub(w.fault)))
	}
	return r
}

func (w *watch) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (w *watch) WithAttrs([]slog.Attr) slog.Handler               { return w }
func (w *watch) WithGroup(string) slog.Handler                    { return w }

func (w *watch) Handle(_ context.Context, r slog.Record) error {
	id := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "instance" {
			id = a.Value.String()
		}
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r.Message == "instance ejected", strings.HasPrefix(r.Message, "instance asks"):
		w.out[id] = true
		w.when = append(w.when, r.Time)
		w.most = max(w.most, len(w.out))
	case r.Message == "instance takes calls again":
		delete(w.out, id)
	}
	return nil
}
