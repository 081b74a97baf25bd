package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

func TestTheProgramIsAEurekaServer(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "eureka-server")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command(binary, "--server.port=0", "--server.address=127.0.0.1")
	cmd.Dir = t.TempDir()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	port := make(chan string, 1)
	go func() {
		line := regexp.MustCompile(`Web server started on port (\d+) \(http\)`)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if found := line.FindStringSubmatch(lines.Text()); found != nil {
				port <- found[1]
			}
		}
	}()
	cfg := eureka.DefaultClientConfig()
	select {
	case p := <-port:
		cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret("http://127.0.0.1:" + p + "/eureka/")}
	case <-time.After(20 * time.Second):
		t.Fatal("no listener")
	}
	client, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	instance := &eureka.Instance{App: "ORDERS", InstanceID: "i", HostName: "localhost", IPAddr: "127.0.0.1", VIPAddress: "orders", OverriddenStatus: discovery.Unknown}
	instance.DataCenter.Name = "MyOwn"
	require.NoError(t, client.Register(t.Context(), instance))
	require.NoError(t, client.Renew(t.Context(), "ORDERS", "i", discovery.Up, 0))
	all, err := client.Applications(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ORDERS", all.Applications[0].Name)
	require.NoError(t, client.Cancel(t.Context(), "ORDERS", "i"))
}
