package starter_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/web"
	"github.com/archimedes-go/archimedes/starter"
)

// The end of a program, seen from outside: by the registry that it leaves, and by callers that keep calling.

const helperVariable = "STARTER_TEST_PROGRAM"

// programs are mains that the tests below run as processes.
var programs = map[string]func(){
	"service": func() { app.Run(starter.Service, fx.Provide(web.AsRoutes(newShop))) },
	"plain fx": func() {
		cfg, err := config.Load(config.Options{Args: os.Args[1:], NoFiles: true})
		if err != nil {
			panic(err)
		}
		log := slog.New(slog.NewTextHandler(os.Stdout, nil))
		fx.New(fx.Supply(cfg, log), starter.Service(cfg), fx.Provide(web.AsRoutes(newShop)), fx.StopTimeout(4*time.Second), web.Root()).Run()
	},
	"context": func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		os.Exit(app.RunAll(ctx, app.Spec{Bundle: starter.Service, NoFiles: true, Args: os.Args[1:], Options: []fx.Option{fx.Provide(web.AsRoutes(newShop))}}))
	},
}

// shop answers at once, after a while, or never.
type shop struct{ end fx.Shutdowner }

func newShop(end fx.Shutdowner) *shop { return &shop{end} }

func (s *shop) Routes(e *echo.Echo) {
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "at once") })
	e.GET("/slow", func(c echo.Context) error {
		time.Sleep(3 * time.Second)
		return c.String(http.StatusOK, "slow")
	})
	e.GET("/never", func(echo.Context) error { select {} })
	e.GET("/fail", func(c echo.Context) error {
		go func() { _ = s.end.Shutdown(fx.ExitCode(1)) }() // a component without which the program cannot go on
		return c.String(http.StatusOK, "failing")
	})
}

// running is a program under test.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	port string
	done chan struct{}
	ends time.Time

	mu  sync.Mutex
	out strings.Builder
}

func run(t *testing.T, server *eurekatest.Server, program string, args ...string) *running {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals on Windows")
	}
	t.Parallel()
	p := &running{t: t, cmd: exec.Command(os.Args[0], append([]string{"--spring.application.name=shop", "--server.port=0", "--server.address=127.0.0.1",
		"--eureka.instance.hostname=localhost", "--eureka.instance.ip-address=127.0.0.1", "--eureka.client.service-url.defaultZone=" + server.URL}, args...)...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), helperVariable+"="+program)
	p.cmd.Dir = t.TempDir()
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(t, p.cmd.Start())
	port := make(chan string, 1)
	go func() {
		defer close(p.done)
		started := regexp.MustCompile(`Web server started on port (\d+)`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.out.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if found := started.FindStringSubmatch(lines.Text()); found != nil {
				port <- found[1]
			}
		}
		_ = p.cmd.Wait()
		p.ends = time.Now()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Log(p.output())
		}
	})
	select {
	case p.port = <-port:
	case <-p.done:
		t.Fatal("it ended before it listened")
	case <-time.After(30 * time.Second):
		t.Fatal("no listener")
	}
	p.url = "http://127.0.0.1:" + p.port
	return p
}

func (p *running) output() string { p.mu.Lock(); defer p.mu.Unlock(); return p.out.String() }

// listed waits until the registry shows the program UP.
func (p *running) listed(server *eurekatest.Server) string {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		i := server.Only("shop")
		return i != nil && i.Status == discovery.Up && strings.Contains(p.output(), "instance registered") // or its answer is still on the way
	}, 20*time.Second, time.Millisecond)
	return server.Only("shop").InstanceID
}

// request is what became of one request.
type request struct {
	status int
	body   string
	closes bool
	err    error
	at     time.Time // when it had ended
}

func (p *running) get(client *http.Client, path string) request {
	response, err := client.Get(p.url + path)
	if err != nil {
		return request{err: err, at: time.Now()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return request{response.StatusCode, string(body), response.Close, err, time.Now()}
}

// begin sends a request that takes its time, and waits until it has reached the handler.
func (p *running) begin(path string) <-chan request {
	ended := make(chan request, 1)
	go func() { ended <- p.get(fresh(), path) }()
	time.Sleep(200 * time.Millisecond)
	return ended
}

// fresh is a client without connections of earlier requests.
func fresh() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

// end waits until the program has ended.
func (p *running) end() (code int, at time.Time) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatal("the program does not end")
	}
	return p.cmd.ProcessState.ExitCode(), p.ends
}

// leaving returns when DOWN and DELETE were asked for, and everything written from DOWN on.
func leaving(server *eurekatest.Server) (down, removed time.Time, writes []string) {
	for _, r := range server.Requests() {
		switch {
		case r.Method == http.MethodPost && strings.Contains(r.Body, `"status":"DOWN"`):
			down = r.Time
		case r.Method == http.MethodDelete:
			removed = r.Time
		}
		if !down.IsZero() && r.Method != http.MethodGet {
			writes = append(writes, r.Method)
		}
	}
	return down, removed, writes
}

