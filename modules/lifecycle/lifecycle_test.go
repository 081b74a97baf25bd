package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWorkStartsWithTheApplicationAndIsAwaitedAtStop(t *testing.T) {
	var ended bool
	started := make(chan struct{})
	app := fxtest.New(t, fx.Invoke(func(lc fx.Lifecycle) {
		lifecycle.Run(lc, slog.New(slog.DiscardHandler), "work", func(ctx context.Context) error {
			close(started)
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
	}))
	app.RequireStart()
	<-started
	app.RequireStop()
	require.True(t, ended)
}

func TestWorkThatDoesNotEndIsNamedWhenTheStopRunsOut(t *testing.T) {
	release, logged := make(chan struct{}), make(chan string, 1)
	log := slog.New(slog.NewTextHandler(lines(logged), nil))
	app := fx.New(fx.NopLogger, fx.Invoke(func(lc fx.Lifecycle) {
		lifecycle.Run(lc, log, "stubborn work", func(context.Context) error { <-release; return nil })
	}))
	require.NoError(t, app.Start(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, app.Stop(ctx), context.DeadlineExceeded)
	require.Contains(t, <-logged, "stubborn work")
	close(release)
}

func TestWorkThatPanicsIsLoggedAndStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		runs := 0
		lifecycle.Keep(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), "work", func(context.Context) error {
			if runs++; runs < 3 {
				panic("oh no")
			}
			return nil
		})
		require.Equal(t, 3, runs)
		require.Contains(t, log.String(), "oh no")
		require.Contains(t, log.String(), "lifecycle_test.go", "the stack tells where")
	})
}

func TestPausesGrowUpToHalfAMinuteAndEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		runs := 0
		lifecycle.Keep(ctx, slog.New(slog.DiscardHandler), "work", func(context.Context) error { runs++; return errors.New("no") })
		require.Greater(t, runs, 15)
		require.Less(t, runs, 60)
	})
}

func TestHasteIsSeenThroughDerivedContexts(t *testing.T) {
	ctx, haste := lifecycle.WithHaste(t.Context())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	haste.Hurry()
	<-lifecycle.Hurried(ctx)
	select {
	case <-lifecycle.Aborted(ctx):
		t.Fatal("hurrying must not abort")
	default:
	}
	haste.Abort()
	haste.Abort()
	<-lifecycle.Aborted(ctx)
	require.Nil(t, lifecycle.Hurried(t.Context()))
}

// lines is a writer that hands each line on.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}
