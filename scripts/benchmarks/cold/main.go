// Command cold prints how many nanoseconds the first decode of a document takes in a process.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	began := time.Now()
	all, err := eureka.DecodeApplications(data)
	took := time.Since(began)
	if err != nil {
		panic(err)
	}
	fmt.Println(took.Nanoseconds(), took.Nanoseconds(), len(all.Applications))
}
