package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
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
	agent := program("./agent")
	server := httptest.NewServer(rest.New(registry.New(registry.DefaultConfig())))
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	list(server.URL, node.Listener.Addr().String())
	figure := func(i int) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) {
			return figures(agent(), server.URL)[i], figures(python, "agent/agent.py", server.URL)[i]
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
	i := eureka.NewInstance()
	i.App, i.InstanceID, i.HostName, i.IPAddr, i.VIPAddress = "STOCK", "stock", "127.0.0.1", "127.0.0.1", "stock"
	must(fmt.Sscan(address[strings.LastIndexByte(address, ':')+1:], &i.Port.Number))
	i.DataCenter.Name, i.Lease.Duration = "MyOwn", 36000
	must(0, client.Register(context.Background(), i))
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
