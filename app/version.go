package app

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/archimedes-go/archimedes/modules/build"
)

// programName is what the program is called on the command line.
func programName() string { return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") }

// printVersion answers --version in one line.
func printVersion(w io.Writer, i build.Info) {
	fmt.Fprintf(w, "%s %s %s %s/%s\n", programName(), cmp.Or(i.String(), "of an unknown version"), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// logStarting is the first line: what starts, built from what, and where.
func (a *App) logStarting() {
	if !a.logsStartup() {
		return
	}
	about := a.build
	about.Version, _ = a.cfg.Lookup("spring.application.version")
	if about.Version != "" {
		about.Version = "v" + about.Version
	}
	what := strings.TrimSpace(a.name + " " + about.String())
	where := ""
	if program, err := os.Executable(); err == nil {
		where = " (" + program
		if dir, err := filepath.Abs(a.spec.Dir); err == nil {
			where += " started in " + dir
		}
		where += ")"
	}
	a.log.Info(fmt.Sprintf("Starting %s using %s with PID %d%s", what, runtime.Version(), os.Getpid(), where))
	a.log.Info(profileLine(a.cfg.Profiles()))
}
