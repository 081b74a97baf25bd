package eurekaserver_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/starter"
)

// browser is a headless chromium that looks at one server.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T, url string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing")
		}
		t.Skip("chromium is not installed")
	}
	profile := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	ctx, limit := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(func() { limit(); cancel() })
	b := &browser{t, ctx}
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(url))
	return b
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// say evaluates an expression of the page and returns it as text.
func (b *browser) say(expression string) string {
	b.t.Helper()
	said, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	require.NoError(b.t, err)
	return said
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.say(expression) == "true" }, 20*time.Second, 50*time.Millisecond, expression)
}

// picture is kept where DASHBOARD_PICTURES says, to be looked at.
func (b *browser) picture(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NotEmpty(b.t, png)
	dir := os.Getenv("DASHBOARD_PICTURES")
	if dir == "" {
		dir = b.t.TempDir()
	}
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
}

const (
	listed  = `[...document.querySelectorAll(".instance")].filter(r => !r.hidden && !r.parentElement.hidden).map(r => r.querySelector("bdi").textContent).join(" ")`
	noSlide = `document.documentElement.scrollWidth <= document.documentElement.clientWidth`
)

func instanceOf(id, status, page string) string {
	return fmt.Sprintf(`{"instance":{"instanceId":%q,"hostName":"localhost","app":"ORDERS","ipAddr":"127.0.0.1","status":%q,"statusPageUrl":%q,"dataCenterInfo":{"name":"MyOwn"},"metadata":{"zone":"zone-a","version":"1.4.2"},"lastDirtyTimestamp":"1"}}`, id, status, page)
}

// estate is a server with some instances, and a way to register more.
func estate(t *testing.T) (*apptest.App, func(app, document string)) {
	t.Helper()
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("eureka.dashboard.actions: true"))
	register := func(app, document string) {
		t.Helper()
		status, _, body := ask(t, "POST", server.URL+"/eureka/apps/"+app, strings.Replace(document, `"app":"ORDERS"`, fmt.Sprintf(`"app":%q`, app), 1))
		require.Equal(t, 204, status, body)
	}
	register("ORDERS", instanceOf("localhost:orders:8081", "UP", "http://localhost:8081/actuator/info"))
	register("ORDERS", instanceOf("localhost:orders:8082", "DOWN", "http://localhost:8082/actuator/info"))
	register("STOCK", instanceOf("localhost:stock:8090", "UP", "http://localhost:8090/actuator/info"))
	return server, register
}

func TestABrowserListsSearchesAndFollowsTheRegistry(t *testing.T) {
	server, register := estate(t)
	b := open(t, server.URL+"/")
	b.until(`document.getElementById("live").textContent === "Live"`)
	require.Equal(t, "localhost:orders:8081 localhost:orders:8082 localhost:stock:8090", b.say(listed))
	require.Equal(t, "http://localhost:8081/actuator", b.say(`document.querySelector("a.button").href`))
	b.say(`q.focus()`)
	b.do(chromedp.KeyEvent("stock"))
	b.until(listed + ` === "localhost:stock:8090"`)
	register("STOCK", instanceOf("localhost:stock:8091", "UP", "http://localhost:8091/actuator/info"))
	b.until(listed + ` === "localhost:stock:8090 localhost:stock:8091"`) // live, and the search stays
	require.Equal(t, "stock", b.say(`document.activeElement.value`))
	b.do(chromedp.KeyEvent(" nowhere"))
	b.until(listed + ` === "" && !document.getElementById("none").hidden`)
	b.do(chromedp.Navigate(server.URL + "/?q=stock"))
	b.until(listed + ` === "localhost:stock:8090 localhost:stock:8091"`)
	b.say(`(q.value = "", q.dispatchEvent(new Event("input")))`)
	b.until(`document.querySelectorAll(".instance").length === 4 && ` + listed + `.includes("orders")`)
	b.picture("light-1280")
}

func TestABrowserTakesAnInstanceOutAndBackByKeyboardAlone(t *testing.T) {
	server, _ := estate(t)
	b := open(t, server.URL+"/")
	b.until(`document.getElementById("live").textContent === "Live"`)
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to the services", b.say(`document.activeElement.textContent`))
	require.Equal(t, "true", b.say(`document.activeElement.getBoundingClientRect().left >= 0`), "it is seen once it has the focus")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.id === "services"`)
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Actuator of localhost:orders:8081", b.say(`document.activeElement.getAttribute("aria-label")`))
	b.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Take localhost:orders:8081 out of service", b.say(`document.activeElement.getAttribute("aria-label")`))
	require.NotEqual(t, "none", b.say(`getComputedStyle(document.activeElement).outlineStyle`), "the focus is seen")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.getAttribute("aria-label") === "Put localhost:orders:8081 back"`) // the focus stays where it was
	_, _, body := ask(t, "GET", server.URL+"/eureka/apps/ORDERS/localhost:orders:8081", "")
	require.Contains(t, body, `"status":"OUT_OF_SERVICE"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.getAttribute("aria-label") === "Take localhost:orders:8081 out of service"`)
	_, _, body = ask(t, "GET", server.URL+"/eureka/apps/ORDERS/localhost:orders:8081", "")
	require.Contains(t, body, `"status":"UP"`)
}

