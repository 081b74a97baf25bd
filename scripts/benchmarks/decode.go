package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

// registry10000 is a registry of 10,000 instances in 200 applications, each with six entries of metadata.
func registry10000() []byte {
	return must(io.ReadAll(must(gzip.NewReader(must(os.Open("testdata/registry-10000.json.gz"))))))
}

// decodeRows: reading a registry of 10,000 instances beside only checking that it is JSON.
func decodeRows() []row {
	data := registry10000()
	return []row{{
		what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "json.Valid", budget: 0.4,
		measure: func() (time.Duration, time.Duration) {
			return each(func() { must(eureka.DecodeApplications(data)) }), each(func() {
				if !json.Valid(data) {
					panic("not JSON")
				}
			})
		},
		note: func() string {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			must(eureka.DecodeApplications(data))
			runtime.ReadMemStats(&after)
			return fmt.Sprintf("%d allocations", after.Mallocs-before.Mallocs)
		},
	}}
}
