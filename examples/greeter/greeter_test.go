package main_test

import (
	"bufio"
	"bytes"
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
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// binary is the program as users build it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "greeter")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "greeter")
		build := exec.Command("go", "build", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// program is a running greeter.
type program struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	log            lines // what start reads of stdout
	port           string
}

// lines is a log that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) add(line string) { l.mu.Lock(); defer l.mu.Unlock(); l.b.WriteString(line + "\n") }
func (l *lines) String() string  { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// command prepares a greeter in a folder with these files.
func command(t *testing.T, files map[string]string, env []string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(binary, args...)}
	p.cmd.Dir = t.TempDir()
	for name, content := range files {
		path := filepath.Join(p.cmd.Dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	p.cmd.Stderr = &p.stderr
	return p
}

// fails runs a greeter that must not start, and returns its report.
func fails(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	p := command(t, files, nil, args...)
	p.cmd.Stdout = &p.stdout
	err := p.cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "stdout:\n%s", &p.stdout)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, p.stderr.String(), "APPLICATION FAILED TO START")
	require.NotContains(t, p.stderr.String(), "goroutine ", "a report is no stack trace")
	return p.stderr.String()
}

// start runs a greeter until the test ends.
func start(t *testing.T, files map[string]string, env []string, args ...string) *program {
	t.Helper()
	p := command(t, files, env, append(args, "--server.address=127.0.0.1")...)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	port := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		line := regexp.MustCompile(`Web server started on port (\d+) \(http\)`)
		for lines.Scan() {
			p.log.add(lines.Text())
			if found := line.FindStringSubmatch(lines.Text()); found != nil {
				port <- found[1]
			}
		}
		close(port)
	}()
	select {
	case p.port = <-port:
	case <-time.After(20 * time.Second):
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	require.NotEmpty(t, p.port, "no listener; stderr:\n%s", &p.stderr)
	return p
}

func (p *program) get(path string) (int, string, http.Header) {
	p.t.Helper()
	response, err := http.Get("http://127.0.0.1:" + p.port + path)
	require.NoError(p.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response.StatusCode, string(body), response.Header
}

func (p *program) wait() int {
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

const local = "--eureka.instance.hostname=localhost"

func against(server *eurekatest.Server, name string, more ...string) []string {
	return append([]string{
		"--spring.application.name=" + name, "--server.port=0", local, "--eureka.instance.ip-address=127.0.0.1",
		"--eureka.client.service-url.defaultZone=" + server.URL, "--eureka.client.registry-fetch-interval-seconds=1",
	}, more...)
}

func TestGreeterSaysWhoItIsAndCallsOthersByName(t *testing.T) {
	server := eurekatest.NewServer(t)
	a := start(t, nil, nil, against(server, "a")...)
	b := start(t, nil, nil, against(server, "b")...)
	require.Eventually(t, func() bool { return server.Only("a") != nil && server.Only("b") != nil }, 10*time.Second, 5*time.Millisecond)
	want := fmt.Sprintf(`{"service":"b","instance":"localhost:b:%s","port":%s}`, b.port, b.port)
	_, body, _ := b.get("/hello")
	require.JSONEq(t, want, body)
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		status, body, header := a.get("/call?service=b&path=/hello&method=" + method)
		require.Equal(t, http.StatusOK, status, body)
		require.JSONEq(t, want, body)
		require.Equal(t, "localhost:b:"+b.port, header.Get("X-Served-By"))
	}
	status, _, header := a.get("/call?service=B&path=/no%2520such%3Fx=1&strategy=stick")
	require.Equal(t, http.StatusNotFound, status, "any answer is relayed")
	require.NotEmpty(t, header.Get("X-Served-By"))

	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/call?path=/hello":                       {400, "a, b"},
		"/call?service=b&path=/&strategy=nearest": {400, "other, random, round-robin, stick"},
		"/call?service=b&path=/&method=PATCH":     {400, "GET, POST, PUT or DELETE"},
		"/call?service=nobody&path=/hello":        {503, "known: a, b"},
		"/call?service=10.0.0.1&path=/":           {502, "invoker.Plain"},
	} {
		status, body, header := a.get(path)
		require.Equal(t, "application/problem+json", header.Get("Content-Type"), path)
		require.Equal(t, want.status, status, body)
		require.Contains(t, body, want.text, path)
	}
	require.NoError(t, b.cmd.Process.Kill())
	b.wait()
	status, body, _ = a.get("/call?service=b&path=/hello")
	require.Equal(t, http.StatusBadGateway, status)
	var problem struct {
		Attempts []struct{ Instance, URL, Cause string }
	}
	require.NoError(t, json.Unmarshal([]byte(body), &problem))
	require.Len(t, problem.Attempts, 1)
	require.Equal(t, "localhost:b:"+b.port, problem.Attempts[0].Instance)
	require.Contains(t, problem.Attempts[0].Cause, "refused")
}

func TestSettingsComeFromWhereSpringWouldTakeThem(t *testing.T) {
	server := eurekatest.NewServer(t)
	files := map[string]string{"application.yml": "spring.application.name: from-file\neureka.instance: {hostname: localhost, ip-address: 127.0.0.1}\n"}
	p := start(t, files, []string{"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=" + server.URL, "SERVER_PORT=0"})
	require.Eventually(t, func() bool { return server.Only("from-file") != nil }, 10*time.Second, 5*time.Millisecond)
	_, body, _ := p.get("/hello")
	require.Contains(t, body, `"service":"from-file"`)
}

func TestSIGTERMDeregistersAndExitsWithZero(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals on Windows")
	}
	server := eurekatest.NewServer(t)
	p := start(t, nil, nil, against(server, "leaver", "--eureka.instance.drain-period=5s")...)
	require.Eventually(t, func() bool { return server.Only("leaver") != nil }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	saidDown := func(r eurekatest.Request) bool {
		return r.Method == http.MethodPost && strings.Contains(r.Body, `"status":"DOWN"`)
	}
	require.Eventually(t, func() bool { return slices.ContainsFunc(server.Requests(), saidDown) }, 10*time.Second, 5*time.Millisecond, "it is in what was sent, however late the test looks")
	status, _, _ := p.get("/hello")
	require.Equal(t, http.StatusOK, status, "it serves while callers notice")
	require.Equal(t, 0, p.wait())
	require.Nil(t, server.Only("leaver"))
}

func TestEurekaThatIsAwayOrMadKeepsNobodyFromServing(t *testing.T) {
	for name, inject := range map[string]func(*eurekatest.Server){
		"refused":  (*eurekatest.Server).Stop,
		"silent":   func(s *eurekatest.Server) { s.Silent() },
		"HTML":     func(s *eurekatest.Server) { s.Garbage("text/html", "<html>log in</html>") },
		"500":      func(s *eurekatest.Server) { s.Fail(500) },
		"nonsense": func(s *eurekatest.Server) { s.Garbage("application/json", `{"what":1}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := eurekatest.NewServer(t)
			inject(server)
			p := start(t, nil, nil, against(server, "patient", "--eureka.instance.lease-renewal-interval-in-seconds=2", "--eureka.instance.lease-expiration-duration-in-seconds=6", "--eureka.client.eureka-server-read-timeout-seconds=1")...)
			status, _, _ := p.get("/hello")
			require.Equal(t, http.StatusOK, status)
			time.Sleep(3 * time.Second)
			require.Equal(t, 1, strings.Count(p.log.String(), " WARN "), "said once:\n%s", p.log.String())
			server.Heal()
			if name == "refused" {
				server.Start(t)
			}
			require.Eventually(t, func() bool { return server.Only("patient") != nil }, 10*time.Second, 5*time.Millisecond)
		})
	}
}

func TestHelpListsTheSettingsMostUsed(t *testing.T) {
	p := command(t, map[string]string{"application.yml": "broken: [\n"}, nil, "--help")
	p.cmd.Stdout = &p.stdout
	require.NoError(t, p.cmd.Run())
	require.Contains(t, p.stdout.String(), "Usage: greeter [--key=value ...]")
	require.Contains(t, p.stdout.String(), "(default 8080)")
	require.Empty(t, p.stderr.String())
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	server := eurekatest.NewServer(t)
	for name, tc := range map[string]struct {
		file string
		args []string
		want []string
	}{
		"port taken":       {"server.port: " + port, []string{"--server.address=127.0.0.1"}, []string{"Port " + port + " was already in use", "server.port = " + port + " from application.yml:1:14", "0 picks a free one"}},
		"tab":              {"server:\n\tport: 1\n", nil, []string{"application.yml:2:1", "tab"}},
		"bracket":          {"a: [1, 2\n", nil, []string{"application.yml:", "not valid YAML"}},
		"port in file":     {"server:\n  port: abc\n", nil, []string{"server.port = abc from application.yml:2:9", "not a whole number"}},
		"port as argument": {"", []string{"--server.port=abc"}, []string{"server.port = abc from command line argument --server.port"}},
		"placeholder":      {"server.port: ${NOWHERE}\n", nil, []string{"NOWHERE", "server.port", "application.yml:1:14"}},
		"name placeholder": {"spring.application.name: ${NOWHERE}\n", nil, []string{"NOWHERE", "spring.application.name"}},
		"strategy":         {"spring.cloud.loadbalancer.strategy: nearest\n", nil, []string{"nearest", "random", "stick", "spring.cloud.loadbalancer.strategy", "application.yml:1:37"}},
		"server URL":       {"eureka.client.service-url.defaultZone: 'http://user:hunter2@'\n", nil, []string{"eureka.client.service-url.defaultZone", "application.yml:1:40"}},
		"empty URL":        {"eureka.client.service-url.defaultZone: ''\n", nil, []string{"eureka.client.service-url.defaultZone", "names no server"}},
		"lease":            {"eureka.instance.lease-renewal-interval-in-seconds: 90\n", nil, []string{"eureka.instance.lease-expiration-duration-in-seconds", "longer than the renewal interval"}},
		"on or off":        {"eureka.client.enabled: perhaps\n", nil, []string{"eureka.client.enabled = perhaps", "neither true nor false"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--eureka.instance.ip-address=127.0.0.1", local}, tc.args...)
			if !strings.Contains(tc.file, "service-url") {
				args = append(args, "--eureka.client.service-url.defaultZone="+server.URL)
			}
			report := fails(t, map[string]string{"application.yml": tc.file}, args...)
			for _, want := range tc.want {
				require.Contains(t, report, want, report)
			}
			require.NotContains(t, report, "hunter2")
			require.Contains(t, report, "Action:")
		})
	}
	require.Empty(t, server.Writes(), "nothing was registered")
}

func TestDebugPrintsWhichModulesAreOnAndWhy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--debug", "--server.port=-1x")
	cmd.Dir = t.TempDir()
	out, _ := cmd.Output()
	require.Contains(t, string(out), "CONDITIONS EVALUATION REPORT")
	require.Contains(t, string(out), "eureka.server.enabled is not set")
}