func TestABrowserShowsTheDashboardInTheDarkOnAPhone(t *testing.T) {
	server, register := estate(t)
	register("A-SERVICE-WITH-A-NAME-THAT-NOBODY-SHOULD-HAVE-GIVEN-TO-IT", instanceOf("localhost:"+strings.Repeat("long", 60)+":1", "STARTING", "http://localhost:1/info"))
	b := open(t, server.URL+"/")
	light := b.say(`getComputedStyle(document.body).backgroundColor`)
	b.do(chromedp.EmulateViewport(375, 812, chromedp.EmulateMobile), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	}), chromedp.Reload())
	b.until(`document.getElementById("live").textContent === "Live"`)
	require.Equal(t, "true", b.say(noSlide), "nothing is wider than the phone")
	require.Equal(t, "375", b.say(`innerWidth`))
	require.NotEqual(t, light, b.say(`getComputedStyle(document.body).backgroundColor`))
	b.picture("dark-375")
}

func TestABrowserRunsNothingThatAnInstanceSent(t *testing.T) {
	server, register := estate(t)
	for n, page := range []string{"javascript:owned=1", "JaVaScRiPt:owned=1", "data:text/html,<script>owned=1</script>", `http://x"onmouseover="owned=1`} {
		register("ORDERS", instanceOf(fmt.Sprintf(`%d"'><script>owned=1</script><img src=x onerror=owned=1>`, n), "UP", page))
	}
	b := open(t, server.URL+"/")
	b.until(`document.getElementById("live").textContent === "Live"`)
	check := func() {
		t.Helper()
		require.Equal(t, "undefined", b.say(`typeof owned`))
		require.Equal(t, "1 0", b.say(`document.scripts.length + " " + document.images.length`), "only the page's own script")
		require.Equal(t, "true", b.say(`[...document.links].every(a => /^https?:/.test(a.href))`))
		require.Equal(t, "true", b.say(`!document.querySelector("[onmouseover], [onerror]")`))
		require.Contains(t, b.say(listed), `0"'><script>owned=1</script>`, "it is shown as text")
	}
	check()
	register("ORDERS", instanceOf(`5"'><script>owned=1</script>`, "UP", "javascript:owned=1"))
	b.until(listed + `.includes("5\"'>")`)
	check() // and so is what a live change brings
	const button = `button[aria-label^="Take 0\\"'>"]`
	b.say("document.querySelector(`" + button + "`).click()")
	b.until(`[...document.querySelectorAll(".instance")].some(r => r.textContent.includes("0\"'>") && r.textContent.includes("OUT_OF_SERVICE"))`)
	check()
}

// TestABrowserFollowsAgainAfterARestart looks through a proxy, which answers itself while the server is away: a browser tries
// again by itself only where nobody answers.
func TestABrowserFollowsAgainAfterARestart(t *testing.T) {
	first, _ := estate(t)
	var behind atomic.Value
	behind.Store(first.URL)
	proxy := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, Transport: &http.Transport{}, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		to, _ := url.Parse(behind.Load().(string))
		r.SetURL(to)
	}})
	t.Cleanup(proxy.Close)
	b := open(t, proxy.URL+"/")
	b.until(`document.getElementById("live").textContent === "Live"`)
	first.Stop()
	b.until(`document.getElementById("live").textContent === "Not connected" && events.readyState === EventSource.CLOSED`)
	second, register := estate(t)
	register("STOCK", instanceOf("localhost:stock:8091", "UP", "http://localhost:8091/actuator/info"))
	behind.Store(second.URL)
	b.until(`document.getElementById("live").textContent === "Live" && ` + listed + `.includes("localhost:stock:8091")`)
	register("STOCK", instanceOf("localhost:stock:8092", "UP", "http://localhost:8092/actuator/info"))
	b.until(listed + `.includes("localhost:stock:8092")`)
}

func TestABrowserThatWasGivenTheUserInTheAddressFollowsAndActs(t *testing.T) {
	server := apptest.Start(t, starter.EurekaServer, apptest.YAML("eureka.dashboard.actions: true\nspring.security.user.password: secret"))
	register := func(id string) {
		t.Helper()
		status, _, _ := ask(t, "POST", server.URL+"/eureka/apps/ORDERS", instanceOf(id, "UP", "http://localhost/info"), "Authorization", "Basic dXNlcjpzZWNyZXQ=")
		require.Equal(t, 204, status)
	}
	register("one")
	b := open(t, strings.Replace(server.URL, "://", "://user:secret@", 1)+"/")
	b.until(`document.getElementById("live").textContent === "Live"`)
	register("two")
	b.until(listed + ` === "one two"`)
	b.say(`document.querySelector("button[aria-label='Take one out of service']").click()`)
	b.until(`!!document.querySelector("button[aria-label='Put one back']")`)
}
