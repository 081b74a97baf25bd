package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list binds the highest source that has the key: a list, or a comma-separated text. Its elements come from that source alone.
func (b *binder) list(key string, v reflect.Value, unit time.Duration) bool {
	u := uniform(key)
	for _, s := range b.sources {
		if e := s.find(u, legacyUniform(key)); e != nil && e.kind != emptyMap {
			b.commaList(key, u, e, v, unit)
			return true
		}
		n := s.lists[u]
		if n == 0 {
			continue
		}
		all, whole := b.sources, b.whole
		b.sources, b.whole = []*Source{s}, false
		b.indexedList(key, u, n, v, unit)
		b.sources, b.whole = all, whole
		return true
	}
	return false
}

func (b *binder) indexedList(key, u string, n int, v reflect.Value, unit time.Duration) {
	source := b.sources[0]
	list := reflect.MakeSlice(v.Type(), 0, min(n, len(source.entries)))
	for i := range n {
		one := reflect.New(v.Type().Elem()).Elem()
		if !b.value(indexed(key, i), one, unit) {
			last := source.first(u + "." + strconv.Itoa(n-1))
			b.faults = append(b.faults, &ValueError{
				Key: indexed(key, n-1), Value: last.value, Origin: last.origin, Set: true,
				Problem: fmt.Sprintf("the list has a gap: %s has no value", indexed(key, i)),
			})
			return
		}
		list = reflect.Append(list, one)
	}
	v.Set(list)
}

func (b *binder) commaList(key, u string, e *entry, v reflect.Value, unit time.Duration) {
	b.resolver.missing = nil
	text, err := b.resolver.entry(u, e)
	if err != nil {
		b.resolved(key, err)
		return
	}
	parts := splitList(text)
	if len(parts) == 1 && parts[0] != text || len(parts) > 1 {
		from := *e
		from.kind = 0
		e = &from
	}
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	element := v.Type().Elem()
	if element.Kind() == reflect.Pointer {
		element = element.Elem()
	}
	if len(parts) > 0 && !scalar(element) {
		b.fault(key, "a list is expected here, not a single value")
		return
	}
	before := len(b.faults)
	for i, part := range parts {
		one := reflect.New(element).Elem()
		set := b.converted(key, part, one, unit, e)
		switch {
		case len(b.faults) > before:
			return
		case element == v.Type().Elem():
			list.Index(i).Set(one)
		case set: // else nil stands for a number that is not there
			list.Index(i).Set(one.Addr())
		}
	}
	v.Set(list)
}

// mapping binds the keys that any source has below key.
func (b *binder) mapping(key string, v reflect.Value, unit time.Duration) bool {
	members := b.members(key, v.Type().Elem())
	if len(members) == 0 {
		e := b.find(key)
		if e != nil && e.kind == noEntries {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			return true
		}
		if e != nil {
			b.fault(key, "a map is expected here, not a single value; write {} for one without entries")
			return true
		}
		return false
	}
	m := reflect.MakeMapWithSize(v.Type(), v.Len()+len(members))
	for _, existing := range v.MapKeys() {
		m.SetMapIndex(existing, v.MapIndex(existing))
	}
	for _, member := range members {
		index := reflect.ValueOf(member.name).Convert(v.Type().Key())
		one := reflect.New(v.Type().Elem()).Elem()
		if known := v.MapIndex(index); known.IsValid() && !member.nested {
			one.Set(known)
		}
		found := false
		if b.level++; b.level > maxLevel {
			b.level--
			continue
		}
		switch path := member.path; {
		case member.nested:
			tree := reflect.New(treeType).Elem()
			if found = b.mapping(path, tree, unit); found {
				one.Set(tree)
			}
		case one.Kind() == reflect.Interface:
			found = b.plain(path, one)
		default:
			found = b.value(path, one, unit)
		}
		b.level--
		if found {
			m.SetMapIndex(index, one)
		}
	}
	v.Set(m)
	return true
}

var treeType = reflect.TypeFor[map[string]any]()

// member is a key of a map.
type member struct {
	name   string // in the map
	path   string // the whole key, as the source spells it: only so a variable of the old form finds it
	nested bool   // of a map of anything: another map
}

// members returns the keys of a map, highest source first. For plain values the whole rest of a key is one; for lists what
// stands before an index; else it ends at the next dot.
func (b *binder) members(key string, values reflect.Type) []member {
	u := uniform(key)
	depth := elementsOf(u)
	var all []member
	seen := map[string]bool{}
	for _, s := range b.sources {
		for i := range s.entries {
			e := &s.entries[i]
			if _, ok := below(s.uniforms[i], u); !ok || e.kind == emptyMap {
				continue
			}
			elements := split(e.key)
			if len(elements) <= depth {
				continue
			}
			above, elements := elements[:depth], elements[depth:]
			nested := false
			switch {
			case len(elements) == 1:
			case values.Kind() == reflect.Interface:
				elements, nested = elements[:1], true
			case values.Kind() == reflect.Slice:
				for at := 1; at < len(elements); at++ {
					if bracketed := elements[at][0] == '['; (bracketed || s.variables != nil) && isIndex(mapKey(elements[at])) {
						elements = elements[:at]
						break
					}
				}
			case !scalar(values):
				elements = elements[:1]
			}
			names := make([]string, len(elements))
			for at, element := range elements {
				names[at] = mapKey(element)
			}
			name := strings.Join(names, ".")
			if name != "" && !seen[name] {
				seen[name] = true
				path := ""
				for _, element := range append(above, elements...) {
					path = join(path, element)
				}
				all = append(all, member{name, path, nested})
			}
		}
	}
	return all
}

// any binds what is there: a text, a number, a boolean, or a tree of maps. The elements of a list are "0", "1" and so on, as
// in a Map<String, Object> of Spring.
func (b *binder) any(key string, v reflect.Value) bool {
	if b.plain(key, v) {
		return true
	}
	tree := reflect.New(treeType).Elem()
	if b.mapping(key, tree, time.Millisecond) {
		v.Set(tree)
		return true
	}
	return false
}

// plain binds a single value of any kind.
func (b *binder) plain(key string, v reflect.Value) bool {
	u := uniform(key)
	if e := findIn(b.sources, u, legacyUniform(key)); e != nil {
		text, err := b.resolver.entry(u, e)
		if err != nil {
			b.resolved(key, err)
			return true
		}
		v.Set(reflect.ValueOf(typed(text, e.kind)))
		return true
	}
	return false
}

// typed makes a number or a boolean again of what was one in YAML or JSON.
func typed(text string, k kind) any {
	switch k {
	case noElements:
		return []any{}
	case noEntries:
		return map[string]any{}
	case boolean:
		return text == "true"
	case number:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		if !strings.ContainsAny(text, ".EIN") {
			return json.Number(text)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}

// first returns the first entry at or below a uniform key.
func (s *Source) first(u string) *entry {
	i := slices.IndexFunc(s.uniforms, func(name string) bool {
		_, ok := below(name, u)
		return ok || name == u
	})
	if i < 0 {
		return nil
	}
	return &s.entries[i]
}
