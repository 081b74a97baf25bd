// Command idle registers and discovers, with the intervals that are the default, and does nothing else. It prints the nanoseconds
// of CPU that it has used each time that a line comes in.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/archimedes-go/archimedes/starter"
)

func main() {
	agent, err := starter.Init(context.Background(), starter.Config{EurekaServer: os.Args[1], AppName: "bench", InstanceHost: "localhost", InstanceIP: "127.0.0.1"})
	if err != nil {
		panic(err)
	}
	defer func() { _ = agent.Close(context.Background()) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			panic(err)
		}
		fmt.Println(used.Utime.Nano() + used.Stime.Nano())
	}
}
