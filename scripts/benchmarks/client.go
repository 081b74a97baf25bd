package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hudl/fargo"
	"github.com/op/go-logging"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// clientRows: what the client of Eureka costs a program that does something else.
func clientRows() []row {
	data := registry10000()
	idle := program("./idle")
	server := sync.OnceValue(func() string { return serving(data, 1000) })
	return []row{
		{
			what: "delta of 100 changes in 100 applications of 10,000 instances, hash included, processor time", ours: "eureka.Replica", beside: "full decode", budget: 0.01,
			measure: func() (time.Duration, time.Duration) { return delta("delta_over_100_apps_same_false") },
		},
		{
			what: "delta of 100 changes in 2 applications of 10,000 instances, hash included, processor time", ours: "eureka.Replica", beside: "full decode", budget: 0.01,
			measure: func() (time.Duration, time.Duration) { return delta("delta_over_2_apps_same_false") },
		},
		{
			what: "heartbeat, allocations", ours: "eureka.Client.Renew", beside: "fargo v1.4.0", count: true, most: 60,
			measure: heartbeats,
		},
		{
			what: "idle client, 1,000 instances, processor time per second, at ten times the usual pace", ours: "registrar and replica", beside: "fargo v1.4.0",
			most: 10 * time.Millisecond, // 0.1 % of a core at the usual pace, ten times that here
			measure: func() (time.Duration, time.Duration) {
				var used [2]time.Duration
				for i, whose := range []string{"ours", "fargo"} {
					must(fmt.Sscan(run(".", idle(), whose, server()), &used[i]))
				}
				return used[0], used[1]
			},
		},
	}
}

// delta asks the package's own benchmark for the processor time of a kind of delta and of a full decode: programs do not apply deltas themselves.
func delta(kind string) (delta, decode time.Duration) {
	out := run("../..", "go", "test", "-run", "^$", "-bench", "^BenchmarkDelta$/^(decode|"+kind+")$", "-benchtime", "500ms", "./modules/eureka")
	figure := func(name string) time.Duration {
		found := regexp.MustCompile(`(?m)^BenchmarkDelta/` + name + `-.* (\d+) cpu-ns/op`).FindStringSubmatch(out)
		if found == nil {
			panic(out)
		}
		return time.Duration(must(strconv.Atoi(found[1])))
	}
	return figure(kind), figure("decode")
}

// heartbeats returns the allocations of one heartbeat of ours and of fargo's.
func heartbeats() (ours, theirs time.Duration) {
	address := answering("HTTP/1.1 200 \r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n")
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret("http://" + address + "/eureka/")}
	client := must(eureka.NewClient(cfg))
	defer client.CloseIdleConnections()
	ours = time.Duration(testing.AllocsPerRun(200, func() {
		must(0, client.Renew(context.Background(), "ORDERS", "web-1:orders:8080", discovery.Up, 1_700_000_000_000))
	}))
	logging.SetLevel(logging.ERROR, "fargo")
	connection := fargo.NewConn("http://" + address + "/eureka")
	own := &fargo.Instance{App: "ORDERS", InstanceId: "web-1:orders:8080"}
	theirs = time.Duration(testing.AllocsPerRun(200, func() { must(0, connection.HeartBeatInstance(own)) }))
	return ours, theirs
}

// answering starts a server that gives every request without a body the same answer, and allocates nothing for it.
func answering(answer string) (address string) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				request, said := make([]byte, 4096), []byte(answer)
				for n := 0; ; {
					read, err := conn.Read(request[n:])
					if err != nil {
						return
					}
					if n += read; bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
						n = 0
						_, _ = conn.Write(said)
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// serving starts a server that lists the first n instances of a registry, and returns its URL.
func serving(data []byte, n int) string {
	list := registry.New(registry.DefaultConfig())
	for _, app := range must(eureka.DecodeApplications(data)).Applications {
		for _, i := range app.Instances {
			if i.Lease.Duration = 36000; list.Size() < n {
				must(0, list.Register(i, true))
			}
		}
	}
	return strings.TrimSuffix(httptest.NewServer(rest.New(list)).URL, "/")
}
