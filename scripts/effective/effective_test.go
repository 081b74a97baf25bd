package main_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/scripts/effective/cases"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "effective")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "effective")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// Every case is run as a user would, and compared with what Spring Boot answered when it was asked.
func TestConfigurationsMeanWhatTheyMeanToSpringBoot(t *testing.T) {
	all, err := cases.Load("testdata")
	require.NoError(t, err)
	require.Greater(t, len(all), 500)
	for _, c := range all {
		t.Run(c.ID(), func(t *testing.T) {
			if runtime.GOOS == "windows" && len(c.Links) > 0 {
				t.Skip("links need rights on Windows")
			}
			t.Parallel()
			folder := t.TempDir()
			require.NoError(t, c.Write(folder))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			environ, unexpected := []string{"LC_ALL=C.UTF-8"}, func() []string { return nil }
			if c.Server != "" {
				var server *httptest.Server
				server, unexpected = cases.NewServer(c)
				defer server.Close()
				environ = append(environ, "CONFIG_HOST="+cases.HostOf(server))
			}
			got, err := c.Run(ctx, folder, environ, binary)
			if err == nil {
				err = differs(c, got)
			}
			if strange := unexpected(); err == nil && len(strange) > 0 {
				err = fmt.Errorf("the config server was asked what Spring does not ask: %v", strange)
			}
			require.NoError(t, err)
		})
	}
}

// differs compares with what was recorded. Where we fail on purpose, or do not, the case says why.
func differs(c *cases.Case, got cases.Outcome) error {
	if c.Spring == nil {
		return fmt.Errorf("Spring Boot was never asked: ARCHIMEDES_RECORD=1 scripts/interop -run StillAnswers/cases/%s", c.ID())
	}
	same := c.Spring.Same(got.Answer)
	if c.Differs != "" {
		same = c.Spring.Fails != got.Fails
	}
	if !same {
		return fmt.Errorf("Spring: %v\nours: %v\n%s", *c.Spring, got.Answer, got.Stderr)
	}
	if !got.Fails {
		return nil
	}
	for _, part := range append([]string{"APPLICATION FAILED TO START", "Description:", "Action:"}, c.Names...) {
		if !strings.Contains(got.Stderr, part) {
			return fmt.Errorf("the report does not say %q:\n%s", part, got.Stderr)
		}
	}
	for _, part := range append([]string{"goroutine ", "panic"}, c.Hides...) {
		if strings.Contains(got.Stderr, part) {
			return fmt.Errorf("the report says %q:\n%s", part, got.Stderr)
		}
	}
	return nil
}

// Spring's rules have a section each; a group of cases is called by its number.
func TestEverySectionHasCasesAndFailures(t *testing.T) {
	all, err := cases.Load("testdata")
	require.NoError(t, err)
	total, failing := map[string]int{}, map[string]int{}
	for _, c := range all {
		section, _, _ := strings.Cut(c.Group, "-")
		total[section]++
		if c.Spring != nil && c.Spring.Fails {
			failing[section]++
		}
	}
	for i := range 14 {
		section := fmt.Sprintf("1.%02d", i+1)
		t.Logf("%s: %d cases, %d of them failures", section, total[section], failing[section])
		require.GreaterOrEqual(t, total[section], 6, section)
		require.GreaterOrEqual(t, failing[section], 2, section)
	}
}
