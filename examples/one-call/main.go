// Command one-call owns its main and joins Eureka in one call: it registers, is kept registered, calls another service by name
// and deregisters at its end.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/archimedes-go/archimedes/starter"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	eureka := flag.String("eureka", "http://127.0.0.1:8761", "Eureka servers, separated by commas")
	host := flag.String("host", "localhost", "how others reach this program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Shutdown(context.Background()) }()

	// Registers here, and sends a heartbeat every 30 seconds from now on.
	agent, err := starter.Init(ctx, starter.Config{
		EurekaServer: *eureka,
		AppName:      "your_app_name",
		InstanceHost: *host,
		InstancePort: listener.Addr().(*net.TCPAddr).Port,
		Strategy:     "random", // how a node is chosen when others are called
		Log:          slog.Default(),
	})
	if err != nil {
		return err
	}
	defer agent.Close(context.Background()) // DOWN, then DELETE; the server above goes on until that is done

	result, err := agent.DoService(ctx, "OTHER-SERVICE-NAME", "/service/context/path")
	if err != nil {
		fmt.Println("other service:", err)
	} else {
		fmt.Println("result of other service:", result)
	}
	<-ctx.Done()
	return nil
}
