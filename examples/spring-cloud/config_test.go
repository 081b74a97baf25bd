package springcloud_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/scripts/effective/cases"
)

// record is whether what Spring Boot makes of configurations is written to the testdata of scripts/effective.
var record = os.Getenv("ARCHIMEDES_RECORD") != ""

const configurations = "../../scripts/effective/testdata"

// Spring Boot is asked again what it makes of the configurations, and our program beside it; on machines without Java the tests of
// scripts/effective compare with what was recorded. Without ARCHIMEDES_FULL a sample is asked. ARCHIMEDES_RECORD=1
// scripts/interop -run StillAnswers records what differs, and new cases.
func TestSpringBootStillAnswersWhatIsRecorded(t *testing.T) {
	all, err := cases.Load(configurations)
	require.NoError(t, err)
	oracle := startsFast(t, jarOf("config-oracle"))
	answers := map[string]map[string]cases.Answer{}
	served := map[string]map[string][]cases.Exchange{}
	repository := t.TempDir()
	require.NoError(t, cases.WriteRepository(filepath.Join(configurations, "1.07-config-server.txtar"), repository))
	server := startConfigServer(t, repository)
	var mu sync.Mutex
	t.Run("cases", func(t *testing.T) {
		for i, c := range all {
			sampled := i%11 == 0 || c.Server == "spring" && i%4 == 0
			if !record && os.Getenv("ARCHIMEDES_FULL") == "" && !sampled {
				continue
			}
			t.Run(c.ID(), func(t *testing.T) {
				t.Parallel()
				if deadline, limited := t.Deadline(); limited && time.Until(deadline) < 3*time.Minute {
					t.Fatal("no time is left: programs that are still running when it ends would be left behind")
				}
				folder := t.TempDir()
				require.NoError(t, c.Write(folder))
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				environ := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
				var recorder *cases.Recorder
				switch c.Server {
				case "":
				case "spring":
					recorder = cases.NewRecorder(server, repository)
					defer recorder.Close()
					environ = append(environ, "CONFIG_HOST="+cases.HostOf(recorder.Server))
				default:
					faulty, _ := cases.NewServer(c)
					defer faulty.Close()
					environ = append(environ, "CONFIG_HOST="+cases.HostOf(faulty))
				}
				got, err := c.Run(ctx, folder, environ, oracle...)
				require.NoError(t, err)
				var exchanges []cases.Exchange
				if recorder != nil {
					exchanges = recorder.Exchanges()
				}
				if !record {
					require.Equal(t, cases.Lines(c.Served), cases.Lines(exchanges))
					require.NotNil(t, c.Spring, "not recorded: ARCHIMEDES_RECORD=1 scripts/interop -run %s", t.Name())
					require.Truef(t, c.Spring.Same(got.Answer), "recorded: %v\nnow: %v\n%s", c.Spring, got.Answer, got.Stderr)
				}
				mu.Lock()
				if answers[c.Group] == nil {
					answers[c.Group], served[c.Group] = map[string]cases.Answer{}, map[string][]cases.Exchange{}
				}
				answers[c.Group][c.Name], served[c.Group][c.Name] = got.Answer, exchanges
				mu.Unlock()
				if got.Fails && testing.Verbose() {
					t.Log(strings.ReplaceAll(first(got.Stderr, 1200), folder, ""))
				}
				ours, err := c.Run(ctx, folder, environ, filepath.Join(bin, "effective"))
				require.NoError(t, err)
				if c.Differs == "" {
					require.Truef(t, ours.Same(got.Answer), "Spring Boot: %v\nours: %v\n%s", got.Answer, ours.Answer, ours.Stderr)
				} else {
					require.NotEqual(t, got.Fails, ours.Fails, c.Differs)
				}
				if recorder != nil {
					require.Equal(t, cases.Lines(exchanges), cases.Lines(recorder.Exchanges()), "we ask the config server what Spring asks it")
				}
			})
		}
	})
	if record {
		for group, of := range answers {
			require.NoError(t, cases.Record(filepath.Join(configurations, group+".txtar"), of, served[group]))
		}
		fmt.Printf("recorded %d answers\n", len(all))
	}
}

// startsFast returns the command that starts a jar with its classes from an archive, in little more than half the time: it is
// started hundreds of times.
func startsFast(t *testing.T, jar string) []string {
	t.Helper()
	folder := t.TempDir()
	archive, unpacked := filepath.Join(folder, "classes.jsa"), filepath.Join(folder, filepath.Base(jar))
	for _, args := range [][]string{
		{"-Djarmode=tools", "-jar", jar, "extract", "--force", "--destination", folder},
		append(append([]string{}, javaFlags...), "-XX:ArchiveClassesAtExit="+archive, "-jar", unpacked),
	} {
		cmd := exec.CommandContext(t.Context(), "java", args...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	return append(append([]string{"java"}, javaFlags...), "-Xlog:disable", "-XX:SharedArchiveFile="+archive, "-jar", unpacked)
}

// startConfigServer starts a Spring Cloud Config server of the files in a folder and returns its address.
func startConfigServer(t *testing.T, folder string) string {
	t.Helper()
	args := append(append([]string{}, javaFlags...), "-jar", jarOf("config-server"), "--server.port=0", "--server.address=127.0.0.1",
		"--spring.cloud.config.server.native.search-locations=file:"+folder+"/,file:"+folder+"/{label}/")
	p := start(t, "config server", "java", args...)
	return "http://127.0.0.1:" + p.await(t, `Tomcat started on port (\d+)`)
}

// first returns the beginning of a text.
func first(text string, n int) string { return text[:min(n, len(text))] }
