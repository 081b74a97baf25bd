package springcloud_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/scripts/effective/cases"
)

var record = flag.Bool("record", false, "write what Spring Boot makes of configurations to the testdata of scripts/effective")

const configurations = "../../scripts/effective/testdata"

// Spring Boot is asked again what it makes of the configurations; that we make the same of them is tested beside
// scripts/effective, on machines without Java too. Without ARCHIMEDES_FULL a sample is asked.
func TestSpringBootStillAnswersWhatIsRecorded(t *testing.T) {
	all, err := cases.Load(configurations)
	require.NoError(t, err)
	oracle := append(append([]string{"java"}, javaFlags...), "-jar", jarOf("config-oracle"))
	answers := map[string]map[string]cases.Answer{}
	served := map[string]map[string][]cases.Exchange{}
	repository := t.TempDir()
	require.NoError(t, cases.WriteRepository(filepath.Join(configurations, "1.07-config-server.txtar"), repository))
	server := startConfigServer(t, repository)
	var mu sync.Mutex
	t.Run("cases", func(t *testing.T) {
		for i, c := range all {
			if !*record && os.Getenv("ARCHIMEDES_FULL") == "" && i%7 != 0 {
				continue
			}
			t.Run(c.ID(), func(t *testing.T) {
				t.Parallel()
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
				if !*record {
					require.NotNil(t, c.Spring, "not recorded: go test -run %s -record", t.Name())
					require.Truef(t, c.Spring.Same(got.Answer), "recorded: %v\nnow: %v\n%s", c.Spring, got.Answer, got.Stderr)
				}
				mu.Lock()
				defer mu.Unlock()
				if answers[c.Group] == nil {
					answers[c.Group], served[c.Group] = map[string]cases.Answer{}, map[string][]cases.Exchange{}
				}
				answers[c.Group][c.Name], served[c.Group][c.Name] = got.Answer, exchanges
				if got.Fails && testing.Verbose() {
					t.Log(strings.ReplaceAll(first(got.Stderr, 1200), folder, ""))
				}
			})
		}
	})
	if *record {
		for group, of := range answers {
			require.NoError(t, cases.Record(filepath.Join(configurations, group+".txtar"), of, served[group]))
		}
		fmt.Printf("recorded %d answers\n", len(all))
	}
}

// startConfigServer starts a Spring Cloud Config server of the files in a folder and returns its address.
func startConfigServer(t *testing.T, folder string) string {
	t.Helper()
	args := append(append([]string{}, javaFlags...), "-jar", jarOf("config-server"), "--server.port=0", "--server.address=127.0.0.1",
		"--spring.cloud.config.server.native.search-locations=file:"+folder+"/,file:"+folder+"/{label}/")
	p := start(t, "config server", "java", args...)
	return "http://127.0.0.1:" + p.await(t, `Tomcat started on port (\d+)`)
}

func first(text string, n int) string { return text[:min(n, len(text))] }
