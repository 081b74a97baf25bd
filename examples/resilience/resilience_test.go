//go:build linux

package main

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/examples/internal/exampletest"
)

// promises is what each scenario must come to, besides that no GET fails where an instance is left that could answer.
var promises = map[string]func(*testing.T, Report){
	"kill": func(t *testing.T, r Report) {
		for _, f := range r.Failures {
			assert.Equal(t, []string{"i0"}, f.Instances, "only what was in flight there: %v", f)
			assert.Less(t, f.Began, 500.0, "only what was in flight there: %v", f)
		}
	},
	"refuse": noPostFails,
	"dead":   noPostFails,
	"zone":   noPostFails,
	"vanish": noPostFails,
	"stop":   func(t *testing.T, r Report) { isAvoided(t, r); endsInTime(t, r) },
	"reset":  isAvoided,
	"stall":  func(t *testing.T, r Report) { isAvoided(t, r); endsInTime(t, r) },
	"busy": func(t *testing.T, r Report) {
		isAvoided(t, r)
		assert.Less(t, r.Requests[0], r.Calls/5, "it is left alone")
	},
	"overload": func(t *testing.T, r Report) {
		reached := 0
		for _, n := range r.Requests {
			reached += n
		}
		assert.LessOrEqual(t, float64(reached), 1.2*float64(r.Calls)+10*math.Ceil(r.Seconds))
		assert.LessOrEqual(t, r.MostEjected, 1, "half of three")
	},
	"half":   func(t *testing.T, r Report) { assert.LessOrEqual(t, r.MostEjected, 2, "half of four") },
	"poison": func(t *testing.T, r Report) { assert.Zero(t, r.MostEjected) },
}

func noPostFails(t *testing.T, r Report) { assert.Zero(t, r.FailedPosts, r) }

// isAvoided asserts that calls fail only until the instance is ejected, but for a trial or two.
func isAvoided(t *testing.T, r Report) {
	if !assert.NotEmpty(t, r.Ejections, "%v", r) {
		return
	}
	after := 0
	for _, f := range r.Failures {
		if f.Instances != nil { // no answer came
			assert.Equal(t, []string{"i0"}, f.Instances)
		}
		if f.Began > r.Ejections[0] {
			after++
		}
	}
	assert.LessOrEqual(t, after, 2, "failures after it was ejected: %v", r)
}

// endsInTime asserts that no call takes longer than its second; the machine may be busy.
func endsInTime(t *testing.T, r Report) { assert.Less(t, r.Longest, 2000.0) }

// least is the rate that must be reached: short tests run on machines that are busy with others.
var rate, lasts, least = 300, "1500ms", 100.0

func TestMain(m *testing.M) {
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		rate, lasts, least = 1050, "12s", 1000
	}
	os.Exit(m.Run())
}

func start(t *testing.T, scenarios ...string) *exampletest.Program {
	t.Helper()
	return exampletest.Start(t, ".", append([]string{"-json", "-rate", strconv.Itoa(rate), "-for", lasts}, scenarios...)...)
}

func reported(t *testing.T, p *exampletest.Program, scenario string) (r Report) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(p.Await(`(\{"Scenario":"`+scenario+`".*\})`)), &r))
	t.Log(r)
	return r
}

func TestWhatBecomesOfCallsWhileInstancesFail(t *testing.T) {
	var names []string
	for _, s := range scenarios {
		if promises[s.name] != nil {
			names = append(names, s.name)
		}
	}
	require.Len(t, names, len(promises))
	p := start(t, names...)
	for _, name := range names {
		r := reported(t, p, name)
		t.Run(name, func(t *testing.T) {
			assert.GreaterOrEqual(t, r.Rate, least, "calls a second")
			if name != "overload" && name != "poison" {
				assert.Zero(t, r.FailedGets, r)
			}
			promises[name](t, r)
		})
	}
}

func TestLeastRequestHalvesTheP99ThatASlowInstanceMakes(t *testing.T) {
	const tries = 5 // a machine that stands still for a moment makes everyone slow
	for range tries {
		p := start(t, "round-robin", "least-request")
		if slow, fast := reported(t, p, "round-robin"), reported(t, p, "least-request"); fast.P99 <= slow.P99/2 {
			return
		}
	}
	t.Errorf("not in any of %d tries", tries)
}
