package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// bundle is the YAML of the program's bundle with files of the test.
func bundle(ca *ssltest.Authority, pair ssltest.Pair) string {
	return fmt.Sprintf("spring.ssl.bundle:\n  watch.file.quiet-period: 50ms\n  pem.own: {keystore: {certificate: '%s', private-key: '%s'}, truststore.certificate: '%s'}\n", pair.CertificateFile, pair.KeyFile, ca.File)
}

// start boots the program with more routes.
func start(t *testing.T, ca *ssltest.Authority, pair ssltest.Pair, more ...fx.Option) (*apptest.App, *http.Client) {
	t.Helper()
	options := append([]fx.Option{app.Embedded(files), fx.Provide(web.AsRoutes(newPrices))}, more...)
	a := apptest.Start(t, starter.Service, apptest.YAML(bundle(ca, pair)), apptest.Options(options...))
	transport := &http.Transport{TLSClientConfig: ca.TLS(t), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return a, &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestTheServiceIsListedAndCalledByNameOverHTTPSAlone(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	a, _ := start(t, ca, pair)
	entry := a.Eureka.Only("PRICES")
	require.True(t, entry.SecurePort.Enabled)
	require.Equal(t, a.Port, entry.SecurePort.Number)
	require.False(t, entry.Port.Enabled)
	for _, url := range []string{entry.HomePageURL, entry.StatusPageURL, entry.HealthCheckURL, entry.SecureHealthCheckURL} {
		require.Regexp(t, fmt.Sprintf("^https://localhost:%d/", a.Port), url)
	}

	var rest *invoker.Client
	apptest.Start(t, starter.Client, apptest.Dir(t.TempDir()), apptest.Eureka(a.Eureka), apptest.Options(fx.Populate(&rest)),
		apptest.YAML("spring.application.name: caller\nspring.http.clients.ssl.bundle: own\n"+bundle(ca, pair)))
	for _, template := range []string{"http://prices/prices/{item}", "https://prices/prices/{item}"} {
		text, err := invoker.GetForObject[string](t.Context(), rest, template, "tea")
		require.NoError(t, err)
		require.Regexp(t, `^tea costs \d+$`, text)
	}
}

func TestTheEurekaServerMaySpeakTLSToo(t *testing.T) {
	authority := eurekatest.NewAuthority(t)
	server := eurekatest.NewServer(t, eurekatest.TLS(t, authority))
	var client *eureka.Client
	apptest.Start(t, starter.Service, apptest.Dir(t.TempDir()), apptest.Eureka(server), apptest.Options(fx.Populate(&client)), apptest.YAML(fmt.Sprintf(
		"spring.application.name: shop\nspring.ssl.bundle.pem.estate.truststore.certificate: %s\neureka.client.tls.bundle: estate", authority.TrustStore)))
	_, err := client.Applications(t.Context())
	require.NoError(t, err)
}

func TestTheCertificateIsRenewedWhileTheStreamIsRead(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t, ssltest.Common("old"))
	a, client := start(t, ca, pair)
	stream, err := client.Get(a.URL + "/prices")
	require.NoError(t, err)
	defer stream.Body.Close()
	next := ca.Issue(t, ssltest.Common("new"))
	ssltest.Write(t, pair.CertificateFile, next.Certificate)
	ssltest.Write(t, pair.KeyFile, next.Key)
	require.Eventually(t, func() bool {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(a.URL, "https://"), ca.TLS(t))
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName == "new"
	}, 20*time.Second, 20*time.Millisecond)
	_, err = io.ReadFull(stream.Body, make([]byte, 60))
	require.NoError(t, err, "the old connection goes on")
}

// tool returns a program of the machine; in CI it must be there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

func TestCurlSpeaksHTTP2(t *testing.T) {
	curl := tool(t, "curl")
	ca := ssltest.NewAuthority(t)
	a, _ := start(t, ca, ca.Issue(t))
	out, err := exec.CommandContext(t.Context(), curl, "-sS", "--http2", "--compressed", "--cacert", ca.File, "-w", " %{http_version} %{http_code}", a.URL+"/prices/tea").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Regexp(t, `^tea costs \d+ 2 200$`, string(out))
	out, err = exec.CommandContext(t.Context(), curl, "-sS", "-N", "--max-time", "3", "--http2", "--cacert", ca.File, a.URL+"/prices").Output()
	require.Error(t, err, "the stream goes on until curl has had enough")
	require.GreaterOrEqual(t, strings.Count(string(out), "event: price\ndata: "), 2)
}

