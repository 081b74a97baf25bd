// Command cold prints how many nanoseconds the first decode of a registry takes in a fresh process.
package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

func main() {
	file, err := os.Open(os.Args[1])
	check(err)
	unpacked, err := gzip.NewReader(file)
	check(err)
	data, err := io.ReadAll(unpacked)
	check(err)
	began := time.Now()
	_, err = eureka.DecodeApplications(data)
	took := time.Since(began)
	check(err)
	fmt.Println(took.Nanoseconds())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
