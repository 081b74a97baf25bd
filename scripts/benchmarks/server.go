package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// javaServer is the real server, which scripts/interop builds.
const javaServer = "../../examples/spring-cloud/eureka-server/target/eureka-server.jar"

// serverProcess is a Eureka server, and what it costs.
type serverProcess struct {
	cmd   *exec.Cmd
	url   string
	ready time.Duration
}

// startServer starts a server on a free port and waits for its first answer.
func startServer(name string, args ...string) *serverProcess {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	args = append(args, fmt.Sprint("--server.port=", port), "--server.address=127.0.0.1", "--eureka.server.enable-self-preservation=false",
		"--eureka.server.retention-time-in-m-s-in-delta-queue=1000")
	s := &serverProcess{cmd: exec.Command(name, args...), url: fmt.Sprintf("http://127.0.0.1:%d/eureka/", port)}
	s.cmd.Dir = os.TempDir()
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		panic(err)
	}
	atEnd = append(atEnd, s.stop)
	for {
		if response, err := http.Get(s.url + "apps/"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				s.ready = time.Since(began)
				return s
			}
		}
		if time.Since(began) > 2*time.Minute {
			panic(name + " does not answer")
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *serverProcess) stop() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() }

// cpu is what the process used so far (proc(5): utime and stime, in hundredths of a second).
func (s *serverProcess) cpu() time.Duration {
	stat := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	ticks := must(strconv.Atoi(fields[11])) + must(strconv.Atoi(fields[12]))
	return time.Duration(ticks) * 10 * time.Millisecond
}

func (s *serverProcess) resident() time.Duration {
	for line := range strings.Lines(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))))) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return time.Duration(must(strconv.Atoi(strings.Fields(text)[0]))) << 10
		}
	}
	return 0
}

// sender sends over connections that stay, and reads answers without looking at them.
var sender = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

func (s *serverProcess) send(method, path string, body []byte, headers ...string) int {
	r := must(http.NewRequest(method, s.url+path, bytes.NewReader(body)))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response := must(sender.Do(r))
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

// bareServer answers as a Eureka server does, by the least that net/http asks of a handler: what the same requests cost in any case.
func bareServer(args []string) {
	port := ""
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--server.port="); ok {
			port = value
		}
	}
	empty := []byte(`{"applications":{"versions__delta":"1","apps__hashcode":"UP_10000_","application":[]}}`)
	panic(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(empty)
		case http.MethodPost:
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNoContent)
		}
	})))
}

// perRequest returns the server's CPU for each of n requests, sent over eight connections.
func (s *serverProcess) perRequest(n int, send func(i int)) time.Duration {
	before := s.cpu()
	parallel(n, send)
	return (s.cpu() - before) / time.Duration(n)
}

func parallel(n int, do func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}

// estate is the instances that are registered: their paths and documents of about 1 KB.
type estate struct {
	paths  []string
	bodies [][]byte
}

// models are the instances of the fixture, as JSON has them.
var models = sync.OnceValue(func() (all []map[string]any) {
	var document struct {
		Applications struct {
			Application []struct{ Instance []map[string]any }
		}
	}
	if err := json.Unmarshal(registry10000(), &document); err != nil {
		panic(err)
	}
	for _, app := range document.Applications.Application {
		all = append(all, app.Instance...)
	}
	return all
})

func newEstate() (e estate) {
	for _, i := range models() {
		e.add(i, fmt.Sprint(i["app"]), fmt.Sprint(i["instanceId"]))
	}
	return e
}

func (e *estate) add(model map[string]any, app, id string) {
	i := maps.Clone(model)
	i["app"], i["instanceId"], i["lastDirtyTimestamp"] = app, id, "1700000000000"
	i["leaseInfo"] = map[string]int{"renewalIntervalInSecs": 30, "durationInSecs": 36_000}
	delete(i, "actionType")
	e.paths = append(e.paths, "apps/"+app+"/"+id)
	e.bodies = append(e.bodies, must(json.Marshal(map[string]any{"instance": i})))
}

func (e *estate) register(s *serverProcess, i int) {
	app, _, _ := strings.Cut(strings.TrimPrefix(e.paths[i], "apps/"), "/")
	if status := s.send("POST", "apps/"+app, e.bodies[i]); status != http.StatusNoContent {
		panic(fmt.Sprint("registration: status ", status))
	}
}

func (e *estate) heartbeat(s *serverProcess, i int) {
	if status := s.send("PUT", e.paths[i]+"?status=UP&lastDirtyTimestamp=1700000000000", nil); status != http.StatusOK {
		panic(fmt.Sprint("heartbeat: status ", status))
	}
}

func (s *serverProcess) fetch(path string) {
	if status := s.send("GET", path, nil, "Accept-Encoding", "gzip"); status != http.StatusOK {
		panic(fmt.Sprint("fetch: status ", status))
	}
}

