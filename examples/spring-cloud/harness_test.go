package springcloud_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where the programs are: the Go ones are built here, the Java ones and the virtual environment by scripts/interop.
var (
	bin    string // directory of the built Go programs
	python string // interpreter that has py_eureka_client
)

const howToGet = "run scripts/interop, which builds them; it needs a JDK 17, Maven and Python 3 with venv"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		python = os.Getenv("ARCHIMEDES_PYTHON")
		if missing := missingPrograms(); missing != "" {
			fmt.Printf("no interop: %s is not built: %s\n", missing, howToGet)
			if os.Getenv("CI") == "true" {
				return 1
			}
			return 0
		}
		dir, err := os.MkdirTemp("", "interop")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		bin = dir
		build := exec.Command("go", "build", "-o", dir, "../greeter", "../eureka-server", "../../scripts/effective")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build the examples: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func missingPrograms() string {
	for _, jar := range []string{"eureka-server", "service", "gateway", "config-oracle", "config-server"} {
		if _, err := os.Stat(jarOf(jar)); err != nil {
			return jar + ".jar"
		}
	}
	if python == "" {
		return "the virtual environment with py_eureka_client (ARCHIMEDES_PYTHON)"
	}
	return ""
}

func jarOf(module string) string {
	jar, _ := filepath.Abs(filepath.Join(module, "target", module+".jar"))
	return jar
}

// process is a running program of ours or theirs. Its output goes to the test's log when the test fails.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	mu   sync.Mutex
	out  strings.Builder
	more chan struct{} // closed and renewed with each line
}

func start(t *testing.T, name string, command string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(command, args...), done: make(chan struct{}), more: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "CI=")
	if !strings.Contains(command, "java") { // a Go program reads application.yml and variables of its working directory
		p.cmd.Dir = t.TempDir()
	}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	require.NoError(t, p.cmd.Start())
	writer.Close()
	go func() {
		lines := bufio.NewReader(reader)
		for {
			line, err := lines.ReadString('\n')
			p.mu.Lock()
			p.out.WriteString(line)
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
			if err != nil {
				break
			}
		}
		reader.Close()
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		// What a test does not stop itself need not leave gracefully: SIGINT spares the drain, and Java ends at once.
		last := syscall.SIGINT
		if strings.Contains(command, "java") {
			last = syscall.SIGKILL
		}
		p.stop(last, 20*time.Second)
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, tail(p.output(), 6000))
		}
	})
	return p
}

func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

func (p *process) output() string { p.mu.Lock(); defer p.mu.Unlock(); return p.out.String() }

func (p *process) signal(s syscall.Signal) { p.cmd.Process.Signal(s) }

// stop signals, waits, and kills what does not end.
func (p *process) stop(s syscall.Signal, patience time.Duration) {
	select {
	case <-p.done:
		return
	default:
	}
	p.signal(s)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// await waits for a line and returns the pattern's first group.
func (p *process) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(90 * time.Second)
	for {
		p.mu.Lock()
		match, more := re.FindStringSubmatch(p.out.String()), p.more
		p.mu.Unlock()
		if match != nil {
			return match[len(match)-1]
		}
		select {
		case <-more:
		case <-p.done:
			require.Failf(t, "program ended", "%s ended before %q; output:\n%s", p.name, pattern, tail(p.output(), 6000))
		case <-deadline:
			require.Failf(t, "program is silent", "%s never said %q; output:\n%s", p.name, pattern, tail(p.output(), 6000))
		}
	}
}

// freePort returns a port that was free a moment ago, for programs whose port must be known before they start.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// eureka is a registry under test, the real one or ours.
type eureka struct {
	*process
	port int
	kind string
	host string // localhost unless it has a peer
	peer string // URL of the peer
}

func (e *eureka) url() string {
	return fmt.Sprintf("http://%s:%d/eureka/", firstOf(e.host, "localhost"), e.port)
}

var javaFlags = []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"}

