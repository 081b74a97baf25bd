package build_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/build"
)

// linked sets what the linker would, for one test.
func linked(t *testing.T, version, commit, commitTime, branch, time string) {
	t.Cleanup(func() { build.Version, build.Commit, build.CommitTime, build.Branch, build.Time = "", "", "", "", "" })
	build.Version, build.Commit, build.CommitTime, build.Branch, build.Time = version, commit, commitTime, branch, time
}

func TestWhatTheLinkerWasToldIsTheBuild(t *testing.T) {
	linked(t, "v1.2.0", "3f2a1bc9d8e7f60512345678", "2026-11-29T08:30:00+01:00", "main", "2026-11-29T09:00:00Z")
	i := build.Read()
	require.Equal(t, "1.2.0 (commit 3f2a1bc of 2026-11-29T07:30:00Z)", i.String())
	require.Equal(t, []string{"github.com/archimedes-go/archimedes", "build.test", "main", "2026-11-29 09:00:00 +0000 UTC"},
		[]string{i.Group, i.Artifact, i.Branch, i.Time.String()})
}

func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	for want, linker := range map[string][5]string{
		"1.2.0":                  {"1.2.0"},
		"(commit 3f2)":           {"", "3f2"},
		"1.2.0 (commit 1234567)": {"1.2.0", "12345678", "yesterday", "", "noon"},
	} {
		t.Run(want, func(t *testing.T) {
			linked(t, linker[0], linker[1], linker[2], linker[3], linker[4])
			require.Equal(t, want, build.Read().String())
			require.True(t, build.Read().Time.IsZero())
		})
	}
}
