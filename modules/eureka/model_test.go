package eureka_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

// view is what callers see of a registry: service → id → what matters of the instance.
func serverView(e *estate) map[string]string {
	view := map[string]string{}
	for _, name := range []string{"A", "B", "C"} {
		app := e.registry.Application(name)
		if app == nil {
			continue
		}
		for _, i := range app.Instances {
			for _, name := range append([]string{app.Name}, strings.Split(i.VIPAddress, ",")...) {
				view[strings.ToLower(name)+"/"+i.InstanceID] = fmt.Sprint(i.Status, " ", i.Port.Number, " ", i.Metadata.Get("generation"))
			}
		}
	}
	return view
}

func replicaView(r *eureka.Replica) map[string]string {
	view := map[string]string{}
	for _, service := range r.Services() {
		for _, i := range r.Peek(service).All {
			doubtful := map[bool]string{true: " doubtful"}[i.Doubtful]
			view[service+"/"+i.ID] = fmt.Sprint(i.Status, " ", i.Address[strings.LastIndexByte(i.Address, ':')+1:], " ", i.Metadata.Get("generation"), doubtful)
		}
	}
	return view
}

// TestTheReplicaEqualsTheRegistryAfterEverySync plays random operations on a server: a thousand, or with ARCHIMEDES_FULL a million.
func TestTheReplicaEqualsTheRegistryAfterEverySync(t *testing.T) {
	checks, steps := "10", "100"
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		checks, steps = "1000", "1000"
	}
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.steps": steps} {
		was := flag.Lookup(name).Value.String()
		require.NoError(t, flag.Set(name, value))
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		e := newEstate()
		cfg := eureka.DefaultClientConfig()
		cfg.DisableDelta = rapid.Bool().Draw(rt, "disable delta")
		client, err := eureka.NewClient(cfg, eureka.WithTransport(e))
		require.NoError(rt, err)
		r := eureka.NewReplica(client, cfg)
		stop := background(r.Run)
		defer stop()
		require.NoError(rt, r.Await(context.Background()))
		defer consistentReaders(rt, r)()

		generation, restarts := 0, 0
		app := rapid.SampledFrom([]string{"A", "B", "C"})
		id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
		statuses := rapid.SampledFrom([]discovery.Status{discovery.Up, discovery.Down, discovery.Starting, discovery.OutOfService})
		register := func(app, id string, status discovery.Status, port int) {
			i := self(discovery.Address{Port: port})
			i.App, i.InstanceID, i.Status, i.VIPAddress = app, id, status, strings.ToLower(app)+",shared"
			i.Lease.Duration, i.Metadata = 36000, discovery.NewMetadata(map[string]string{"generation": strconv.Itoa(generation)})
			i.LastDirty = int64(generation + 1)
			require.NoError(rt, e.registry.Register(i, false))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"register": func(rt *rapid.T) { // the whole application, so that it is of one generation
				generation++
				a := app.Draw(rt, "app")
				known := []string{a + id.Draw(rt, "id")}
				if listed := e.registry.Application(a); listed != nil {
					for _, i := range listed.Instances {
						known = append(known, i.InstanceID)
					}
				}
				for _, one := range known {
					register(a, one, statuses.Draw(rt, "status"), rapid.IntRange(1, 9).Draw(rt, "port"))
				}
			},
			"cancel": func(rt *rapid.T) { a := app.Draw(rt, "app"); _ = e.registry.Cancel(a, a+id.Draw(rt, "id")) },
			"override": func(rt *rapid.T) {
				a := app.Draw(rt, "app")
				_ = e.registry.Override(a, a+id.Draw(rt, "id"), statuses.Draw(rt, "status"), 0)
			},
			"remove override": func(rt *rapid.T) {
				a := app.Draw(rt, "app")
				_ = e.registry.RemoveOverride(a, a+id.Draw(rt, "id"), discovery.Unknown, 0)
			},
			"restart": func(rt *rapid.T) {
				if restarts++; restarts > 1 { // each takes two full fetches, and those are limited
					rt.Skip()
				}
				e.registry.Clear()
			},
			"sync": func(rt *rapid.T) {
				require.NoError(rt, r.Refresh(context.Background()))
				if fmt.Sprint(serverView(e)) != fmt.Sprint(replicaView(r)) {
					require.NoError(rt, r.Refresh(context.Background()), "what was absent is believed when it is repeated")
				}
				require.Equal(rt, serverView(e), replicaView(r))
			},
		})
	})
}

// consistentReaders reads all the time; an application must never be of two generations.
func consistentReaders(t *rapid.T, r *eureka.Replica) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var mixed string
	all.Go(func() {
		for ctx.Err() == nil {
			for _, service := range []string{"a", "b", "c"} {
				set := r.Peek(service)
				if set == nil {
					continue
				}
				generation := ""
				for _, i := range set.All {
					if g := i.Metadata.Get("generation"); generation == "" {
						generation = g
					} else if g != generation && !i.Doubtful && !set.All[0].Doubtful {
						mixed = fmt.Sprint(service, ": ", generation, " and ", g)
					}
				}
			}
		}
	})
	return func() {
		cancel()
		all.Wait()
		if mixed != "" {
			t.Fatalf("a reader saw two generations: %s", mixed)
		}
	}
}