func isDown(r eurekatest.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.Body, `"status":"DOWN"`)
}

func isDelete(r eurekatest.Request) bool { return r.Method == http.MethodDelete }

func (p *running) signal(s os.Signal) { require.NoError(p.t, p.cmd.Process.Signal(s)) }

func TestSIGTERMTakesEveryStepInItsOrder(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=1s")
	p.listed(server)
	keeping := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer keeping.CloseIdleConnections()
	require.Equal(t, "at once", p.get(keeping, "/").body)
	require.Equal(t, 200, p.get(fresh(), "/actuator/health/readiness").status)
	server.Delay(time.Second).For(isDown) // time to look around
	slow := p.begin("/slow")
	p.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { down, _, _ := leaving(server); return !down.IsZero() }, 20*time.Second, time.Millisecond)

	// 1 and 2: readiness refuses before the registry is told, and calls are still answered.
	refusing := p.get(fresh(), "/actuator/health/readiness")
	require.Equal(t, 503, refusing.status)
	require.Contains(t, refusing.body, "OUT_OF_SERVICE")
	require.Equal(t, 200, p.get(fresh(), "/actuator/health/liveness").status)
	// 3: idle connections are not cut, and every answer asks to use another.
	kept := p.get(keeping, "/")
	require.NoError(t, kept.err)
	require.True(t, kept.closes)
	answered := 0
	last := time.Now()
	for {
		r := p.get(fresh(), "/")
		if r.err != nil {
			// The connection that is being made while the port closes may break; after that the port is closed.
			require.ErrorIs(t, p.get(fresh(), "/").err, syscall.ECONNREFUSED)
			break
		}
		require.Equal(t, 200, r.status)
		answered++
		last = r.at
	}
	down, _, _ := leaving(server)
	require.GreaterOrEqual(t, last.Sub(down), 1200*time.Millisecond, "the drain begins once the registry has answered")
	// 4: what was in flight finishes.
	finished := <-slow
	require.NoError(t, finished.err)
	require.Equal(t, "slow", finished.body)
	code, ended := p.end()
	require.Zero(t, code)
	// 5: removed last, and nothing after it.
	down, removed, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
	require.True(t, removed.After(finished.at.Add(-500*time.Millisecond)) && removed.After(last) && removed.After(down), "DELETE follows the last answer")
	require.True(t, ended.After(removed))
	require.Nil(t, server.Only("shop"))
	t.Logf("%d calls answered while it left", answered)
}

func TestSIGINTDrainsNobodyButFinishesWhatIsInFlight(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=60s")
	p.listed(server)
	slow := p.begin("/slow")
	p.signal(os.Interrupt)
	require.Equal(t, "slow", (<-slow).body)
	code, _ := p.end()
	require.Zero(t, code)
	_, _, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
}

func TestASecondSignalCutsOffAndStillRemoves(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=60s")
	p.listed(server)
	never := p.begin("/never")
	p.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { down, _, _ := leaving(server); return !down.IsZero() }, 20*time.Second, time.Millisecond)
	p.signal(syscall.SIGTERM)
	require.Error(t, (<-never).err)
	code, _ := p.end()
	require.Equal(t, 143, code)
	_, _, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
	require.Nil(t, server.Only("shop"))
}

func TestAThirdSignalEndsAtOnce(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=60s")
	p.listed(server)
	server.Silent()
	p.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { down, _, _ := leaving(server); return !down.IsZero() }, 20*time.Second, time.Millisecond)
	p.signal(os.Interrupt)
	p.signal(os.Interrupt)
	code, _ := p.end()
	require.Contains(t, []int{130, 143}, code)
}

func TestTheEndOfTheContextIsACalmStop(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "context", "--eureka.instance.drain-period=1s")
	p.listed(server)
	code, _ := p.end()
	require.Zero(t, code)
	down, removed, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
	require.GreaterOrEqual(t, removed.Sub(down), time.Second, "with its drain")
}

func TestAComponentThatFailsTakesTheProgramAlongInOrder(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=1s")
	p.listed(server)
	slow := p.begin("/slow")
	require.Equal(t, "failing", p.get(fresh(), "/fail").body)
	require.Equal(t, "slow", (<-slow).body)
	code, _ := p.end()
	require.Equal(t, 1, code)
	_, _, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
}

func TestEurekaThatIsAwayDelaysNoStopBeyondItsBounds(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=1s")
	p.listed(server)
	server.Stop()
	slow := p.begin("/slow")
	began := time.Now()
	p.signal(syscall.SIGTERM)
	require.Equal(t, "slow", (<-slow).body)
	code, ended := p.end()
	require.Zero(t, code)
	require.Less(t, ended.Sub(began), 25*time.Second, "five times the five seconds of down, drain, removal")
	require.Contains(t, p.output(), "stays listed until its lease ends")
}

