package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
)

// startFailing starts an application that cannot and returns its report.
func startFailing(t *testing.T, spec app.Spec) string {
	t.Helper()
	spec.NoFiles, spec.Stdout = true, io.Discard
	err := app.New(spec).Start(t.Context())
	var failure *app.Failure
	require.ErrorAs(t, err, &failure)
	return failure.Report()
}

// foreseen is a failure with words of its own.
type foreseen struct {
	description, action string
	keys                []string
}

func (e *foreseen) Error() string       { return "raw: " + e.description }
func (e *foreseen) Description() string { return e.description }
func (e *foreseen) Action() string      { return e.action }
func (e *foreseen) Keys() []string      { return e.keys }

func TestForeseenFailureIsFoundWhereverItHappens(t *testing.T) {
	fault := &foreseen{description: "The moon is full.", action: "Wait."}
	const report = `
***************************
APPLICATION FAILED TO START
***************************

Description:

The moon is full.

Action:

Wait.

`
	type tide struct{}
	for name, option := range map[string]fx.Option{
		"in a constructor":        fx.Options(fx.Provide(func() (*tide, error) { return nil, fault }), fx.Invoke(func(*tide) {})),
		"wrapped, in an invoked":  fx.Invoke(func() error { return fmt.Errorf("look up: %w", fault) }),
		"in a start hook":         fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() error { return fault })) }),
		"in a module":             fx.Module("sea", fx.Invoke(func() error { return fault })),
		"in a panic":              fx.Invoke(func() { panic(fault) }),
		"in a panic of a hook":    fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(func() { panic(fault) })) }),
		"as an option":            fx.Error(fault),
		"of a decorated provider": fx.Decorate(func(c *config.Config) (*config.Config, error) { return c, fault }),
	} {
		t.Run(name, func(t *testing.T) {
			options := []fx.Option{option, fx.Invoke(func(*config.Config) {})}
			require.Equal(t, report, startFailing(t, app.Spec{Options: options}))
		})
	}
	t.Run("in the bundle", func(t *testing.T) {
		require.Equal(t, report, startFailing(t, app.Spec{Bundle: func(*config.Config) fx.Option { panic(fault) }}))
	})
}

func TestSeveralFaultsAreReportedTogether(t *testing.T) {
	report := startFailing(t, app.Spec{Options: []fx.Option{fx.Invoke(func() error {
		return errors.Join(
			&foreseen{description: "First.", action: "Correct them."},
			fmt.Errorf("wrapped: %w", &foreseen{description: "Second.", action: "Correct them."}),
			&foreseen{description: "Third.", action: "And this."},
		)
	})}})
	require.Contains(t, report, "Description:\n\nFirst.\n\nSecond.\n\nThird.\n\nAction:\n\nCorrect them.\nAnd this.\n")
}

type (
	sun    struct{}
	moon   struct{}
	star   struct{}
	rocket interface{ Start() }
)

func newSunOf(*moon) *sun  { return nil }
func newMoonOf(*sun) *moon { return nil }

func TestContainerFailuresSayWhoNeedsWhat(t *testing.T) {
	for name, test := range map[string]struct {
		options []fx.Option
		want    []string
	}{
		"missing provider": {
			[]fx.Option{fx.Provide(newSunOf), fx.Invoke(func(*sun) {})},
			[]string{"app_test.newSunOf (", "failure_test.go:", ") needs *app_test.moon, which nothing provides.", "Add a constructor that returns *app_test.moon to the options: fx.Provide(…)."},
		},
		"missing several": {
			[]fx.Option{fx.Invoke(func(*sun, *moon) {})},
			[]string{"needs *app_test.sun, which", "needs *app_test.moon, which"},
		},
		"similar type": {
			[]fx.Option{fx.Provide(func() *star { return nil }), fx.Invoke(func(star) {})},
			[]string{"needs app_test.star, which nothing provides. The container has a similar type: did you mean *app_test.star?"},
		},
		"missing interface": {
			[]fx.Option{fx.Invoke(func(rocket) {})},
			[]string{"needs app_test.rocket"},
		},
		"circle": {
			[]fx.Option{fx.Provide(newSunOf, newMoonOf), fx.Invoke(func(*sun) {})},
			[]string{"Constructors depend on each other in a circle:", "→ func(*app_test.sun) *app_test.moon by app_test.newMoonOf (", "Break the circle"},
		},
		"provided twice": {
			[]fx.Option{fx.Provide(func() *star { return nil }), fx.Provide(func() *star { return nil })},
			[]string{"*app_test.star is provided twice: by app_test.TestContainerFailuresSayWhoNeedsWhat.func", "fx.Decorate instead of fx.Provide"},
		},
		"error of a constructor": {
			[]fx.Option{fx.Provide(func() (*star, error) { return nil, io.ErrUnexpectedEOF }), fx.Invoke(func(*star) {})},
			[]string{"Unexpected EOF\n    in app_test.TestContainerFailuresSayWhoNeedsWhat.func", "--debug"},
		},
		"error of a hook": {
			[]fx.Option{fx.Invoke(func(lc fx.Lifecycle) {
				lc.Append(fx.StartHook(func() error { return fmt.Errorf("dial database: %w", context.DeadlineExceeded) }))
			})},
			[]string{"Dial database: context deadline exceeded"},
		},
		"embedded files in a bundle": {
			[]fx.Option{fx.Options(app.Embedded(fstest.MapFS{}))},
			[]string{"App.Embedded must stand directly among the options of app.Run or app.Spec"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			report := startFailing(t, app.Spec{Options: test.options})
			for _, want := range test.want {
				require.Contains(t, report, want)
			}
			require.NotContains(t, report, "goroutine ")
			require.NotContains(t, report, "reflect.makeFuncStub")
		})
	}
}

func TestCredentialsInErrorsAreMasked(t *testing.T) {
	report := startFailing(t, app.Spec{Options: []fx.Option{fx.Invoke(func() error {
		return errors.New("GET http://me:p@ss/w%rd@eureka-1:8761/eureka,https://you:other@eureka-2/: refused")
	})}})
	require.Contains(t, report, "GET http://******@eureka-1:8761/eureka,https://******@eureka-2/: refused")
}
