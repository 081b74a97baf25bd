// Package traces keeps the latest spans that programs of a developer's machine send, in bounded memory, and makes of them what people
// look at: who calls whom, and how a request went through its services.
//
//	store := traces.New(10_000)
//	http.Handle("/v1/traces", traces.NewHandler(store)) // OTLP over HTTP, from this machine only
//	for _, edge := range traces.Calls(store.Traces(), time.Now()).Edges {
//		fmt.Println(edge.Caller, "calls", edge.Callee, edge.Calls, "times")
//	}
//
// Spans hold what anybody may have written: of their attributes a few known ones are kept, all text is bounded, and URLs lose their
// credentials and queries on the way in.
package traces
