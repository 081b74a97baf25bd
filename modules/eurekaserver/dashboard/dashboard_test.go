package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// register lists an instance that is UP.
func register(t *testing.T, r *registry.Registry, app, id string, change ...func(*wire.Instance)) {
	t.Helper()
	i := &wire.Instance{
		App: app, InstanceID: id, HostName: "localhost", IPAddr: "127.0.0.1", Status: discovery.Up, OverriddenStatus: discovery.Unknown,
		StatusPageURL: "http://localhost:8080/actuator/info",
		Metadata:      discovery.Metadata{{Key: "zone", Value: "zone-a"}, {Key: "version", Value: "1.4.2"}},
	}
	for _, f := range change {
		f(i)
	}
	require.NoError(t, r.Register(i, false))
}

func ask(h http.Handler, method, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageListsWhatIsRegisteredAtItsTwoPaths(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	h := dashboard.New(r)
	require.Contains(t, ask(h, "GET", "/", nil).Body.String(), "No instance is registered yet.")
	register(t, r, "ORDERS", "orders-1")
	for path, assets := range map[string]string{"/": "eureka-ui/", "/eureka-ui": "eureka-ui/", "/eureka-ui/": "../eureka-ui/"} {
		w := ask(h, "GET", path, nil)
		require.Equal(t, 200, w.Code, path)
		for _, want := range []string{"ORDERS", "orders-1", ">UP<", "zone-a", "1.4.2", `href="http://localhost:8080/actuator"`, `href="` + assets + `style.css"`, "registered", "Self-preservation is off"} {
			require.Contains(t, w.Body.String(), want, path)
		}
		require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
	}
	for path, want := range map[string]int{"/eureka-ui/style.css": 200, "/eureka-ui/script.js": 200, "/eureka-ui/icon.svg": 200, "/eureka-ui/page.html": 404, "/eureka-ui/../view.go": 404, "/orders": 404} {
		require.Equal(t, want, ask(h, "GET", path, nil).Code, path)
	}
}

func TestASearchFindsByEveryWordWithoutScripts(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	register(t, r, "ORDERS", "orders-1")
	register(t, r, "ORDERS", "orders-2", func(i *wire.Instance) { i.Status = discovery.Down })
	register(t, r, "STOCK", "stock-1")
	for query, want := range map[string][]string{
		"": {"orders-1", "orders-2", "stock-1"}, "ORDERS": {"orders-1", "orders-2"}, "orders down": {"orders-2"}, "zone-a stock": {"stock-1"}, "<b>": {},
	} {
		body := ask(dashboard.New(r), "GET", "/?q="+url.QueryEscape(query), nil).Body.String()
		body, _, _ = strings.Cut(body, `id="happened"`)
		for _, id := range []string{"orders-1", "orders-2", "stock-1"} {
			if len(want) > 0 && want[0] == id {
				require.Contains(t, body, "<bdi>"+id+"</bdi>", query)
				want = want[1:]
			} else {
				require.NotContains(t, body, "<bdi>"+id+"</bdi>", query)
			}
		}
	}
}

func TestTheLatestThousandEventsAreListedAndSearched(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	h := dashboard.New(r)
	require.Contains(t, ask(h, "GET", "/lastn", nil).Body.String(), "Nothing happened yet.")
	for i := range 50 {
		register(t, r, "ORDERS", fmt.Sprintf("orders-%02d", i))
	}
	require.NoError(t, r.Cancel("ORDERS", "orders-07"))
	front := ask(h, "GET", "/", nil).Body.String()
	require.Equal(t, 30, strings.Count(front, `<span class="when">`))
	require.Contains(t, front, `<a href="eureka-ui/lastn">`)
	for path, want := range map[string]int{"/lastn": 51, "/eureka-ui/lastn": 51, "/lastn?q=cancelled": 1, "/lastn?q=orders-07": 2, "/lastn?q=registered+orders-07": 1, "/lastn?q=nobody": 0} {
		body := ask(h, "GET", path, nil).Body.String()
		require.Equal(t, want, strings.Count(body, `<span class="when">`), path)
		require.Equal(t, want == 0, strings.Contains(body, "Nothing matches."), path)
	}
	require.Contains(t, ask(h, "GET", "/eureka-ui/lastn", nil).Body.String(), `<a href="../eureka-ui/">Registry</a>`)
	require.Equal(t, 404, ask(h, "GET", "/lastn/x", nil).Code)
	require.Equal(t, 405, ask(h, "POST", "/lastn", nil).Code)
}

func TestAServiceCountsAllItsInstancesWhateverIsLookedFor(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	register(t, r, "ORDERS", "orders-1")
	register(t, r, "ORDERS", "orders-2", func(i *wire.Instance) { i.Status = discovery.Down })
	register(t, r, "STOCK", "stock-1")
	for _, query := range []string{"", "down", "orders-1", "orders-2"} {
		body := ask(dashboard.New(r), "GET", "/?q="+query, nil).Body.String()
		require.Contains(t, body, "<bdi>ORDERS</bdi> <small>1 of 2 up</small>", query)
		require.Equal(t, query == "", strings.Contains(body, "<bdi>STOCK</bdi> <small>1 of 1 up</small>"), query)
	}
	require.Contains(t, ask(dashboard.New(r), "GET", "/", nil).Body.String(), `<a href="?q=DOWN"`, "the figure leads to them")
}

func TestAPageOfManyInstancesIsBounded(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	for i := range 501 {
		register(t, r, "ORDERS", "orders-"+strings.Repeat("x", i))
	}
	body := ask(dashboard.New(r), "GET", "/", nil).Body.String()
	require.Contains(t, body, "500 of 501 instances are shown")
	require.Equal(t, 500, strings.Count(body, `class="instance"`))
}

func TestWhatAnInstanceSendsIsTextAndNeverCode(t *testing.T) {
	const hostile = `"'><script>alert(1)</script>`
	for _, page := range []string{"javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil/x", "http://bank@evil/x", "https:///x", "ftp://evil/x", hostile} {
		r := registry.New(registry.DefaultConfig())
		register(t, r, "ORDERS"+hostile, hostile, func(i *wire.Instance) {
			i.HostName, i.StatusPageURL, i.HealthCheckURL, i.SecureHealthCheckURL = hostile, page, page, page
			i.Metadata = discovery.Metadata{{Key: "zone", Value: hostile}, {Key: "version", Value: hostile}}
		})
		body := ask(dashboard.New(r, dashboard.WithConfig(dashboard.Config{Actions: true})), "GET", "/eureka-ui/?q="+url.QueryEscape(hostile), nil).Body.String()
		require.NotContains(t, body, "<script>alert", page)
		require.NotContains(t, body, `"'>`, page)
		require.NotContains(t, body, `class="button"`, page)
		require.Contains(t, body, "&lt;script&gt;", page)
	}
}

func TestAnInstanceIsTakenOutAndBackOnlyWhenAllowedAndFromThisPage(t *testing.T) {
	r := registry.New(registry.DefaultConfig())
	register(t, r, "ORDERS", "orders-1")
	out, back := url.Values{"app": {"ORDERS"}, "id": {"orders-1"}, "do": {"out"}}, url.Values{"app": {"ORDERS"}, "id": {"orders-1"}, "do": {"back"}}
	status := func() discovery.Status { return r.Instance("ORDERS", "orders-1").Status }
	closed, open := dashboard.New(r), dashboard.New(r, dashboard.WithConfig(dashboard.Config{Path: "/", Actions: true}))

	require.NotContains(t, ask(closed, "GET", "/", nil).Body.String(), "<button name")
	require.Equal(t, 404, ask(closed, "POST", "/eureka-ui/status", out, "Sec-Fetch-Site", "same-origin").Code)
	require.Equal(t, 405, ask(closed, "POST", "/", out).Code)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"}, {"Origin", "null"}} {
		require.Equal(t, 403, ask(open, "POST", "/eureka-ui/status", out, header...).Code, header)
	}
	require.Equal(t, 405, ask(open, "GET", "/eureka-ui/status?"+out.Encode(), nil).Code)
	require.Equal(t, discovery.Up, status())

	require.Contains(t, ask(open, "GET", "/", nil).Body.String(), "Take out")
	w := ask(open, "POST", "/eureka-ui/status", out, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, 303, w.Code)
	require.Equal(t, discovery.OutOfService, status())
	require.Contains(t, ask(open, "GET", "/", nil).Body.String(), "Put back")
	require.Equal(t, 303, ask(open, "POST", "/eureka-ui/status", back, "Sec-Fetch-Site", "same-origin").Code)
	require.Equal(t, discovery.Up, status())

	out.Set("id", "nobody")
	require.Equal(t, 404, ask(open, "POST", "/eureka-ui/status", out).Code)
	require.Equal(t, 400, ask(open, "POST", "/eureka-ui/status", url.Values{"do": {"remove"}}).Code)
}

func TestSelfPreservationIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := registry.DefaultConfig()
		cfg.SelfPreservation = true
		r := registry.New(cfg)
		h := dashboard.New(r)
		register(t, r, "ORDERS", "orders-1")
		require.Contains(t, ask(h, "GET", "/", nil).Body.String(), "Self-preservation is on</strong> and not active")
		time.Sleep(2 * time.Minute)
		r.Evict(0)
		body := ask(h, "GET", "/", nil).Body.String()
		require.Contains(t, body, "Self-preservation is active")
		require.Contains(t, body, ">2 min</time> ago", "the last renewal")
	})
}

// flow is an answer that is read while it is written.
type flow struct {
	header http.Header
	frames chan string
}

func (f flow) Header() http.Header         { return f.header }
func (f flow) WriteHeader(int)             {}
func (f flow) Flush()                      {}
func (f flow) Write(b []byte) (int, error) { f.frames <- string(b); return len(b), nil }

func TestChangesAtOnceAreOneFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		f := flow{http.Header{}, make(chan string, 100)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			dashboard.New(r).ServeHTTP(f, httptest.NewRequest("GET", "/eureka-ui/events", nil).WithContext(ctx))
		}()
		require.Equal(t, "data: 0\n\n", <-f.frames)
		for i := range 50 {
			register(t, r, "ORDERS", strings.Repeat("x", i+1))
			time.Sleep(4 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		require.Len(t, f.frames, 1)
		<-f.frames
		for i := range 1000 { // ten seconds of changes
			register(t, r, "STOCK", strings.Repeat("x", i+1))
			time.Sleep(10 * time.Millisecond)
		}
		require.InDelta(t, 10, len(f.frames), 1)
		time.Sleep(2 * time.Second)
		require.Contains(t, ask(dashboard.New(r), "GET", "/", nil).Body.String(), `data-version="`+last(f.frames)+`"`, "the last frame tells of the last change")
		time.Sleep(time.Minute)
		require.Equal(t, ":\n\n", <-f.frames, "a silent stream shows that it lives")
		cancel()
		<-done
	})
}

func last(frames chan string) (version string) {
	for len(frames) > 0 {
		version = strings.TrimSpace(strings.TrimPrefix(<-frames, "data:"))
	}
	return version
}
