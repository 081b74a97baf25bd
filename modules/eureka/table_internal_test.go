package eureka

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestACopyOfATableIsLikeACopyOfAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			table table[int]
			model map[string]*int
		}
		check := func(v version) {
			require.Equal(t, v.model, maps.Collect(v.table.all()))
			require.Len(t, v.table.names(), v.table.len())
			require.ElementsMatch(t, slices.Collect(maps.Keys(v.model)), v.table.names())
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				require.Same(t, v.model[name], v.table.get(name))
			}
		}
		now := version{model: map[string]*int{}}
		var earlier []version
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "name")
			switch rapid.SampledFrom([]string{"put", "put", "drop", "copy"}).Draw(t, "step") {
			case "put":
				v := new(int)
				now.table.put(name, v)
				now.model[name] = v
			case "drop":
				now.table.drop(name)
				delete(now.model, name)
			case "copy":
				earlier = append(earlier, now)
				now = version{table: now.table.copy(), model: maps.Clone(now.model)}
			}
			check(now)
		}
		for _, one := range earlier {
			check(one)
		}
	})
}
