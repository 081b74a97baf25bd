package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// clientRows: what a client of Eureka does all day.
func clientRows() []row {
	return []row{deltaRow(2), deltaRow(100), heartbeatRow(), idleRow()}
}

// deltaRow runs a benchmark of the package, since what it measures is not public: a delta of 100 changes applied to 10,000 instances,
// and the hash of all of them.
func deltaRow(applications int) row {
	data := registry10000()
	result := regexp.MustCompile(`([\d.]+) cpu-ns/op`)
	return row{
		what: fmt.Sprintf("delta of 100 changes in %d applications, applied to 10,000 instances and hashed", applications), ours: "eureka.Replica", beside: "decode of all", budget: 0.01,
		measure: func() (time.Duration, time.Duration) {
			run := exec.Command("go", "test", "-run", "-", "-bench", fmt.Sprintf("Delta/delta_over_%d_apps_same_false", applications), "-benchtime", "300ms", "./modules/eureka")
			run.Dir = "../.."
			out := must(run.CombinedOutput())
			found := result.FindSubmatch(out)
			if found == nil {
				panic(string(out))
			}
			return time.Duration(must(strconv.ParseFloat(string(found[1]), 64))), work(func() { must(eureka.DecodeApplications(data)) })
		},
	}
}

// heartbeatRow: a heartbeat beside the bare request, over a connection that is kept.
func heartbeatRow() row {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL + "/eureka/")}
	client := must(eureka.NewClient(cfg))
	ctx := context.Background()
	beat := func() {
		if err := client.Renew(ctx, "ORDERS", "localhost:orders:8080", discovery.Up, 1_700_000_000_000); err != nil {
			panic(err)
		}
	}
	return row{
		what: "heartbeat", ours: "eureka.Client.Renew", beside: "http.Client.Do",
		measure: func() (time.Duration, time.Duration) {
			return work(beat), work(func() {
				request := must(http.NewRequestWithContext(ctx, http.MethodPut, server.URL+"/eureka/apps/ORDERS/localhost:orders:8080?status=UP&lastDirtyTimestamp=1700000000000", nil))
				response := must(http.DefaultClient.Do(request))
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			})
		},
	}
}

// idleRow: the CPU that a program takes which registers and discovers, with 1,000 instances in the registry and the intervals that are
// the default, over four of them. It is measured once.
func idleRow() row {
	return row{
		what: "idle client, 1,000 instances: CPU in each second", ours: "starter.Init", beside: "a core", most: time.Millisecond,
		measure: sync.OnceValues(func() (time.Duration, time.Duration) {
			known := registry.New(registry.DefaultConfig())
			server := httptest.NewServer(rest.New(known))
			defer server.Close()
			for n, app := range must(eureka.DecodeApplications(registry10000())).Applications {
				for _, i := range app.Instances {
					if n < 20 {
						i.Lease.Duration = 3600
						if err := known.Register(i, false); err != nil {
							panic(err)
						}
					}
				}
			}
			dir := must(os.MkdirTemp("", "benchmarks"))
			program := filepath.Join(dir, "idle")
			build := exec.Command("go", "build", "-o", program, "./idle")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				panic(fmt.Sprintf("%v\n%s", err, out))
			}
			idle := exec.Command(program, server.URL+"/eureka/")
			ask, answers := must(idle.StdinPipe()), bufio.NewReader(must(idle.StdoutPipe()))
			if err := idle.Start(); err != nil {
				panic(err)
			}
			defer func() { _ = ask.Close(); _ = idle.Wait() }()
			used := func() time.Duration {
				fmt.Fprintln(ask)
				return time.Duration(must(strconv.ParseInt(strings.TrimSpace(must(answers.ReadString('\n'))), 10, 64)))
			}
			time.Sleep(2 * time.Second)
			before := used()
			const seconds = 120
			time.Sleep(seconds * time.Second)
			return (used() - before) / seconds, time.Second
		}),
	}
}
