package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/modules/logging"
)

// editing is an application whose application.yml is edited while it runs.
type editing struct {
	t    *testing.T
	file string
	out  *buffer
	log  *slog.Logger
}

func edit(t *testing.T, text string, args ...string) *editing {
	t.Helper()
	dir := t.TempDir()
	e := &editing{t: t, file: filepath.Join(dir, "application.yml"), out: &buffer{}}
	e.write(text)
	a := app.New(app.Spec{Bundle: logging.Module, Dir: dir, Args: args, Stdout: e.out, Options: []fx.Option{fx.Populate(&e.log)}})
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, a.Stop(context.Background())) })
	return e
}

func (e *editing) write(text string) {
	e.t.Helper()
	require.NoError(e.t, os.WriteFile(e.file, []byte(text), 0o600))
}

func (e *editing) says(what string) {
	e.t.Helper()
	require.Eventually(e.t, func() bool { return strings.Contains(e.out.String(), what) }, 20*time.Second, 10*time.Millisecond, what)
}

func TestAnEditedFileChangesLevelsWhileTheProgramRuns(t *testing.T) {
	e := edit(t, "logging.level.shop: warn")
	shop := e.log.With("logger", "shop")
	require.False(t, shop.Enabled(t.Context(), slog.LevelInfo))
	e.write("logging.level.shop: debug\nlogging.levle.shop: info")
	e.says("configuration changed")
	require.True(t, shop.Enabled(t.Context(), slog.LevelDebug))
	e.says("logging.levle.shop") // what is wrong with the new settings is said, too
}

func TestABrokenEditIsOneWarningWithTheLine(t *testing.T) {
	e := edit(t, "logging.level.shop: warn")
	e.write("logging:\n\tlevel.shop: info\n")
	e.says("cannot be read again")
	e.says("application.yml:2:1")
	e.write("logging.level.shop: loud\n")
	e.says("loud")
	require.Equal(t, 2, strings.Count(e.out.String(), "cannot be read again"))
	require.False(t, e.log.With("logger", "shop").Enabled(t.Context(), slog.LevelInfo), "the old level stays")
}

func TestWatchingCanBeSwitchedOff(t *testing.T) {
	e := edit(t, "logging.level.shop: warn", "--spring.config.watch=false", "--debug")
	e.write("logging.level.shop: debug")
	time.Sleep(500 * time.Millisecond) // longer than an edit takes to be noticed
	require.NotContains(t, e.out.String(), "configuration changed")
	e.says("Sources, highest precedence first")
	e.says("commandLineArgs (2 keys)")
	e.says("application.yml (1 keys)")
}
