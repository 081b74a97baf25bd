// Package build tells which program this is: in the line that says what starts, with --version, in /actuator/info, and as
// service.version in traces and logs.
//
// What the go command records is enough in a repository. A build script knows more, and the linker sets it:
//
//	go build -ldflags "-X github.com/archimedes-go/archimedes/modules/build.Version=1.2.0 \
//		-X github.com/archimedes-go/archimedes/modules/build.Branch=$(git branch --show-current) \
//		-X github.com/archimedes-go/archimedes/modules/build.Time=$(date -Iseconds)"
//
// The setting spring.application.version beats Version.
package build

import (
	"cmp"
	"path"
	"runtime/debug"
	"strings"
	"time"
)

// What the linker may set.
var (
	Version    string // as 1.2.0; default that of the main module
	Commit     string // default the one that the go command built
	CommitTime string // as 2026-11-29T08:30:00+01:00, which git log --format=%cI prints
	Branch     string
	Time       string // of the build, as CommitTime
)

// Info is what is known of the build of a program. What is not known is empty.
type Info struct {
	Artifact string    // the program: orders
	Group    string    // its module: github.com/me/orders
	Version  string    // without a leading v: 1.2.0
	Time     time.Time // of the build

	Branch     string
	Commit     string
	CommitTime time.Time
	Modified   bool // there was more than the commit
}

// Read returns what is known of this program.
func Read() Info {
	var i Info
	if recorded, ok := debug.ReadBuildInfo(); ok {
		i = of(recorded)
	}
	i.Version = strings.TrimPrefix(cmp.Or(Version, i.Version), "v")
	i.Branch, i.Time = Branch, instant(Time)
	if Commit != "" && !strings.HasPrefix(i.Commit, Commit) { // what was recorded belongs to another
		i.Commit, i.CommitTime, i.Modified = Commit, time.Time{}, false
	}
	if t := instant(CommitTime); !t.IsZero() {
		i.CommitTime = t
	}
	return i
}

func of(recorded *debug.BuildInfo) Info {
	i := Info{Group: recorded.Main.Path, Artifact: path.Base(cmp.Or(recorded.Path, recorded.Main.Path, "unknown"))}
	if v := recorded.Main.Version; v != "(devel)" {
		i.Version = v
	}
	for _, s := range recorded.Settings {
		switch s.Key {
		case "vcs.revision":
			i.Commit = s.Value
		case "vcs.time":
			i.CommitTime = instant(s.Value)
		case "vcs.modified":
			i.Modified = s.Value == "true"
		}
	}
	return i
}

// instant is the zero time for a text that is none.
func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Short is the commit as people quote it.
func (i Info) Short() string { return i.Commit[:min(len(i.Commit), 7)] }

// String is one line: 1.2.0 (commit 3f2a1bc of 2026-11-29T07:30:00Z).
func (i Info) String() string {
	text := i.Version
	if i.Commit == "" {
		return text
	}
	text += " (commit " + i.Short()
	if i.Modified {
		text += " and changes"
	}
	if !i.CommitTime.IsZero() {
		text += " of " + i.CommitTime.Format(time.RFC3339)
	}
	return strings.TrimSpace(text + ")")
}
