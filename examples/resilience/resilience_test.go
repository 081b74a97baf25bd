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
			assert.Less(t, f.Began, 100.0, "only what was in flight there: %v", f)
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
	"round-robin":   noPostFails,
	"least-request": noPostFails,
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
		assert.Equal(t, []string{"i0"}, f.Instances)
		if f.Began > r.Ejections[0] {
			after++
		}
	}
	assert.LessOrEqual(t, after, 2, "failures after it was ejected: %v", r)
}

// endsInTime asserts that no call takes longer than its second; the machine may be busy.
func endsInTime(t *testing.T, r Report) { assert.Less(t, r.Longest, 2000.0) }

func TestWhatBecomesOfCallsWhileInstancesFail(t *testing.T) {
	rate, lasts, least := 300, "1500ms", 100.0
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		rate, lasts, least = 1050, "12s", 1000
	}
	p := exampletest.Start(t, ".", "-json", "-rate", strconv.Itoa(rate), "-for", lasts)
	p99 := map[string]float64{}
	for _, s := range scenarios {
		var r Report
		require.NoError(t, json.Unmarshal([]byte(p.Await(`(\{"Scenario":"`+s.name+`".*\})`)), &r))
		t.Run(s.name, func(t *testing.T) {
			t.Log(r)
			assert.GreaterOrEqual(t, r.Rate, least, "calls a second")
			if s.name != "overload" && s.name != "poison" {
				assert.Zero(t, r.FailedGets, r)
			}
			promises[s.name](t, r)
			p99[s.name] = r.P99
		})
	}
	assert.LessOrEqual(t, p99["least-request"], p99["round-robin"]/2)
}