func TestADELETEThatIsAnsweredTooLateIsTheLastWord(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=0s")
	p.listed(server)
	server.Delay(4 * time.Second).For(isDelete)
	p.signal(syscall.SIGTERM)
	code, _ := p.end()
	require.Zero(t, code)
	_, _, writes := leaving(server)
	require.Equal(t, "DELETE", writes[len(writes)-1])
	require.NotContains(t, writes[1:], "POST", "nothing registers again")
	server.Heal()
	require.NotContains(t, writes, "PUT")
}

func TestASuccessorOnTheSameIDIsLeftAlone(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=0s", "--eureka.instance.instance-id=shop-1")
	p.listed(server)
	var once sync.Once
	server.Cut(false).For(func(r eurekatest.Request) bool {
		if !isDelete(r) {
			return false
		}
		once.Do(func() { // it takes over while the DELETE is under way, which then is lost
			server.Add(discovery.Instance{Service: "shop", ID: "shop-1", Address: "localhost:1"})
		})
		return true
	}).Times(1)
	p.signal(syscall.SIGTERM)
	code, _ := p.end()
	require.Zero(t, code)
	require.NotNil(t, server.Only("shop"))
	require.Equal(t, 1, server.Only("shop").Port.Number)
	require.Contains(t, p.output(), "another instance has taken this id over")
}

func TestAHandlerThatNeverReturnsIsCutOffAndTheProgramRemoved(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "service", "--eureka.instance.drain-period=0s", "--spring.lifecycle.timeout-per-shutdown-phase=1s")
	p.listed(server)
	never := p.begin("/never")
	p.signal(syscall.SIGTERM)
	require.Error(t, (<-never).err)
	code, _ := p.end()
	require.Zero(t, code)
	require.Nil(t, server.Only("shop"))
	require.Contains(t, p.output(), "requests were cut off")
}

func TestPlainFxRemovesWithinItsOwnStopTimeout(t *testing.T) {
	server := eurekatest.NewServer(t)
	p := run(t, server, "plain fx", "--eureka.instance.drain-period=60s")
	p.listed(server)
	never := p.begin("/never")
	p.signal(syscall.SIGTERM)
	require.Error(t, (<-never).err)
	p.end()
	_, _, writes := leaving(server)
	require.Equal(t, []string{"POST", "DELETE"}, writes)
	require.Nil(t, server.Only("shop"))
	require.Contains(t, p.output(), "raise fx.StopTimeout")
}

func TestReadinessIsAskedByPathUntilCallersSeeTheInstance(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Fail(500).For(func(r eurekatest.Request) bool { return r.Method == http.MethodGet })
	p := run(t, server, "service", "--eureka.instance.drain-period=0s", "--eureka.instance.ready-when-visible=true", "--eureka.client.registry-fetch-interval-seconds=1")
	p.listed(server)
	refusing := p.get(fresh(), "/actuator/health/readiness")
	require.Equal(t, 503, refusing.status)
	require.Contains(t, refusing.body, "OUT_OF_SERVICE")
	require.Equal(t, 200, p.get(fresh(), "/").status)
	server.Heal()
	require.Eventually(t, func() bool { return p.get(fresh(), "/actuator/health/readiness").status == 200 }, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, discovery.Up, server.Only("shop").Status)
}

func TestInstancesBackOnANewPortCostNoCall(t *testing.T) {
	server := eurekatest.NewServer(t)
	var nodes []*http.Server
	serve := func(id string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		one := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, id) })}
		go func() { _ = one.Serve(l) }()
		t.Cleanup(func() { _ = one.Close() })
		nodes = append(nodes, one)
		server.Add(discovery.Instance{Service: "stock", ID: id, Address: l.Addr().String()})
	}
	serve("a")
	serve("b")
	a := agent(t, starter.Discover, starter.Config{EurekaServer: server.URL, RenewalInterval: time.Second})
	stop := make(chan struct{})
	var callers sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	calls := 0
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := a.DoService(context.Background(), "stock", "/")
				mu.Lock()
				calls++
				if err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	for i, id := range []string{"a", "b", "a"} {
		time.Sleep(1500 * time.Millisecond) // a look at the registry comes each second: only one instance is ever stale
		gone := nodes[i]
		serve(id) // the same id at another port, before and after the old one dies
		time.Sleep(300 * time.Millisecond)
		_ = gone.Close()
	}
	time.Sleep(1500 * time.Millisecond)
	close(stop)
	callers.Wait()
	require.Empty(t, failed, "of %d calls", calls)
	require.Greater(t, calls, 100)
	require.True(t, slices.Contains(a.Services(), "stock"))
}
