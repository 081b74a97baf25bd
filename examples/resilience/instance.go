package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// latency is what an instance takes for an answer.
const latency = 20 * time.Millisecond

// instance is one copy of the service, with a fault that can be chosen.
type instance struct {
	fault    atomic.Value // string
	requests atomic.Int64
	listener net.Listener
}

// serveInstance is the whole life of an instance's process. It prints its port and obeys "fault NAME" and "count" until stdin ends,
// as it does with the process that started it.
func serveInstance(commands io.Reader, answers io.Writer) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(answers, "error", err)
		return
	}
	i := &instance{listener: listener}
	i.fault.Store("none")
	go func() { _ = http.Serve(listener, i) }()
	fmt.Fprintln(answers, listener.Addr().(*net.TCPAddr).Port)
	for lines := bufio.NewScanner(commands); lines.Scan(); {
		if fault, ok := strings.CutPrefix(lines.Text(), "fault "); ok {
			i.fault.Store(fault)
			if fault == "refuse" {
				_ = listener.Close()
			}
		}
		fmt.Fprintln(answers, i.requests.Load())
	}
}

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.requests.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	switch i.fault.Load() {
	case "refuse": // new connections; those that are there are served, and closed after their next answer
		w.Header().Set("Connection", "close")
	case "reset":
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
		return
	case "stall":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	case "busy":
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "unavailable":
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "poison":
		w.WriteHeader(http.StatusInternalServerError)
		return
	case "slow":
		wait(r.Context(), 9*latency)
	}
	wait(r.Context(), latency)
	fmt.Fprint(w, "ok")
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
