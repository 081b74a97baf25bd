// Package registry is the engine of a Eureka server: leases, statuses and what changed lately, without HTTP.
//
//	r := registry.New(registry.DefaultConfig())
//	go r.Run(ctx) // ends leases
//	r.Register(instance, false)
//	snapshot := r.Snapshot()
//
// Rules are Netflix's, but for leases, which last as long as their instance asked and not twice that. Instances that were
// given to a registry or come from one are shared: they must not be changed.
//
// A [Snapshot] costs what changed since the last one. Who shows a registry to people reads [Registry.Leases], [Registry.Events]
// and [Registry.Stats], and waits for [Registry.News].
//
// To begin with the registry of the last run:
//
//	err := r.Load("registry.json")
//	go r.Keep(ctx, registry.FileConfig{File: "registry.json", Interval: 5 * time.Second})
package registry
