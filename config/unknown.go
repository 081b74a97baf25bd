package config

import (
	"fmt"
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

// CheckUnknown adds a diagnostic for every key that nothing reads but that resembles one that is read, such as server.prot.
// Call it when all modules are bound. Keys that resemble nothing stay silent, as in Spring: a team's own settings, and the
// many of Spring's that mean nothing to a Go program, live in the same file.
func (c *Config) CheckUnknown() {
	c.mu.Lock()
	all := append([]bound{}, c.bound...)
	c.mu.Unlock()
	known := map[string]string{} // uniform → canonical
	var open []string            // prefixes below which any key may stand
	for _, b := range all {
		fieldsOf(b.prefix, b.typ, known, &open, 0)
	}
	for _, s := range c.sources() {
		if s.variables != nil {
			continue // the environment holds what other programs need
		}
		for i, e := range s.entries {
			if e.alias != "" {
				continue
			}
			if meant := nearest(s.uniforms[i], known, open); meant != "" {
				c.warn(fmt.Sprintf("nothing reads this setting; did you mean %s?", meant), e.key, e.origin)
			}
		}
	}
}

func fieldsOf(prefix string, t reflect.Type, known map[string]string, open *[]string, depth int) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	known[uniform(prefix)] = prefix
	switch {
	case scalar(t):
		return
	case t.Kind() == reflect.Struct && depth < 8:
		for i := range t.NumField() {
			if name, _, ok := fieldOf(t.Field(i)); ok {
				fieldsOf(join(prefix, name), t.Field(i).Type, known, open, depth+1)
			}
		}
	default:
		*open = append(*open, uniform(prefix))
	}
}

// nearest returns the known key that an unknown one was probably meant to be: one of the same parents, or of the same last
// element, that differs by a letter or two.
func nearest(u string, known map[string]string, open []string) string {
	if _, ok := known[u]; ok {
		return ""
	}
	for _, prefix := range open {
		if _, ok := below(u, prefix); ok {
			return ""
		}
	}
	best, least := "", 3
	for candidate, written := range known {
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