// probe is a page that looks at the program's page and says what it sees.
const probe = `<!doctype html><iframe id="page" src="/"></iframe><script>
const look = setInterval(() => {
  const lines = document.getElementById("page").contentDocument?.querySelectorAll("li") ?? [];
  if (lines.length < 2) return;
  clearInterval(look);
  fetch("/seen", {method: "POST", body: performance.getEntriesByType("navigation")[0].nextHopProtocol + " " + [...lines].map(l => l.textContent).join(",")});
}, 100);
</script>`

type seen chan string

func (s seen) Routes(e *echo.Echo) {
	e.POST("/seen", func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		s <- string(body)
		return c.NoContent(http.StatusNoContent)
	})
}

func TestABrowserLoadsThePageOverHTTP2AndFollowsTheStream(t *testing.T) {
	chromium := tool(t, "chromium")
	ca := ssltest.NewAuthority(t)
	pair := ca.Issue(t)
	reports := make(seen, 1)
	a, _ := start(t, ca, pair, app.Embedded(fstest.MapFS{"static/probe.html": {Data: []byte(probe)}}), fx.Provide(web.AsRoutes(func() seen { return reports })))
	key, err := x509.MarshalPKIXPublicKey(pair.Leaf.PublicKey)
	require.NoError(t, err)
	digest := sha256.Sum256(key)
	profile := t.TempDir()
	browser := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server", "--user-data-dir="+profile,
		"--disable-background-networking", "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(digest[:]), "--remote-debugging-port=0", a.URL+"/probe.html")
	var said strings.Builder
	browser.Stdout, browser.Stderr = &said, &said
	browser.WaitDelay = 5 * time.Second
	require.NoError(t, browser.Start())
	defer func() { _ = browser.Process.Kill(); _ = browser.Wait(); time.Sleep(200 * time.Millisecond) }()
	select {
	case report := <-reports:
		require.Regexp(t, `^h2 \d+,\d+`, report)
	case <-time.After(2 * time.Minute):
		_ = browser.Process.Kill()
		_ = browser.Wait()
		t.Fatalf("the browser saw nothing:\n%s\n%s", said.String(), a.Logs())
	}
}

type socket struct{}

// Routes are a WebSocket that says what it hears, in upper case.
func (socket) Routes(e *echo.Echo) {
	e.GET("/socket", func(c echo.Context) error {
		conn, err := websocket.Accept(c.Response(), c.Request(), nil)
		if err != nil {
			return err
		}
		defer conn.CloseNow()
		for {
			kind, text, err := conn.Read(c.Request().Context())
			if err != nil {
				return nil
			}
			if err := conn.Write(c.Request().Context(), kind, []byte(strings.ToUpper(string(text)))); err != nil {
				return nil
			}
		}
	})
}

const pythonClient = `
import asyncio, ssl, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], ssl=ssl.create_default_context(cafile=sys.argv[2])) as s:
        for word in ["one", "two", "x" * 10000]:
            await s.send(word)
            print((await s.recv())[:10], flush=True)
        await s.ping()
        async for _ in s:
            pass
        print("closed", flush=True)
try:
    asyncio.run(main())
except websockets.ConnectionClosed:
    print("closed", flush=True)
`

func TestPythonTalksThroughAWebSocketUntilTheStop(t *testing.T) {
	python := tool(t, "/usr/bin/python3")
	if exec.Command(python, "-c", "import websockets").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3-websockets is missing")
		}
		t.Skip("python3-websockets is not installed")
	}
	ca := ssltest.NewAuthority(t)
	a, _ := start(t, ca, ca.Issue(t), fx.Provide(web.AsRoutes(func() socket { return socket{} })))
	client := exec.CommandContext(t.Context(), python, "-c", pythonClient, "wss"+strings.TrimPrefix(a.URL, "https")+"/socket", ca.File)
	out, err := client.StdoutPipe()
	require.NoError(t, err)
	var complaints strings.Builder
	client.Stderr = &complaints
	require.NoError(t, client.Start())
	heard := make([]byte, len("ONE\nTWO\nXXXXXXXXXX\n"))
	_, err = io.ReadFull(out, heard)
	require.NoError(t, err, &complaints)
	require.Equal(t, "ONE\nTWO\nXXXXXXXXXX\n", string(heard))
	a.Stop()
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, "closed\n", string(rest), &complaints)
	_ = client.Wait()
}