func startEureka(t *testing.T, kind string, port int, more ...string) *eureka {
	t.Helper()
	if port == 0 {
		port = freePort(t)
	}
	e := &eureka{port: port, kind: kind}
	switch kind {
	case "spring":
		args := append(append([]string{}, javaFlags...), "-jar", jarOf("eureka-server"),
			fmt.Sprint("--server.port=", port), "--server.address=127.0.0.1",
			fmt.Sprintf("--eureka.client.service-url.defaultZone=http://localhost:%d/eureka/", port),
			"--eureka.server.use-read-only-response-cache=false", "--eureka.server.enable-self-preservation=false",
			"--eureka.server.eviction-interval-timer-in-ms=1000")
		e.process = start(t, "spring eureka", "java", append(args, more...)...)
		e.await(t, `Started .* in`)
	case "archimedes":
		e.process = start(t, "archimedes eureka", filepath.Join(bin, "eureka-server"), append(more, fmt.Sprint("--server.port=", port), "--server.address=127.0.0.1")...)
		e.await(t, `Started .* in`)
	}
	return e
}

// instance is what a registry says of one instance, in the words of its JSON.
type instance struct {
	InstanceID string `json:"instanceId"`
	HostName   string `json:"hostName"`
	App        string `json:"app"`
	IPAddr     string `json:"ipAddr"`
	Status     string `json:"status"`
	Overridden string `json:"overriddenStatus"`
	Port       struct {
		Number  int    `json:"$"`
		Enabled string `json:"@enabled"`
	} `json:"port"`
	SecurePort struct {
		Number  int    `json:"$"`
		Enabled string `json:"@enabled"`
	} `json:"securePort"`
	VIP        string            `json:"vipAddress"`
	SecureVIP  string            `json:"secureVipAddress"`
	Home       string            `json:"homePageUrl"`
	StatusPage string            `json:"statusPageUrl"`
	Health     string            `json:"healthCheckUrl"`
	Metadata   map[string]string `json:"metadata"`
	DataCenter struct {
		Name string `json:"name"`
	} `json:"dataCenterInfo"`
	Lease struct {
		Interval     int   `json:"renewalIntervalInSecs"`
		Duration     int   `json:"durationInSecs"`
		Registration int64 `json:"registrationTimestamp"`
		Renewal      int64 `json:"lastRenewalTimestamp"`
	} `json:"leaseInfo"`
	Dirty string `json:"lastDirtyTimestamp"`
}

// instances returns what is registered under an application name; none when the registry knows nothing or is away.
func (e *eureka) instances(app string) []instance {
	request, _ := http.NewRequest(http.MethodGet, e.url()+"apps/"+strings.ToUpper(app), nil)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var document struct {
		Application struct {
			Instance []instance `json:"instance"`
		} `json:"application"`
	}
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&document) != nil {
		return nil
	}
	return document.Application.Instance
}

// instance asks for one instance: unlike lists it never comes from the server's cache.
func (e *eureka) instance(app, id string) (found instance) {
	request, _ := http.NewRequest(http.MethodGet, e.url()+"apps/"+strings.ToUpper(app)+"/"+id, nil)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return found
	}
	defer response.Body.Close()
	var document struct {
		Instance *instance `json:"instance"`
	}
	document.Instance = &found
	_ = json.NewDecoder(response.Body).Decode(&document)
	return found
}

func (e *eureka) statusOf(app, id string) string {
	for _, one := range e.instances(app) {
		if one.InstanceID == id {
			return one.Status
		}
	}
	return ""
}

func (e *eureka) awaitUp(t *testing.T, app string, n int) []instance {
	t.Helper()
	var up []instance
	eventually(t, 60*time.Second, fmt.Sprintf("%d of %s UP", n, app), func() bool {
		up = up[:0]
		for _, one := range e.instances(app) {
			if one.Status == "UP" {
				up = append(up, one)
			}
		}
		return len(up) == n
	})
	return up
}

func eventually(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
		if holds() {
			return
		}
	}
	require.Failf(t, "in vain", "waited %v for %s", patience, what)
}

// service is a running greeter of ours or its Java twin.
type service struct {
	*process
	name string
	port string
}

func (s *service) url() string { return "http://127.0.0.1:" + s.port }

