package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"

	"github.com/hudl/fargo"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// retainedRows: what a replica of 10,000 instances keeps in memory.
func retainedRows() []row {
	data := registry10000()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data)
	}))
	return []row{{
		what: "retained by the replica, for each of 10,000 instances", ours: "eureka.Replica", beside: "fargo v1.4.0", bytes: true, most: 614,
		measure: func() (time.Duration, time.Duration) {
			return retained(func() any {
					cfg := eureka.DefaultClientConfig()
					cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL + "/")}
					client := must(eureka.NewClient(cfg))
					replica := eureka.NewReplica(client, cfg)
					ctx, cancel := context.WithCancel(context.Background())
					ended := make(chan struct{})
					go func() { defer close(ended); _ = replica.Run(ctx) }()
					if err := replica.Await(ctx); err != nil {
						panic(err)
					}
					cancel()
					<-ended
					client.CloseIdleConnections()
					return replica
				}), retained(func() any {
					var document fargo.GetAppsResponseJson
					if err := json.Unmarshal(data, &document); err != nil {
						panic(err)
					}
					return &document
				})
		},
	}}
}

// retained returns the bytes that stay allocated for each instance of what make makes.
func retained(make func() any) time.Duration {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return time.Duration(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / 10_000
}
