//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// rate is that of calls, least what must be reached of it: short tests run on machines that are busy with others.
var rate, lasts, least = 300, "1500ms", 100.0

func TestMain(m *testing.M) {
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		rate, lasts, least = 1050, "12s", 1000
	}
	code := m.Run()
	if binary, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// promises is what each scenario must come to.
var promises = map[string][]func(Report) error{
	"kill":     {noGetFails, onlyWhatWasInFlight("i0")},
	"refuse":   {noGetFails, onlyWhatWasInFlight("i0", "i1")},
	"dead":     {noGetFails, noPostFails},
	"zone":     {noGetFails, noPostFails},
	"vanish":   {noGetFails, noPostFails},
	"stop":     {noGetFails, isAvoided, endsInTime},
	"reset":    {noGetFails, isAvoided},
	"stall":    {noGetFails, isAvoided, endsInTime},
	"busy":     {noGetFails, isAvoided, isLeftAlone},
	"overload": {isNotMultiplied, ejects(1)}, // half of three
	"half":     {ejects(2)},                  // half of four
	"poison":   {ejects(0)},
}

func noGetFails(r Report) error { return none("GETs failed", r.FailedGets) }

func noPostFails(r Report) error { return none("POSTs failed", r.FailedPosts) }

func none(what string, n int) error {
	if n > 0 {
		return fmt.Errorf("%d %s", n, what)
	}
	return nil
}

// onlyWhatWasInFlight: what fails had been sent to an instance when it failed, or at that moment.
func onlyWhatWasInFlight(victims ...string) func(Report) error {
	return func(r Report) error {
		for _, f := range r.Failures {
			if len(f.Instances) != 1 || !slices.Contains(victims, f.Instances[0]) || f.Began > 50 {
				return fmt.Errorf("a call that was not in flight there failed: %+v", f)
			}
		}
		return nil
	}
}

// isAvoided: calls fail at that instance until it is ejected, and then but for a trial or two.
func isAvoided(r Report) error {
	if len(r.Ejections) == 0 {
		return errors.New("nobody was ejected")
	}
	after := 0
	for _, f := range r.Failures {
		if f.Instances != nil && !slices.Equal(f.Instances, []string{"i0"}) {
			return fmt.Errorf("a call failed elsewhere: %+v", f)
		}
		if f.Began > r.Ejections[0] {
			after++
		}
	}
	return none("calls failed after the ejection", max(0, after-2))
}

// endsInTime: each call ends with its second.
func endsInTime(r Report) error {
	if r.Longest > 1100 {
		return fmt.Errorf("a call of a second took %.0f ms", r.Longest)
	}
	return nil
}

func isLeftAlone(r Report) error {
	if r.Requests[0] > r.Calls/5 {
		return fmt.Errorf("%d of %d requests reached it", r.Requests[0], r.Calls)
	}
	return nil
}

// isNotMultiplied: the budget of retries is a fifth of the calls, and ten a second.
func isNotMultiplied(r Report) error {
	reached := 0
	for _, n := range r.Requests {
		reached += n
	}
	if most := 1.2*float64(r.Calls) + 10*math.Ceil(r.Seconds); float64(reached) > most {
		return fmt.Errorf("%d requests reached the service, %.0f may", reached, most)
	}
	return nil
}

func ejects(most int) func(Report) error {
	return func(r Report) error { return none("were ejected too many", max(0, r.MostEjected-most)) }
}

func isFastEnough(r Report) error {
	if r.Rate < least {
		return fmt.Errorf("%.0f calls a second", r.Rate)
	}
	return nil
}

var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "resilience")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "resilience")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

// report runs a scenario as users do.
func report(t *testing.T, scenario string) (r Report) {
	t.Helper()
	binary, err := program()
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), binary, "-json", "-rate", strconv.Itoa(rate), "-for", lasts, scenario).Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &r))
	t.Log(r)
	return r
}

// A machine that stands still for a moment makes every call late, and then shows nothing of ours: another try tells.
const (
	tries       = 5
	standsStill = 50 // ms
)

func TestWhatBecomesOfCallsWhileInstancesFail(t *testing.T) {
	for _, s := range scenarios {
		if promises[s.name] == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			for n := 1; ; n++ {
				r := report(t, s.name)
				err := isFastEnough(r)
				for _, promise := range promises[s.name] {
					err = errors.Join(err, promise(r))
				}
				if err == nil {
					return
				}
				if n == tries || r.Lag < standsStill {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestLeastRequestHalvesTheP99ThatASlowInstanceMakes(t *testing.T) {
	for range tries {
		if slow, fast := report(t, "round-robin"), report(t, "least-request"); fast.P99 <= slow.P99/2 {
			return
		}
	}
	t.Errorf("not in any of %d tries", tries)
}
