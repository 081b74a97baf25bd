package springcloud_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	eurekaclient "github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

// step is one thing that a script does, in the words of the Python client.
type step map[string]any

// outcome is what came of it.
type outcome struct {
	Value any    `json:"value"`
	Error string `json:"error"`
}

// player plays scripts: the Python client, or ours.
type player interface {
	play(t *testing.T, s step) outcome
}

// pythonPlayer is a process of testdata/script.py.
type pythonPlayer struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func newPython(t *testing.T) player {
	cmd := exec.Command(python, abs(t, "testdata/script.py"))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Process.Kill(); cmd.Wait() })
	return &pythonPlayer{in, bufio.NewReader(out)}
}

func (p *pythonPlayer) play(t *testing.T, s step) outcome {
	t.Helper()
	line, err := json.Marshal(s)
	require.NoError(t, err)
	_, err = p.in.Write(append(line, '\n'))
	require.NoError(t, err)
	answer, err := p.out.ReadString('\n')
	require.NoError(t, err)
	var o outcome
	require.NoError(t, json.Unmarshal([]byte(answer), &o))
	return o
}

// goPlayer is an agent.
type goPlayer struct{ agent *starter.Agent }

func newGo(t *testing.T) player {
	p := &goPlayer{}
	t.Cleanup(func() { _ = p.agent.Close(context.Background()) })
	return p
}

func (p *goPlayer) play(t *testing.T, s step) outcome {
	t.Helper()
	value, err := p.do(t.Context(), s)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Value: value}
}

func (p *goPlayer) do(ctx context.Context, s step) (any, error) {
	text := func(key string) string { v, _ := s[key].(string); return v }
	number := func(key string) int { v, _ := s[key].(int); return v }
	flag := func(key string) bool { v, _ := s[key].(bool); return v }
	switch s["op"] {
	case "init":
		cfg := starter.Config{
			EurekaServer: text("eureka_server"), AppName: text("app_name"), InstanceHost: text("instance_host"), InstanceIP: text("instance_ip"),
			InstancePort: number("instance_port"), VIPAddress: text("vip_adr"), HomePageURL: text("home_page_url"), StatusPageURL: text("status_page_url"),
			HealthCheckURL: text("health_check_url"), SecurePort: number("instance_secure_port"), SecurePortEnabled: flag("instance_secure_port_enabled"),
			RenewalInterval: time.Duration(number("renewal_interval_in_secs")) * time.Second, LeaseDuration: time.Duration(number("duration_in_secs")) * time.Second,
			Strategy: text("ha_strategy"), Strict: true, // as the Python client by default
			Zone: text("zone"),
		}
		cfg.Metadata, _ = s["metadata"].(map[string]string)
		var err error
		begin := starter.Init
		if s["should_register"] == false {
			begin = starter.Discover
		}
		p.agent, err = begin(ctx, cfg)
		return nil, err
	case "call":
		options := []invoker.Option{invoker.Method(firstOf(text("method"), "GET")), invoker.Body(s["data"])}
		if flag("prefer_ip") {
			options = append(options, invoker.PreferIP())
		}
		if s["return_type"] == "json" {
			return starter.DoServiceJSON[any](ctx, p.agent, text("service"), text("path"), options...)
		}
		return p.agent.DoService(ctx, text("service"), text("path"), options...)
	case "walk":
		urls := []any{}
		_, err := starter.WalkNodes(ctx, p.agent, text("service"), text("path"), func(_ context.Context, url string) (string, error) {
			urls = append(urls, url)
			if len(urls) <= number("failures") {
				return "", errors.New("told to")
			}
			return url, nil
		})
		return urls, err
	case "status":
		return nil, p.agent.SetStatus(ctx, discovery.ParseStatus(text("value")))
	case "clear":
		return nil, p.agent.ClearStatus(ctx)
	case "services":
		return anys(p.agent.Services()), nil
	case "up":
		set, err := p.agent.Instances(ctx, text("service"))
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, i := range set.Up() {
			ids = append(ids, i.ID)
		}
		slices.Sort(ids)
		return anys(ids), nil
	case "stop":
		return nil, p.agent.Close(ctx)
	}
	return nil, fmt.Errorf("no such step: %v", s["op"])
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// scriptNode is a node of the service "stock" that says who it is and what it was asked.
type scriptNode struct {
	server *httptest.Server
	mu     sync.Mutex
	hits   int
}

func (n *scriptNode) count() int { n.mu.Lock(); defer n.mu.Unlock(); return n.hits }

// stockNodes registers nodes; those of dead are closed at once.
func stockNodes(t *testing.T, e *eureka, service string, ids ...string) map[string]*scriptNode {
	t.Helper()
	cfg := eurekaclient.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(e.url())}
	client, err := eurekaclient.NewClient(cfg)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	nodes := map[string]*scriptNode{}
	for _, id := range ids {
		n := &scriptNode{}
		n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.hits++
			n.mu.Unlock()
			body, _ := io.ReadAll(r.Body)
			if code, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
				w.WriteHeader(code)
				return
			}
			if r.URL.Path == "/who" {
				fmt.Fprint(w, id)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			host, _, _ := net.SplitHostPort(r.Host)
			var compact bytes.Buffer
			if json.Compact(&compact, body) == nil {
				body = compact.Bytes()
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.URL.RequestURI(), "body": string(body), "host": host})
		}))
		t.Cleanup(n.server.Close)
		nodes[id] = n
		port := n.server.Listener.Addr().(*net.TCPAddr).Port
		if strings.HasPrefix(id, "dead") {
			n.server.Close()
		}
		i := &eurekaclient.Instance{
			App: strings.ToUpper(service), InstanceID: id, HostName: "localhost", IPAddr: "127.0.0.1", VIPAddress: service, SecureVIPAddress: service,
			OverriddenStatus: discovery.Unknown, Metadata: discovery.NewMetadata(map[string]string{"zone": "default"}),
		}
		i.Port.Number, i.Port.Enabled, i.SecurePort.Number = port, true, 443
		i.DataCenter.Name, i.Lease.RenewalInterval, i.Lease.Duration = "MyOwn", 30, 3600
		i.LastDirty = time.Now().UnixMilli()
		require.NoError(t, client.Register(t.Context(), i))
	}
	return nodes
}

