// Command resilience calls a service by name, a thousand times a second, while its instances are killed, stopped, slow or sick, and
// tells which calls failed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	var load load
	serve := flag.Bool("serve", false, "be an instance; commands come on stdin")
	asJSON := flag.Bool("json", false, "print each report as a line of JSON")
	flag.IntVar(&load.rate, "rate", 1000, "calls a second")
	flag.DurationVar(&load.lasts, "for", 10*time.Second, "how long each scenario lasts")
	flag.Parse()
	if *serve {
		serveInstance(os.Stdin, os.Stdout)
		return
	}
	for _, s := range scenarios {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), s.name) {
			continue
		}
		report, err := s.run(load)
		if err != nil {
			fmt.Fprintln(os.Stderr, s.name+":", err)
			os.Exit(1)
		}
		if *asJSON {
			_ = json.NewEncoder(os.Stdout).Encode(report)
		} else {
			fmt.Println(report)
		}
	}
}