// startGo starts examples/greeter with a lease of 1 s beats unless args say otherwise.
func startGo(t *testing.T, name string, e *eureka, args ...string) *service {
	t.Helper()
	all := append([]string{"--spring.application.name=" + name, "--server.port=0", "--server.address=127.0.0.1",
		"--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1",
		"--eureka.client.service-url.defaultZone=" + e.url(), "--eureka.instance.lease-renewal-interval-in-seconds=1",
		"--eureka.instance.lease-expiration-duration-in-seconds=3", "--eureka.client.registry-fetch-interval-seconds=1"}, args...)
	p := start(t, name, filepath.Join(bin, "greeter"), lastOfEach(all)...)
	return &service{process: p, name: name, port: p.await(t, `Web server started on port (\d+) \(http\)`)}
}

// lastOfEach drops arguments that a later one overrides: given twice, a key would have both values, as a list.
func lastOfEach(args []string) []string {
	var kept []string
	for i, arg := range args {
		key, _, _ := strings.Cut(arg, "=")
		if !slices.ContainsFunc(args[i+1:], func(later string) bool { return strings.HasPrefix(later, key+"=") }) {
			kept = append(kept, arg)
		}
	}
	return kept
}

// startJava starts the Spring Boot service, with both its caches at 1 s.
func startJava(t *testing.T, name string, e *eureka, args ...string) *service {
	t.Helper()
	own := []string{"--spring.application.name=" + name, "--server.port=0", "--server.address=127.0.0.1",
		"--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1",
		"--eureka.client.service-url.defaultZone=" + e.url(), "--eureka.instance.lease-renewal-interval-in-seconds=1",
		"--eureka.instance.lease-expiration-duration-in-seconds=3", "--eureka.client.registry-fetch-interval-seconds=1",
		"--spring.cloud.loadbalancer.cache.ttl=1s"}
	all := append(append([]string{}, javaFlags...), "-jar", jarOf("service"))
	all = append(all, lastOfEach(append(own, args...))...)
	p := start(t, name, "java", all...)
	return &service{process: p, name: name, port: p.await(t, `Tomcat started on port (\d+)`)}
}

// startGateway starts a Spring Cloud Gateway that routes /name/… by the registry.
func startGateway(t *testing.T, e *eureka) *service {
	t.Helper()
	p := start(t, "gateway", "java", append(slices.Clone(javaFlags), "-jar", jarOf("gateway"), "--server.port=0", "--server.address=127.0.0.1",
		"--eureka.instance.instance-id=localhost:gateway", "--eureka.client.service-url.defaultZone="+e.url(), "--eureka.instance.lease-renewal-interval-in-seconds=1",
		"--eureka.instance.lease-expiration-duration-in-seconds=3", "--eureka.client.registry-fetch-interval-seconds=1",
		"--spring.cloud.loadbalancer.cache.ttl=1s")...)
	return &service{process: p, name: "gateway", port: p.await(t, `Netty started on port (\d+)`)}
}

// get returns status and body; a request that got no answer is status 0.
func get(ctx context.Context, url string) (int, string, http.Header) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error(), nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body), response.Header
}

// load calls url from several callers until it is stopped, and counts.
type load struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex
	ok     int
	failed []string
	seen   map[string]int // body → times
}

func startLoad(url string, callers int) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel, seen: map[string]int{}}
	for range callers {
		l.wait.Go(func() {
			for ctx.Err() == nil {
				status, body, _ := get(ctx, url)
				if ctx.Err() != nil {
					return
				}
				l.mu.Lock()
				if status == http.StatusOK {
					l.ok++
					l.seen[body]++
				} else {
					l.failed = append(l.failed, fmt.Sprintf("%s %d %s", time.Now().Format("15:04:05.000"), status, body))
				}
				l.mu.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return l
}

func (l *load) stop() (ok int, failed []string) {
	l.cancel()
	l.wait.Wait()
	return l.ok, l.failed
}

func (l *load) sofar() int { l.mu.Lock(); defer l.mu.Unlock(); return l.ok }

func abs(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	require.NoError(t, err)
	return full
}
