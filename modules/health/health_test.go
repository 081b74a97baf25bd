package health_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleNew() {
	db := health.NewIndicator("db", func(context.Context) health.Result { return health.FromError(errors.New("no route to host")) })
	checks, _ := health.New(health.DefaultConfig(), health.NewAvailability(), db)
	report := checks.Whole(context.Background())
	fmt.Println(report.Status, report.HTTPStatus, report.Components["db"].Details["error"])
	// Output: DOWN 503 no route to host
}

func saying(name string, status health.Status) health.Indicator {
	return health.NewIndicator(name, func(context.Context) health.Result { return health.Result{Status: status} })
}

func TestTheWorstStatusCounts(t *testing.T) {
	for _, tc := range []struct {
		all  []health.Status
		want health.Status
		http int
	}{
		{[]health.Status{"UP", "UP"}, "UP", 200}, {[]health.Status{"UP", "DOWN", "OUT_OF_SERVICE"}, "DOWN", 503},
		{[]health.Status{"UNKNOWN", "UP"}, "UP", 200}, {[]health.Status{"UP", "OUT_OF_SERVICE"}, "OUT_OF_SERVICE", 503},
		{[]health.Status{"FATAL"}, "UNKNOWN", 200}, {nil, "UP", 200},
	} {
		var indicators []health.Indicator
		for n, s := range tc.all {
			indicators = append(indicators, saying(fmt.Sprint(n), s))
		}
		checks, err := health.New(health.DefaultConfig(), health.NewAvailability(), indicators...)
		require.NoError(t, err)
		report := checks.Whole(t.Context())
		require.Equal(t, tc.want, report.Status, tc.all)
		require.Equal(t, tc.http, report.HTTPStatus, tc.all)
	}
}

func TestLivenessAndReadinessFollowTheProgram(t *testing.T) {
	a := health.NewAvailability()
	checks, err := health.New(health.DefaultConfig(), a, saying("db", health.Down))
	require.NoError(t, err)
	states := func() (all []int) {
		for _, group := range []string{health.Liveness, health.Readiness} {
			report, ok := checks.At(t.Context(), group)
			require.True(t, ok)
			all = append(all, report.HTTPStatus)
		}
		return all
	}
	require.Equal(t, []int{503, 503}, states(), "starting")
	a.Started()
	require.Equal(t, []int{200, 503}, states(), "started")
	a.Accept()
	require.Equal(t, []int{200, 200}, states(), "a shared dependency that is down takes nobody out")
	a.Refuse()
	require.Equal(t, []int{200, 503}, states(), "leaving")
	a.Break()
	require.Equal(t, []int{503, 503}, states())
	require.Equal(t, []string{"liveness", "readiness"}, checks.Whole(t.Context()).Groups)
}

func TestGroupsChooseTheirMembers(t *testing.T) {
	cfg := health.DefaultConfig()
	cfg.ShowDetails = health.ShowAlways
	cfg.Group = map[string]health.Group{"readiness": {Include: []string{"readinessState", "db"}}, "all": {Include: []string{"*"}, Exclude: []string{"mq"}}}
	a := health.NewAvailability()
	a.Accept()
	checks, err := health.New(cfg, a, saying("db", health.Down), saying("mq", health.Down))
	require.NoError(t, err)
	report, ok := checks.At(t.Context(), "readiness")
	require.True(t, ok)
	require.Equal(t, 503, report.HTTPStatus)
	report, ok = checks.At(t.Context(), "all")
	require.True(t, ok)
	require.Len(t, report.Components, 1)
	report, ok = checks.At(t.Context(), "db")
	require.True(t, ok)
	require.Equal(t, health.Down, report.Status)
	_, ok = checks.At(t.Context(), "nothing")
	require.False(t, ok)
}

func TestAGroupWithAnUnknownMemberFailsTheStart(t *testing.T) {
	cfg := health.DefaultConfig()
	cfg.Group = map[string]health.Group{"readiness": {Include: []string{"databse"}}}
	_, err := health.New(cfg, health.NewAvailability(), saying("database", health.Up))
	var failure interface {
		Description() string
		Action() string
		Keys() []string
	}
	require.ErrorAs(t, err, &failure)
	require.Contains(t, failure.Description(), "databse")
	require.Contains(t, failure.Action(), "database")
	require.Equal(t, []string{"management.endpoint.health.group.readiness.include"}, failure.Keys())
}

func TestAnIndicatorThatPanicsOrHangsIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		checks, err := health.New(health.DefaultConfig(), health.NewAvailability(),
			health.NewIndicator("panics", func(context.Context) health.Result { panic("oh no") }),
			health.NewIndicator("hangs", func(context.Context) health.Result { <-hang; return health.Result{} }))
		require.NoError(t, err)
		began := time.Now()
		report := checks.Whole(t.Context())
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Equal(t, health.Down, report.Components["panics"].Status)
		require.Equal(t, health.Down, report.Components["hangs"].Status)
		require.Contains(t, report.Components["panics"].Details["error"], "oh no")
		close(hang)
	})
}

func TestModuleHasSpringsIndicators(t *testing.T) {
	for yaml, want := range map[string]int{"": 2, "management.health.defaults.enabled: false": 0, "management.health.diskspace.enabled: false": 1, "management.health.diskspace.threshold: 999999TB": 2} {
		cfg := configtest.FromYAML(t, yaml)
		var checks *health.Checks
		app := fx.New(fx.NopLogger, fx.Supply(cfg), health.Module(cfg), fx.Populate(&checks))
		require.NoError(t, app.Err())
		report := checks.Whole(t.Context())
		require.Len(t, report.Components, want)
		if yaml == "management.health.diskspace.threshold: 999999TB" {
			require.Equal(t, health.Down, report.Components["diskSpace"].Status)
		}
	}
}

func TestChangesOfAvailabilityAreTold(t *testing.T) {
	a := health.NewAvailability()
	changed := a.Changed()
	a.Refuse() // no change
	select {
	case <-changed:
		t.Fatal("nothing changed")
	default:
	}
	a.Accept()
	<-changed
}
