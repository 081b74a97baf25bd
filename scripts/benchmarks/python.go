package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// python is the interpreter that scripts/interop makes.
const python = "../../examples/spring-cloud/target/venv/bin/python"

// pythonRows: an agent beside the Python client, each in a process of its own, before the same server and node.
func pythonRows() []row {
	if _, err := os.Stat(python); err != nil {
		return []row{{what: "agent beside py_eureka_client: run scripts/interop first, which installs it"}}
	}
	dir := must(os.MkdirTemp("", "benchmarks"))
	agent := filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-o", agent, "./agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	server := httptest.NewServer(rest.New(registry.New(registry.DefaultConfig())))
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	list(server.URL, node.Listener.Addr().String())
	figure := func(i int) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) {
			return figures(agent, server.URL)[i], figures(python, "agent/agent.py", server.URL)[i]
		}
	}
	return []row{
		{what: "agent: one call at a time", ours: "DoService", beside: "py_eureka_client do_service", budget: 1, measure: figure(1)},
		{what: "agent: Init to registered", ours: "starter.Init", beside: "py_eureka_client init", budget: 1, measure: figure(0)},
		{what: "agent: resident memory", ours: "process", beside: "py_eureka_client process", budget: 1, bytes: true, measure: figure(2)},
	}
}

func list(server, address string) {
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server + "/eureka/")}
	client := must(eureka.NewClient(cfg))
	i := &eureka.Instance{App: "STOCK", InstanceID: "stock", HostName: "127.0.0.1", IPAddr: "127.0.0.1", VIPAddress: "stock", OverriddenStatus: discovery.Unknown}
	_, err := fmt.Sscan(address[strings.LastIndexByte(address, ':')+1:], &i.Port.Number)
	i.Port.Enabled, i.DataCenter.Name, i.Lease.Duration = true, "MyOwn", 36000
	if err != nil {
		panic(err)
	}
	if err := client.Register(context.Background(), i); err != nil {
		panic(err)
	}
}

// figures runs a program that prints three numbers last.
func figures(program string, args ...string) (all [3]time.Duration) {
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		panic(fmt.Sprintf("%s: %v\n%s", program, err, out.String()))
	}
	for _, line := range strings.Split(out.String(), "\n") {
		var a, b, c int64
		if n, _ := fmt.Sscan(line, &a, &b, &c); n == 3 {
			all = [3]time.Duration{time.Duration(a), time.Duration(b), time.Duration(c)}
		}
	}
	return all
}
