// Command benchmarks measures Archimedes beside the alternatives, in one run, alternating, and prints ratios: a machine's speed
// drifts, a ratio does not.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"time"
)

// row is one line of the table: ours beside another, both measured by running n times and saying how long it took.
type row struct {
	what, ours, beside string
	budget             float64 // of the ratio ours/beside; 0: none
	plus               time.Duration
	bytes              bool          // the figures are bytes, not times
	count              bool          // they are numbers
	most               time.Duration // that ours may be; 0: any
	measure            func() (ours, beside time.Duration)
	note               func() string
}

// atEnd is what is done before the program ends, such as ending processes.
var atEnd []func()

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare-server" {
		bareServer(os.Args[2:])
	}
	defer func() {
		for _, do := range atEnd {
			do()
		}
	}()
	rounds := flag.Int("rounds", 5, "how often each pair is measured; the medians count")
	only := flag.String("only", "", "measure only rows whose name begins so; a regular expression, such as 'decode|heartbeat'")
	flag.Parse()
	begins := must(regexp.Compile("^(?:" + *only + ")"))
	rows := slices.Concat(configRows(), pickRows(), callRows(), peerRows(), decodeRows(), retainedRows(), clientRows(), startRows(), webRows(), serverRows(), pythonRows())
	fmt.Printf("| what | ours | beside | ratio | budget |\n| --- | --- | --- | --- | --- |\n")
	over := 0
	for _, r := range rows {
		if !begins.MatchString(r.what) {
			continue
		}
		if r.measure == nil {
			fmt.Printf("| %s | | | | |\n", r.what)
			continue
		}
		var ours, beside []time.Duration
		for range *rounds {
			a, b := r.measure()
			ours, beside = append(ours, a), append(beside, b)
		}
		a, b := median(ours), median(beside)
		ratio := float64(a) / float64(b)
		budget, mark := "", ""
		switch {
		case r.plus > 0:
			budget = fmt.Sprintf("≤ %v more", r.plus)
			if a > b+r.plus {
				mark = " OVER"
			}
		case r.most > 0 && r.budget > 0:
			budget = fmt.Sprintf("≤ %.2f, ≤ %s", r.budget, r.figure(r.most))
			if ratio > r.budget || a > r.most {
				mark = " OVER"
			}
		case r.most > 0:
			budget = "≤ " + r.figure(r.most)
			if a > r.most {
				mark = " OVER"
			}
		case r.budget > 0:
			budget = fmt.Sprintf("≤ %.3g", r.budget)
			if ratio > r.budget {
				mark = " OVER"
			}
		}
		if mark != "" {
			over++
		}
		note := ""
		if r.note != nil {
			note = "; " + r.note()
		}
		fmt.Printf("| %s | %s %s%s | %s %s | %.3g | %s%s |\n", r.what, r.ours, r.figure(a), note, r.beside, r.figure(b), ratio, budget, mark)
	}
	if over > 0 {
		fmt.Fprintf(os.Stderr, "%d over budget\n", over)
	}
}

func (r row) figure(d time.Duration) string {
	if r.count {
		return fmt.Sprint(int64(d))
	}
	if r.bytes {
		if d < 1<<20 {
			return fmt.Sprintf("%d B", d)
		}
		return fmt.Sprintf("%.1f MiB", float64(d)/(1<<20))
	}
	return d.String()
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// each runs fn until half a second has passed and returns the time of one run.
func each(fn func()) time.Duration {
	fn()
	for n := 1; ; n *= 2 {
		began := time.Now()
		for range n {
			fn()
		}
		if took := time.Since(began); took > 300*time.Millisecond || n > 1<<30 {
			return took / time.Duration(n)
		}
	}
}

// pair is each for two that take nanoseconds: they take turns of a few milliseconds, and of each the best turn counts, which is the one
// that other programs disturbed least.
func pair(ours, beside func()) (time.Duration, time.Duration) {
	const turns, length = 30, 4 * time.Millisecond
	best := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	var n [2]int
	for i, fn := range []func(){ours, beside} {
		n[i] = int(length/max(1, each(fn))) + 1
	}
	for range turns {
		for i, fn := range []func(){ours, beside} {
			began := time.Now()
			for range n[i] {
				fn()
			}
			best[i] = min(best[i], time.Since(began)/time.Duration(n[i]))
		}
	}
	return best[0], best[1]
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}