// serverRows: the embedded server beside the real one, each in a process of its own with the same 10,000 instances.
func serverRows() []row {
	if _, err := os.Stat(javaServer); err != nil {
		return []row{{what: "server beside the Java one: run scripts/interop first, which builds it"}}
	}
	binary := sync.OnceValue(func() string {
		dir := must(os.MkdirTemp("", "benchmarks"))
		path := filepath.Join(dir, "eureka-server")
		build := exec.Command("go", "build", "-o", path, "../../examples/eureka-server")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		return path
	})
	jar := must(filepath.Abs(javaServer))
	all := sync.OnceValue(newEstate)
	pair := sync.OnceValues(func() (*serverProcess, *serverProcess) {
		e := all()
		ours, theirs := startServer(binary()), startServer("java", "-jar", jar, "--eureka.server.delta-retention-timer-interval-in-ms=1000")
		for _, s := range []*serverProcess{ours, theirs} {
			parallel(len(e.paths), func(i int) { e.register(s, i) })
			s.fetch("apps/")
		}
		return ours, theirs
	})
	both := func(warm, n int, send func(*serverProcess, int)) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) {
			ours, theirs := pair()
			parallel(warm, func(i int) { send(theirs, i) }) // for its compiler
			parallel(warm/10, func(i int) { send(ours, i) })
			return ours.perRequest(n, func(i int) { send(ours, i) }), theirs.perRequest(n, func(i int) { send(theirs, i) })
		}
	}
	heartbeat := func(s *serverProcess, i int) { e := all(); e.heartbeat(s, i%len(e.paths)) }
	register := func(s *serverProcess, i int) { e := all(); e.register(s, i%len(e.paths)) }
	resident := func() (time.Duration, time.Duration) {
		ours, theirs := pair()
		return ours.resident(), theirs.resident()
	}
	least := sync.OnceValue(func() *serverProcess { return startServer(must(os.Executable()), "bare-server") })
	beside := func(send func(*serverProcess, int)) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) {
			ours, _ := pair()
			bare := least()
			for _, s := range []*serverProcess{ours, bare} {
				parallel(4000, func(i int) { send(s, i) })
			}
			return ours.perRequest(40_000, func(i int) { send(ours, i) }), bare.perRequest(40_000, func(i int) { send(bare, i) })
		}
	}
	delta := func(s *serverProcess, _ int) { s.fetch("apps/delta") }
	growth := func(instances int) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) {
			return heartbeatAmong(binary(), instances), heartbeatAmong(binary(), 1000)
		}
	}
	minutes := ""
	const ours, theirs = "eureka-server", "Spring Cloud's"
	return []row{
		{what: "server: ready", ours: ours, beside: theirs, most: 50 * time.Millisecond, measure: func() (time.Duration, time.Duration) {
			s := startServer(binary())
			defer s.stop()
			_, java := pair()
			return s.ready, java.ready
		}},
		{what: "server: resident memory at rest, 10,000 instances", ours: ours, beside: theirs, budget: 0.1, bytes: true, measure: func() (time.Duration, time.Duration) {
			pair()
			time.Sleep(20 * time.Second)
			return resident()
		}},
		{what: "server: CPU of a heartbeat", ours: ours, beside: theirs, budget: 0.2, measure: both(30_000, 40_000, heartbeat)},
		{what: "server: CPU of a registration", ours: ours, beside: theirs, budget: 0.2, measure: both(30_000, 40_000, register)},
		{what: "server: CPU of an empty delta", ours: ours, beside: theirs, budget: 1. / 3, measure: func() (time.Duration, time.Duration) {
			pair()
			time.Sleep(65 * time.Second) // the changes are told, and the Java server's caches know
			return both(30_000, 40_000, delta)()
		}},
		{what: "server: CPU of a full fetch, gzip", ours: ours, beside: theirs, budget: 2. / 3, measure: both(2000, 2000, func(s *serverProcess, _ int) { s.fetch("apps/") })},
		{what: "server: CPU of a heartbeat, and of net/http alone", ours: ours, beside: "a bare handler", measure: beside(heartbeat)},
		{what: "server: CPU of a registration, and of net/http alone", ours: ours, beside: "a bare handler", measure: beside(register)},
		{what: "server: CPU of an empty delta, and of net/http alone", ours: ours, beside: "a bare handler", measure: func() (time.Duration, time.Duration) {
			pair()
			time.Sleep(2 * time.Second) // the changes are told
			return beside(delta)()
		}},
		{what: "server: resident memory after two minutes of full load", ours: ours, beside: theirs, budget: 0.1, bytes: true, measure: func() (time.Duration, time.Duration) {
			ours, theirs := pair()
			minutes = ""
			for _, s := range []*serverProcess{ours, theirs} {
				half := time.Now()
				for began := time.Now(); time.Since(began) < 2*time.Minute; {
					parallel(2000, func(i int) {
						switch i % 20 {
						case 0:
							s.fetch("apps/")
						case 1:
							register(s, i)
						case 2, 3, 4:
							s.fetch("apps/delta")
						default:
							heartbeat(s, i)
						}
					})
					if s == ours && time.Since(half) > 30*time.Second {
						half = time.Now()
						minutes += fmt.Sprintf(" %.0f", float64(s.resident())/(1<<20))
					}
				}
			}
			return resident()
		}, note: func() string { return "MiB each half minute:" + minutes }},
		{what: "server: CPU of a heartbeat among 10,000 in 1,000 applications", ours: "10,000", beside: "1,000", budget: 1.25, measure: growth(10_000)},
		{what: "server: CPU of a heartbeat among 100,000 in 1,000 applications", ours: "100,000", beside: "1,000", budget: 1.25, measure: growth(100_000)},
	}
}

// heartbeatAmong returns the CPU of a heartbeat at a server of its own with so many instances in 1,000 applications.
func heartbeatAmong(binary string, instances int) time.Duration {
	s := startServer(binary)
	defer s.stop()
	var e estate
	for n := range instances {
		e.add(models()[0], fmt.Sprint("APP-", n%1000), fmt.Sprint("instance-", n))
	}
	parallel(instances, func(i int) { e.register(s, i) })
	s.fetch("apps/")
	send := func(i int) { e.heartbeat(s, i*7919%instances) }
	parallel(5000, send)
	return s.perRequest(60_000, send)
}
