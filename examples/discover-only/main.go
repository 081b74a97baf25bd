// Command discover-only calls others by name and is not listed itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/archimedes-go/archimedes/starter"
)

// answer is what the other service sends.
type answer struct {
	Path string `json:"path"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	eureka := flag.String("eureka", "http://127.0.0.1:8761", "Eureka servers, separated by commas")
	flag.Parse()
	ctx := context.Background()
	agent, err := starter.Discover(ctx, starter.Config{EurekaServer: *eureka})
	if err != nil {
		return err
	}
	defer agent.Close(ctx)

	text, err := agent.DoService(ctx, "OTHER-SERVICE-NAME", "/service/context/path")
	if err != nil {
		return err
	}
	fmt.Println("result of other service:", text)

	decoded, err := starter.DoServiceJSON[answer](ctx, agent, "OTHER-SERVICE-NAME", "/service/context/path")
	if err != nil {
		return err
	}
	fmt.Println("its path:", decoded.Path)
	return nil
}
