package eureka

import (
	"iter"
	"maps"
	"slices"
)

// table is a map whose copies share the names: a registry changes mostly in what is there already, and a row of values is copied in a
// fraction of the time that a map takes. The zero value is empty. A copy may be changed; what it was made of may not be any more.
type table[V any] struct {
	places map[string]int // of the values; shared with what this is a copy of, unless own
	values []*V           // nil for a name that was dropped
	gone   int            // names that were dropped
	own    bool
}

func newTable[V any](room int) table[V] {
	return table[V]{places: make(map[string]int, room), values: make([]*V, 0, room), own: true}
}

func (t table[V]) copy() table[V] {
	return table[V]{places: t.places, values: slices.Clone(t.values), gone: t.gone}
}

func (t table[V]) len() int { return len(t.places) - t.gone }

// get returns nil for a name that is not there.
func (t table[V]) get(name string) *V {
	if at, ok := t.places[name]; ok {
		return t.values[at]
	}
	return nil
}

// all returns what is there, in no order.
func (t table[V]) all() iter.Seq2[string, *V] {
	return func(yield func(string, *V) bool) {
		for name, at := range t.places {
			if v := t.values[at]; v != nil && !yield(name, v) {
				return
			}
		}
	}
}

// names returns the names that are there, sorted.
func (t table[V]) names() []string {
	names := make([]string, 0, t.len())
	for name := range t.all() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t *table[V]) put(name string, v *V) {
	if at, ok := t.places[name]; ok {
		if t.values[at] == nil {
			t.gone--
		}
		t.values[at] = v
		return
	}
	if !t.own {
		t.own, t.places = true, maps.Clone(t.places)
	}
	if t.places == nil {
		t.places = map[string]int{}
	}
	t.places[name] = len(t.values)
	t.values = append(t.values, v)
}

// drop keeps the place of a name, which may come back, until half of the places are such.
func (t *table[V]) drop(name string) {
	at, ok := t.places[name]
	if !ok || t.values[at] == nil {
		return
	}
	t.values[at] = nil
	if t.gone++; 2*t.gone > len(t.values) {
		left := newTable[V](t.len())
		for name, v := range t.all() {
			left.put(name, v)
		}
		*t = left
	}
}
