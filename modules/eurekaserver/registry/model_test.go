package registry_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// seen is a registry as a client has it: what each instance says of itself.
type seen map[string]string

func describe(i *wire.Instance) string { return fmt.Sprint(i.Status, i.OverriddenStatus, i.LastDirty) }

func whole(s *registry.Snapshot) seen {
	all := seen{}
	for _, app := range s.All {
		for _, i := range app.Instances {
			all[app.Name+"/"+i.ID()] = describe(i)
		}
	}
	return all
}

func (c seen) apply(s *registry.Snapshot) {
	for _, app := range s.Delta {
		for _, i := range app.Instances {
			if i.Action == wire.Deleted {
				delete(c, app.Name+"/"+i.ID())
			} else {
				c[app.Name+"/"+i.ID()] = describe(i)
			}
		}
	}
}

func TestAClientThatAppliesDeltasHasWhatAFullFetchHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1_700_000_000_000)
		r := registry.New(registry.DefaultConfig(), registry.WithClock(func() time.Time { return now }))
		client, dirty := whole(r.Snapshot()), int64(1)
		app, id := rapid.SampledFrom([]string{"A", "B", "C"}), rapid.SampledFrom([]string{"1", "2", "3"})
		status := rapid.SampledFrom([]discovery.Status{discovery.Up, discovery.Down, discovery.Starting, discovery.OutOfService})
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				a := app.Draw(t, "app")
				i := instance(a, a+id.Draw(t, "id")) // ids of their own: overrides go by id alone
				dirty++
				i.Status, i.LastDirty = status.Draw(t, "status"), dirty
				if err := r.Register(i, false); err != nil {
					t.Fatal(err)
				}
			},
			"cancel": func(t *rapid.T) { a := app.Draw(t, "app"); _ = r.Cancel(a, a+id.Draw(t, "id")) },
			"override": func(t *rapid.T) {
				a := app.Draw(t, "app")
				_ = r.Override(a, a+id.Draw(t, "id"), status.Draw(t, "status"), 0)
			},
			"remove override": func(t *rapid.T) {
				a := app.Draw(t, "app")
				_ = r.RemoveOverride(a, a+id.Draw(t, "id"), status.Draw(t, "status"), 0)
			},
			"pass": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 29).Draw(t, "seconds")) * time.Second)
				client.apply(r.Snapshot()) // at least every half minute, as clients do
			},
			"expire": func(*rapid.T) { r.Evict(0) },
			"": func(t *rapid.T) {
				s := r.Snapshot()
				client.apply(s)
				all := whole(s)
				if fmt.Sprint(client) != fmt.Sprint(all) {
					t.Fatalf("by deltas %v, in full %v", client, all)
				}
				var counts wire.StatusCounts
				size := 0
				for _, app := range s.All {
					for _, i := range app.Instances {
						counts[i.Status]++
						size++
					}
				}
				if s.Hash != wire.Hash(counts) || r.Size() != size {
					t.Fatalf("hash %s of %v, size %d", s.Hash, counts, r.Size())
				}
			},
		})
	})
}
