package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// bound is a settings struct that was bound, for what its fields say of the keys that exist.
type bound struct {
	prefix string
	typ    reflect.Type
	again  func(*Config) error // binds it to another configuration, to see whether that can be used
}

func (c *Config) note(prefix string, t reflect.Type, again func(*Config) error) {
	if prefix == "" || t.Kind() != reflect.Struct {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.ContainsFunc(c.bound, func(b bound) bool { return b.prefix == prefix && b.typ == t }) {
		c.bound = append(c.bound, bound{prefix, t, again})
	}
}

// CheckUnknown adds a diagnostic for every key that nothing reads below the prefix of settings that were bound, and for every
// one that resembles a key that is read, such as server.prot; it names the nearest. Call it when all modules are bound. Keys
// elsewhere stay silent, as in Spring, and so do those of Spring that mean nothing to a Go program: a team keeps all in one file.
func (c *Config) CheckUnknown() {
	c.mu.Lock()
	all := slices.Clone(c.bound)
	k := known{written: maps.Clone(c.asked)}
	c.mu.Unlock()
	if k.written == nil {
		k.written = map[string]string{}
	}
	for _, b := range all {
		k.prefixes = append(k.prefixes, uniform(b.prefix))
		k.fields(b.prefix, b.typ, 0)
	}
	for _, s := range c.sources() {
		if s.variables != nil {
			continue // the environment holds what other programs need
		}
		for i, e := range s.entries {
			u := s.uniforms[i]
			if e.alias != "" || s.aliased(e.key) || k.reads(u) {
				continue
			}
			if meant := k.nearest(u); meant != "" {
				c.warn(fmt.Sprintf("nothing reads this setting; did you mean %s?", meant), e.key, e.origin)
			} else if prefix, below := k.below(u); below {
				c.warn("nothing reads this setting; the nearest that is read is "+k.nearestBelow(u, prefix), e.key, e.origin)
			}
		}
	}
}

// aliased reports whether a key has a newer name, which may be read.
func (s *Source) aliased(key string) bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool { return e.alias == key })
}

// known is what programs read.
type known struct {
	written  map[string]string // uniform → canonical
	open     []string          // prefixes below which any key may stand
	prefixes []string          // of settings that were bound
}

// reads reports whether a uniform key is read.
func (k *known) reads(u string) bool {
	if _, ok := k.written[u]; ok {
		return true
	}
	return slices.ContainsFunc(k.open, func(prefix string) bool { _, ok := below(u, prefix); return ok })
}

// below returns the longest prefix of bound settings that a key is below, unless Spring knows the key.
func (k *known) below(u string) (longest string, ok bool) {
	for _, prefix := range k.prefixes {
		if _, under := below(u, prefix); under && len(prefix) > len(longest) {
			longest = prefix
		}
	}
	if longest == "" {
		return "", false
	}
	for _, prefix := range springs {
		if _, under := below(u, prefix); (under || u == prefix) && len(prefix) >= len(longest) {
			return "", false
		}
	}
	return longest, true
}

// nearestBelow returns the key below a prefix that takes the fewest letters to change.
func (k *known) nearestBelow(u, prefix string) string {
	best, least := prefix, math.MaxInt
	for candidate, written := range k.written {
		if _, ok := below(candidate, prefix); !ok {
			continue
		}
		if d := distance(candidate, u, len(u)+len(candidate)); d < least || d == least && written < best {
			best, least = written, d
		}
	}
	return best
}

func (k *known) fields(prefix string, t reflect.Type, depth int) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if depth > 0 {
		k.written[uniform(prefix)] = prefix
	}
	switch {
	case scalar(t):
		return
	case t.Kind() == reflect.Struct && depth < 8:
		for i := range t.NumField() {
			if name, _, ok := fieldOf(t.Field(i)); ok {
				k.fields(join(prefix, name), t.Field(i).Type, depth+1)
			}
		}
	default:
		k.open = append(k.open, uniform(prefix))
	}
}

// nearest returns the known key that an unknown one was probably meant to be: one of as many elements that differs by a letter
// or two.
func (k *known) nearest(u string) string {
	best, least := "", 3
	for candidate, written := range k.written {
		if strings.Count(candidate, ".") != strings.Count(u, ".") || abs(len(candidate)-len(u)) >= least {
			continue
		}
		allowed := 1
		if len(lastElement(candidate)) > 4 {
			allowed = 2
		}
		if d := distance(candidate, u, allowed); d <= allowed && (d < least || d == least && written < best) {
			best, least = written, d
		}
	}
	return best
}

func lastElement(u string) string { return u[strings.LastIndexByte(u, '.')+1:] }

func abs(n int) int { return max(n, -n) }

// distance counts the letters to insert, drop, replace or swap to make a of b, up to limit and one more.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(last[j]+1, next[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}