// document is what the registry says of an instance, but for times.
func (e *eureka) document(t *testing.T, app, id string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url()+"apps/"+strings.ToUpper(app)+"/"+id, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil
	}
	var document struct {
		Instance map[string]any `json:"instance"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&document))
	for _, key := range []string{"lastUpdatedTimestamp", "lastDirtyTimestamp"} {
		delete(document.Instance, key)
	}
	for key, value := range document.Instance {
		if value == "" { // says no more than nothing
			delete(document.Instance, key)
		}
	}
	lease := document.Instance["leaseInfo"].(map[string]any)
	for key := range lease {
		if strings.HasSuffix(key, "Timestamp") {
			delete(lease, key)
		}
	}
	return document.Instance
}

var players = []struct {
	name string
	make func(*testing.T) player
}{{"python", newPython}, {"go", newGo}}

func TestTheSameScriptGivesTheSameAnswersInPythonAndInGo(t *testing.T) {
	server := startEureka(t, "spring", 0)
	stock := stockNodes(t, server, "stock", "a", "b", "c")
	stockNodes(t, server, "half", "a", "dead-1", "dead-2")
	stockNodes(t, server, "none", "dead-1", "dead-2")
	stockNodes(t, server, "one", "a")
	time.Sleep(time.Second)
	port := freePort(t)

	said := map[string][]any{}
	for _, p := range players {
		t.Run(p.name, func(t *testing.T) {
			who := p.make(t)
			note := func(what string, value any) { said[p.name] = append(said[p.name], []any{what, value}) }
			do := func(s step) outcome {
				o := who.play(t, s)
				if o.Error != "" {
					o.Error = "failed" // in words of its own
				}
				return o
			}
			require.Empty(t, do(step{
				"op": "init", "eureka_server": server.url(), "app_name": "script", "instance_host": "localhost", "instance_ip": "127.0.0.1", "instance_port": port,
				"vip_adr": "script-vip", "home_page_url": "/home", "status_page_url": "http://elsewhere.example/info", "metadata": map[string]string{"version": "1"},
				"instance_secure_port": 9444, "instance_secure_port_enabled": true, "renewal_interval_in_secs": 20, "duration_in_secs": 60,
			}).Error)
			id := fmt.Sprintf("127.0.0.1:script:%d", port)
			note("registered", server.document(t, "script", id))
			note("text", do(step{"op": "call", "service": "ONE", "path": "/who"}))
			note("json", do(step{"op": "call", "service": "stock", "path": "/x?y=1", "return_type": "json"}))
			note("post", do(step{"op": "call", "service": "Stock", "path": "x", "method": "POST", "data": map[string]any{"n": 1}, "return_type": "json"}))
			note("put text", do(step{"op": "call", "service": "stock", "path": "/x", "method": "PUT", "data": "text", "return_type": "json"}))
			note("prefer ip", do(step{"op": "call", "service": "stock", "path": "/x", "prefer_ip": true, "return_type": "json"}))
			note("unknown", do(step{"op": "call", "service": "nobody", "path": "/"}))
			note("none left", do(step{"op": "call", "service": "none", "path": "/"}))
			for range 10 {
				note("failures tolerated", do(step{"op": "call", "service": "half", "path": "/who"}))
			}
			before := stock["a"].count() + stock["b"].count() + stock["c"].count()
			note("404 everywhere", do(step{"op": "call", "service": "stock", "path": "/?status=404"}))
			note("asked", stock["a"].count()+stock["b"].count()+stock["c"].count()-before)
			walked := do(step{"op": "walk", "service": "stock", "path": "/p", "failures": 2})
			require.Empty(t, walked.Error)
			urls := walked.Value.([]any)
			slices.SortFunc(urls, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			note("walked", urls)
			note("walked in vain", do(step{"op": "walk", "service": "stock", "path": "/p", "failures": 3}))
			note("services", do(step{"op": "services"}).Value)
			note("up", do(step{"op": "up", "service": "STOCK"}))
			note("status", do(step{"op": "status", "value": "OUT_OF_SERVICE"}))
			note("shown", server.document(t, "script", id))
			require.Empty(t, do(step{"op": "clear"}).Error)
			note("override", server.document(t, "script", id)["overriddenStatus"])
			require.Empty(t, do(step{"op": "stop"}).Error)
			note("gone", server.document(t, "script", id))
		})
	}
	require.Len(t, said["go"], len(said["python"]))
	for i := range said["python"] {
		python, err := json.Marshal(said["python"][i])
		require.NoError(t, err)
		ours, err := json.Marshal(said["go"][i])
		require.NoError(t, err)
		if strings.HasPrefix(string(python), `["services"`) {
			continue // the Python client lists names of applications, ours the names that are called: VIPs, too
		}
		require.JSONEq(t, string(python), string(ours))
	}
}

func TestTheOrderOfFiftyCallsFollowsTheSameRuleInPythonAndInGo(t *testing.T) {
	server := startEureka(t, "spring", 0)
	stockNodes(t, server, "two", "a", "b")
	stockNodes(t, server, "three", "a", "b", "c")
	time.Sleep(time.Second)
	for _, strategy := range []string{"random", "stick", "other"} {
		for _, p := range players {
			t.Run(strategy+" "+p.name, func(t *testing.T) {
				who := p.make(t)
				require.Empty(t, who.play(t, step{"op": "init", "eureka_server": server.url(), "should_register": false, "ha_strategy": strategy}).Error)
				for service, n := range map[string]int{"two": 2, "three": 3} {
					var order []string
					for range 50 {
						o := who.play(t, step{"op": "call", "service": service, "path": "/who"})
						require.Empty(t, o.Error)
						order = append(order, o.Value.(string))
					}
					different := len(slices.Compact(slices.Sorted(slices.Values(order))))
					repeated := false
					for i := 1; i < len(order); i++ {
						repeated = repeated || order[i] == order[i-1]
					}
					switch strategy {
					case "stick":
						require.Equal(t, 1, different, order)
					case "other":
						require.False(t, repeated, order)
						require.Equal(t, n, different, order)
					default:
						require.True(t, repeated, order)
						require.Equal(t, n, different, order)
					}
				}
			})
		}
	}
}
