// Command high-availability calls a service of several nodes, some of which are dead, with each of the strategies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/starter"
)

func main() {
	eureka := flag.String("eureka", "http://127.0.0.1:8761", "Eureka servers, separated by commas")
	flag.Parse()
	ctx := context.Background()
	for _, strategy := range []string{"random", "stick", "other"} {
		if err := call(ctx, *eureka, strategy); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func call(ctx context.Context, eureka, strategy string) error {
	agent, err := starter.Discover(ctx, starter.Config{EurekaServer: eureka, Strategy: strategy})
	if err != nil {
		return err
	}
	defer agent.Close(ctx)
	for range 6 {
		// Every node that is UP is tried until one answers.
		answer, err := agent.DoService(ctx, "OTHER-SERVICE-NAME", "/service/context/path")
		if err != nil {
			return err
		}
		fmt.Println(strategy, answer)
	}
	// A function of your own is called for one node after the other until it succeeds.
	url, err := starter.WalkNodes(ctx, agent, "OTHER-SERVICE-NAME", "/service/context/path", func(_ context.Context, url string) (string, error) { return url, nil })
	fmt.Println(strategy, "walked to", url, err)
	// When none answers, the error names each of them.
	_, err = agent.DoService(ctx, "DEAD-SERVICE", "/")
	var failed *invoker.CallError
	if errors.As(err, &failed) {
		fmt.Println(strategy, "attempts in vain:", len(failed.Attempts))
	}
	return nil
}
