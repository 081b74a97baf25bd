package starter_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestREADMEHasARowForEveryFeatureAndDefectWithATestThatExists(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	exists := map[string]bool{}
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(source, -1) {
			exists[string(match[1])] = true
		}
		return err
	}))
	rows := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if id := regexp.MustCompile(`^\| ([FB]\d\d) `).FindStringSubmatch(line); id != nil {
			require.NotContains(t, rows, id[1])
			rows[id[1]] = line
		}
		for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(line, -1) {
			require.True(t, exists[name[1]], "%s does not exist", name[1])
		}
	}
	for kind, last := range map[string]int{"F": 70, "B": 26} {
		for n := 1; n <= last; n++ {
			id := fmt.Sprintf("%s%02d", kind, n)
			row := rows[id]
			require.NotEmpty(t, row, id)
			without := strings.Contains(row, "not yet") || id == "F70"
			require.True(t, without != strings.Contains(row, "`Test"), "%s is shown by a test, or says that it is not there", id)
		}
	}
	require.Len(t, rows, 96)
}
