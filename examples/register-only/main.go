// Command register-only serves, is listed in Eureka, and calls nobody.
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
	host := flag.String("host", "", "how others reach this program; default: found on this machine")
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

	agent, err := starter.Register(ctx, starter.Config{
		EurekaServer: *eureka,
		AppName:      "your_app_name",
		InstanceHost: *host,
		InstancePort: listener.Addr().(*net.TCPAddr).Port,
		Log:          slog.Default(),
	})
	if err != nil {
		return err
	}
	defer agent.Close(context.Background())
	fmt.Println("listed as", agent.InstanceID())
	<-ctx.Done()
	return nil
}
