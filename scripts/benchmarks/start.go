package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/starter"
)

var started = regexp.MustCompile(`Web server started on port (\d+) \(http\)`)

// startRows: from the start of the process to the first 200.
func startRows() []row {
	greeter, bare := program("../../examples/greeter"), program("./echo")
	return []row{bootRow(), {
		what: "process start to first 200", ours: "greeter, all modules", beside: "hand-wired Echo", plus: 10 * time.Millisecond,
		measure: func() (time.Duration, time.Duration) {
			return first200(greeter(), "--server.port=0", "--server.address=127.0.0.1", "--eureka.instance.hostname=localhost",
				"--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone=http://127.0.0.1:1/eureka/"), first200(bare())
		},
	}}
}

// bootRow: a whole service in a test, with a Eureka server in which it is listed as UP, to its first 200.
func bootRow() row {
	return row{
		what: "boot in a test, registered, to first 200", ours: "apptest.Start(starter.Service)", beside: "Echo behind httptest", most: 50 * time.Millisecond,
		measure: func() (time.Duration, time.Duration) {
			ours := testing.Benchmark(func(b *testing.B) {
				for b.Loop() {
					a := apptest.Start(b, starter.Service, apptest.YAML("spring.application.name: shop"))
					if status, _ := a.Get("/actuator/health/readiness"); status != http.StatusOK {
						panic(status)
					}
					b.StopTimer()
					a.Stop()
					b.StartTimer()
				}
			})
			beside := testing.Benchmark(func(b *testing.B) {
				for b.Loop() {
					e := echo.New()
					e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
					server := httptest.NewServer(e)
					response := must(server.Client().Get(server.URL + "/"))
					_ = response.Body.Close()
					b.StopTimer()
					server.Close()
					b.StartTimer()
				}
			})
			return time.Duration(ours.NsPerOp()), time.Duration(beside.NsPerOp())
		},
	}
}

func first200(program string, args ...string) time.Duration {
	began := time.Now()
	cmd := exec.Command(program, args...)
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := started.FindStringSubmatch(lines.Text()); found != nil {
			response := must(http.Get("http://127.0.0.1:" + found[1] + "/hello"))
			_ = response.Body.Close()
			return time.Since(began)
		}
	}
	panic(program + " did not start")
}
