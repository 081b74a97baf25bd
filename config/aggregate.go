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
		if e := s.find(u, legacyName(key)); e != nil && !e.kind.hidesNothing() {
			b.commaList(key, u, e, v, unit)
			return true
		}
		known, any := s.lists[u]
		if !any {
			continue
		}
		all, whole := b.sources, b.whole
		b.sources, b.whole = []*Source{s}, false
		found := b.indexedList(key, known, v, unit)
		b.sources, b.whole = all, whole
		if found {
			return true
		}
	}
	return false
}

func (b *binder) indexedList(key string, known list, v reflect.Value, unit time.Duration) bool {
	source := b.sources[0]
	all := reflect.MakeSlice(v.Type(), 0, min(known.length, len(source.entries)))
	for {
		one := reflect.New(v.Type().Elem()).Elem()
		if !b.value(indexed(key, all.Len()), one, unit) {
			break
		}
		all = reflect.Append(all, one)
	}
	switch n := all.Len(); {
	case known.odd > 0:
		e := &source.entries[known.odd-1]
		b.faults = append(b.faults, &ValueError{Key: e.key, Value: e.value, Origin: e.origin, Set: true, Problem: "a list has numbers in its brackets only: " + indexed(key, 0)})
		return true
	case n < known.length:
		last := source.first(uniform(indexed(key, known.length-1)))
		b.faults = append(b.faults, &ValueError{
			Key: indexed(key, known.length-1), Value: last.value, Origin: last.origin, Set: true,
			Problem: fmt.Sprintf("the list has a gap: %s has no value", indexed(key, n)),
		})
		return true
	case n == 0:
		return false
	}
	v.Set(all)
	return true
}

func (b *binder) commaList(key, u string, e *entry, v reflect.Value, unit time.Duration) {
	if e.kind == noEntries {
		if v.Type().Elem().Kind() != reflect.Map {
			b.fault(key, "a list is expected here, not a map")
			return
		}
		v.Set(reflect.Append(reflect.MakeSlice(v.Type(), 0, 1), reflect.MakeMap(v.Type().Elem())))
		return
	}
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
	if (len(parts) > 0 || e.value != "") && !scalar(element) {
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
		if e != nil && e.kind != noElements {
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
	if m.Len() == 0 {
		return false
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
	depth := len(elements(key, nil))
	var all []member
	seen := map[string]bool{}
	for _, s := range b.sources {
		for i := range s.entries {
			e := &s.entries[i]
			if _, ok := below(s.uniforms[i], u); !ok || e.kind.hidesNothing() {
				continue
			}
			var few [12]element
			parts := elements(e.key, few[:0])
			if len(parts) <= depth {
				continue
			}
			end, nested := len(parts), false
			switch {
			case end == depth+1:
			case e.kind == noEntries && scalar(values): // which is no text
				end = depth + 1
			case values.Kind() == reflect.Interface:
				end, nested = depth+1, true
			case values.Kind() == reflect.Slice:
				if at := slices.IndexFunc(parts[depth+1:], func(part element) bool { return part.form == index }); at >= 0 {
					end = depth + 1 + at
				}
			case !scalar(values):
				end = depth + 1
			}
			name := ""
			for _, part := range parts[depth:end] {
				if name != "" {
					name += "."
				}
				if text := part.text(e.key); part.form >= index {
					name += text
				} else {
					name += mapKey(text)
				}
			}
			if name == "" || seen[name] {
				continue
			}
			seen[name] = true
			path := e.key
			if end < len(parts) {
				path = parts[end-1].until(e.key)
			}
			all = append(all, member{name, path, nested})
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
	if e := findIn(b.sources, u, legacyName(key)); e != nil {
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
