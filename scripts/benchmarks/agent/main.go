// Command agent measures what agent.py measures, with starter.Init: it prints nanoseconds until registered, nanoseconds for a call,
// and bytes of resident memory.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/starter"
)

const calls = 200

func main() {
	ctx := context.Background()
	began := time.Now()
	agent, err := starter.Init(ctx, starter.Config{EurekaServer: os.Args[1], AppName: "bench", InstanceHost: "localhost", InstanceIP: "127.0.0.1"})
	check(err)
	registered := time.Since(began)
	began = time.Now()
	for range calls {
		_, err := agent.DoService(ctx, "STOCK", "/")
		check(err)
	}
	call := time.Since(began) / calls
	fmt.Println(registered.Nanoseconds(), call.Nanoseconds(), resident())
	check(agent.Close(ctx))
}

func resident() int64 {
	status, err := os.ReadFile("/proc/self/status")
	check(err)
	var kilobytes int64
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			_, _ = fmt.Sscan(strings.TrimPrefix(line, "VmRSS:"), &kilobytes)
		}
	}
	return kilobytes << 10
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
