package main_test

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/archimedes-go/archimedes/config"
)

// binary is the program as the Dockerfile builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "container")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if _, err := exec.LookPath("sh"); err != nil {
			fmt.Println("there is no shell that could build as the Dockerfile does")
			return 0
		}
		binary = filepath.Join(dir, "clock")
		build := exec.Command("sh", "-c", strings.Replace(buildCommand(), " -o /clock ", " -o '"+binary+"' ", 1))
		build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "VERSION=1.2.0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// instruction is a line of a Dockerfile.
type instruction struct{ name, arguments string }

func dockerfile() (all []instruction) {
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		name, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && name[0] != '#' {
			all = append(all, instruction{name, arguments})
		}
	}
	return all
}

func buildCommand() string {
	for _, i := range dockerfile() {
		if i.name == "RUN" && strings.Contains(i.arguments, "go build") {
			return i.arguments
		}
	}
	panic("the Dockerfile builds nothing")
}

// settings are those of the image, with variables as the manifest sets them.
func settings(t *testing.T, environ ...string) *config.Config {
	c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{os.DirFS(".")}, Environ: environ})
	require.NoError(t, err)
	return c
}

func value(t *testing.T, c *config.Config, key string) string {
	value, set := c.Lookup(key)
	require.True(t, set, key)
	return value
}

func TestTheDockerfileFitsTheSettings(t *testing.T) {
	c := settings(t)
	said := map[string]string{} // of the last stage
	for _, i := range dockerfile() {
		if i.name == "FROM" {
			clear(said)
		}
		said[i.name] = i.arguments
	}
	require.Equal(t, "scratch", said["FROM"])
	var entry []string
	require.NoError(t, json.Unmarshal([]byte(said["ENTRYPOINT"]), &entry), "a text is given to a shell, which there is none of, and which would keep the signal")
	require.Equal(t, []string{"/clock"}, entry)
	require.Contains(t, buildCommand(), " -o /clock ")
	require.Equal(t, value(t, c, "server.port")+" "+value(t, c, "management.server.port"), said["EXPOSE"])
	require.Equal(t, "SIGTERM", said["STOPSIGNAL"])
	require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, said["USER"], "runAsNonRoot of Kubernetes needs a number")
}

// deployment is what matters of the manifest.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				Grace      int `yaml:"terminationGracePeriodSeconds"`
				Containers []struct {
					Ports []struct {
						Name string `yaml:"name"`
						Port string `yaml:"containerPort"`
					} `yaml:"ports"`
					Env []struct {
						Name  string `yaml:"name"`
						Value string `yaml:"value"`
					} `yaml:"env"`
					Startup   probe `yaml:"startupProbe"`
					Liveness  probe `yaml:"livenessProbe"`
					Readiness probe `yaml:"readinessProbe"`
				} `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type probe struct {
	Get struct {
		Path string `yaml:"path"`
		Port string `yaml:"port"`
	} `yaml:"httpGet"`
}

func TestTheManifestFitsTheSettings(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals on Windows")
	}
	text, err := os.ReadFile("kubernetes.yml")
	require.NoError(t, err)
	var d deployment
	require.NoError(t, yaml.NewDecoder(bytes.NewReader(text)).Decode(&d))
	container := d.Spec.Template.Spec.Containers[0]
	ports, environ := map[string]string{}, []string{}
	for _, p := range container.Ports {
		ports[p.Name] = p.Port
	}
	for _, e := range container.Env {
		if e.Value == "" {
			e.Value = "10.0.0.7" // Kubernetes knows it
		}
		environ = append(environ, e.Name+"="+e.Value)
	}
	c := settings(t, environ...)
	require.Equal(t, map[string]string{"http": value(t, c, "server.port"), "management": value(t, c, "management.server.port")}, ports)
	require.Equal(t, "http://eureka:8761/eureka/", value(t, c, "eureka.client.service-url.defaultZone"))
	require.Equal(t, "10.0.0.7", value(t, c, "eureka.instance.ip-address"))
	require.Equal(t, "10.0.0.7", value(t, c, "eureka.instance.metadata-map.node"))

	p := launch(t, exec.Command(binary), append(environ, "KUBERNETES_SERVICE_HOST=10.0.0.1", "SERVER_PORT=0", "MANAGEMENT_SERVER_PORT=0",
		"SERVER_ADDRESS=127.0.0.1", "MANAGEMENT_SERVER_ADDRESS=127.0.0.1", "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=http://127.0.0.1:1/eureka/")...)
	management := p.await(`Management server started on port (\d+)`)
	p.await(`Started clock in`)
	for _, probe := range []probe{container.Startup, container.Liveness, container.Readiness} {
		require.Equal(t, "management", probe.Get.Port)
		require.Equal(t, 200, get(t, "http://127.0.0.1:"+management+probe.Get.Path).status)
	}
	longest := regexp.MustCompile(`terminationGracePeriodSeconds of the pod above this.*?"longest":"?([^",]+)`).FindStringSubmatch(p.output())
	require.NotNil(t, longest, p.output())
	stop := duration(t, longest[1])
	require.LessOrEqual(t, stop, time.Duration(d.Spec.Template.Spec.Grace)*time.Second)
	sum := time.Duration(0)
	for _, part := range regexp.MustCompile(`(?m)^ +# +(\d+) s  `).FindAllStringSubmatch(string(text), -1) {
		sum += duration(t, part[1]+"s")
	}
	require.Equal(t, stop, sum, "the sum in the manifest's comment")
	require.Equal(t, 0, p.stop(os.Interrupt))
}

// duration reads 59s, or nanoseconds.
func duration(t *testing.T, text string) time.Duration {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(n)
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

func TestTheProgramIsOneSmallStaticFileThatKnowsItsVersion(t *testing.T) {
	info, err := os.Stat(binary)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(20_000_000))
	out, err := exec.Command(binary, "--version").Output()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(out), "clock 1.2.0 "), string(out))
	file, err := elf.Open(binary)
	if err != nil {
		t.Skip("this system's programs are not ELF files")
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	for _, p := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "it asks for a dynamic linker")
	}
}

// answer is what a server said.
type answer struct {
	status int
	body   string
}

func get(t *testing.T, url string) answer {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, string(body)}
}

// program is a running one.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
}

// launch starts a program with nothing but these variables.
func launch(t *testing.T, cmd *exec.Cmd, environ ...string) *program {
	t.Helper()
	p, err := tryLaunch(t, cmd, environ)
	require.NoError(t, err)
	return p
}

func tryLaunch(t *testing.T, cmd *exec.Cmd, environ []string) (*program, error) {
	p := &program{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Env = environ
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.text.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Log(p.output())
		}
	})
	return p, nil
}

func (p *program) output() string { p.mu.Lock(); defer p.mu.Unlock(); return p.text.String() }

// await returns the last group of the first match.
func (p *program) await(pattern string) (found string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		match := regexp.MustCompile(pattern).FindStringSubmatch(p.output())
		if match != nil {
			found = match[len(match)-1]
		}
		return match != nil
	}, 20*time.Second, 5*time.Millisecond, pattern)
	return found
}

// stop returns the exit code after a signal.
func (p *program) stop(signal os.Signal) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Fatal("it did not stop")
	}
	return p.cmd.ProcessState.ExitCode()
}
