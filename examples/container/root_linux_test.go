package main_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// contain starts the program as a container runtime does: process 1, as nobody in particular, in a root that holds its file and no
// more. Only the network is the machine's.
func contain(t *testing.T, root string, environ ...string) *program {
	t.Helper()
	content, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(root, "clock"), content, 0o755))
	cmd := &exec.Cmd{Path: "/clock", Args: []string{"/clock"}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getgid(), Size: 1}},
		Chroot:      root,
	}}
	p, err := tryLaunch(t, cmd, environ)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no namespaces for containers: %v", err)
		}
		t.Skipf("this machine lets nobody make namespaces, so the program cannot be shown in an empty root: %v", err)
	}
	return p
}

func TestTheProgramIsProcess1OfAnEmptyRoot(t *testing.T) {
	registry := eurekatest.NewServer(t)
	root := t.TempDir()
	p := contain(t, root, "SERVER_PORT=0", "MANAGEMENT_SERVER_PORT=0", "SERVER_ADDRESS=127.0.0.1", "MANAGEMENT_SERVER_ADDRESS=127.0.0.1",
		"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE="+registry.URL, "EUREKA_INSTANCE_IPADDRESS=127.0.0.1", "EUREKA_INSTANCE_DRAINPERIOD=1s")
	port, management := p.await(`Web server started on port (\d+)`), p.await(`Management server started on port (\d+)`)
	p.await(`Starting clock v1\.2\.0 .*with PID 1\b`)
	p.await(`There are no CA certificates here: .*ca-certificates\.crt.*SSL_CERT_FILE`)
	require.Eventually(t, func() bool { i := registry.Only("clock"); return i != nil && i.Status == discovery.Up }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, 200, get(t, "http://127.0.0.1:"+management+"/actuator/health/readiness").status)

	told := get(t, "http://127.0.0.1:"+port+"/time/Asia/Kathmandu")
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:45\n$`, told.body)
	require.Equal(t, 404, get(t, "http://127.0.0.1:"+port+"/time/Mars/Olympus").status)

	require.Equal(t, 0, p.stop(syscall.SIGTERM))
	require.Nil(t, registry.Only("clock"))
	left, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, left, 1, "it writes no file")
}

func TestCertificatesThatAreThereAreNotMissed(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, test := range map[string]struct {
		file  string // in the root
		extra []string
		level string // of the line that says that there are none; "": there is no such line
	}{
		"where systems keep them":       {"etc/ssl/certs/ca-certificates.crt", nil, ""},
		"where a variable says":         {"mine.pem", []string{"SSL_CERT_FILE=/mine.pem"}, ""},
		"nowhere, and no setting needs": {"", nil, "INFO"},
		"nowhere, and a setting needs":  {"", []string{"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=" + server.URL + "/eureka/"}, "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if test.file != "" {
				require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(test.file)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(root, test.file), authority, 0o644))
			}
			p := contain(t, root, append([]string{"SERVER_PORT=0", "MANAGEMENT_SERVER_PORT=0", "SERVER_ADDRESS=127.0.0.1", "MANAGEMENT_SERVER_ADDRESS=127.0.0.1",
				"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=http://127.0.0.1:1/eureka/", "EUREKA_INSTANCE_IPADDRESS=127.0.0.1"}, test.extra...)...)
			p.await(`Started clock in`)
			if test.level == "" {
				require.NotContains(t, p.output(), "no CA certificates")
			} else {
				require.Regexp(t, `"level":"`+test.level+`"[^\n]*There are no CA certificates here|There are no CA certificates here[^\n]*"level":"`+test.level+`"`, p.output())
			}
			require.Equal(t, 0, p.stop(os.Interrupt))
		})
	}
}
