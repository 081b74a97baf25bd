package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// resolver replaces placeholders by what all sources say. It remembers the values it is at, to find circles.
type resolver struct {
	c       *Config
	lenient bool // a placeholder that stands for nothing stays as it is
	stack   []step
	missing *missingPlaceholder              // the first one that stayed
	steps   int                              // placeholders of the value being resolved
	look    func(key string) (*entry, error) // finds what a placeholder names, while not all documents are known
}

// step is a value on the way to what is asked for.
type step struct {
	name  string // its uniform key
	entry *entry
}

func (c *Config) resolver() *resolver        { return &resolver{c: c} }
func (c *Config) lenientResolver() *resolver { return &resolver{c: c, lenient: true} }

// Property returns what Spring's Environment.getProperty does, placeholders resolved: a key in canonical form, such as
// server.max-threads, is found in every spelling; any other only as it is written, or as the variable that it would be.
// Everything else in this package compares keys relaxed; see [Config.Value].
func (c *Config) Property(key string) (string, bool, error) { return c.resolver().property(key) }

// value returns the resolved value of a key in any spelling.
func (r *resolver) value(key string) (string, bool, error) {
	u := uniform(key)
	return r.found(key, u, r.c.findUniform(u, legacyName(key)))
}

// property returns the resolved value of a key by Spring's rule for look-ups.
func (r *resolver) property(key string) (string, bool, error) {
	u, legacy, relaxed := uniform(key), legacyName(key), isName(key)
	if r.look != nil {
		e, err := r.look(key)
		if err != nil {
			return "", true, err
		}
		return r.found(key, u, e)
	}
	for _, s := range r.c.sources() {
		var e *entry
		if relaxed {
			e = s.find(u, legacy)
		}
		if e == nil {
			e = s.literal(key)
		}
		if e != nil && !e.kind.hidesNothing() && e.alias == "" {
			return r.found(key, u, e)
		}
	}
	return r.found(key, u, nil)
}

// found resolves an entry; without one, the key may be computed or random.
func (r *resolver) found(key, u string, e *entry) (string, bool, error) {
	if e == nil {
		if value, err, ok := r.c.compute(u); ok {
			return value, err == nil, err
		}
		if expression, ok := strings.CutPrefix(key, "random."); ok {
			value, err := randomValue(expression)
			return value, err == nil, err
		}
		return "", false, nil
	}
	value, err := r.entry(u, e)
	if err != nil {
		return "", true, err
	}
	return value, true, nil
}

// entry resolves the value of an entry under its uniform key.
func (r *resolver) entry(u string, e *entry) (string, error) {
	if e.kind == noEntries {
		if r.lenient {
			return "{}", nil
		}
		return "", &ValueError{Key: e.key, Value: "{}", Origin: e.origin, Set: true, Problem: noText}
	}
	if e.kind == literal || !strings.Contains(e.value, "${") {
		return e.value, nil
	}
	if at := slices.IndexFunc(r.stack, func(one step) bool { return one.entry == e }); at >= 0 {
		return "", circle(r.stack[at:], u, e)
	}
	if len(r.stack) == 0 {
		r.steps = 0
	}
	r.stack = append(r.stack, step{u, e})
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	value, err := r.text(e.value)
	if missing, ok := err.(*missingPlaceholder); ok { //nolint:errorlint // never wrapped
		return "", missing.fault(e)
	}
	return value, err
}

// noText is what is wrong with {} in JSON where a text is asked for.
const noText = "a single value is expected here, not a map"

func circle(steps []step, u string, e *entry) error {
	names := make([]string, 0, len(steps)+1)
	for _, one := range steps {
		names = append(names, one.name)
	}
	names = append(names, u)
	return &ValueError{
		Key: e.key, Value: e.value, Origin: e.origin, Set: true,
		Problem: "its placeholders refer to each other in a circle: " + strings.Join(names, " → "),
		advice:  "Break the circle.",
	}
}

// missingPlaceholder is a name that no source has.
type missingPlaceholder struct{ name string }

// Error says it in Spring's words.
func (e *missingPlaceholder) Error() string { return "could not resolve placeholder '" + e.name + "'" }

// fault is the failure of a value that needs the name.
func (e *missingPlaceholder) fault(in *entry) *ValueError {
	return &ValueError{
		Key: in.key, Value: in.value, Origin: in.origin, Set: true,
		Problem: fmt.Sprintf("the placeholder ${%s} stands for nothing: no source has the key %q", e.name, e.name),
		advice:  fmt.Sprintf("Set %s, give a default as in ${%s:default}, or correct the name in %s.", e.name, e.name, place(in.origin)),
	}
}

// What one value may unfold to: each of a chain may name the next one twice.
const (
	maxResolved = 1 << 20
	maxSteps    = 10_000
	maxDepth    = 100
)

// text replaces each ${name} and ${name:default} in s; \${ stands for itself, and so does ${ without its brace.
func (r *resolver) text(s string) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	at := 0
	for {
		start := strings.Index(s[at:], "${")
		if start < 0 {
			b.WriteString(s[at:])
			return b.String(), nil
		}
		start += at
		end := closing(s, start+2)
		if end < 0 {
			b.WriteString(s[at : start+2])
			at = start + 2
			continue
		}
		if start > at && s[start-1] == '\\' {
			b.WriteString(s[at:start-1] + "${")
			at = start + 2
			continue
		}
		b.WriteString(s[at:start])
		value, err := r.placeholder(s[start+2 : end])
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		if b.Len() > maxResolved {
			return "", fmt.Errorf("its placeholders unfold to more than %d bytes", maxResolved)
		}
		at = end + 1
	}
}

// closing returns where the brace that was opened before from is closed, or -1. Braces inside count, with or without a dollar.
func closing(s string, from int) int {
	depth := 1
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// placeholder resolves what stands between the braces. A key may hold a colon: the whole is looked for before its first part.
func (r *resolver) placeholder(inner string) (string, error) {
	if r.steps++; r.steps > maxSteps || len(r.stack) > maxDepth {
		return "", errors.New("its placeholders refer to too many others")
	}
	name, byDefault, hasDefault := cutDefault(inner)
	name, err := r.text(name)
	if err != nil {
		return "", err
	}
	if name != inner && !strings.Contains(inner, "${") {
		if value, set, err := r.property(inner); err != nil || set {
			return value, err
		}
	}
	value, set, err := r.property(name)
	switch {
	case err != nil:
		return "", err
	case set:
		return value, nil
	case hasDefault:
		return r.text(byDefault)
	case r.lenient:
		if r.missing == nil {
			r.missing = &missingPlaceholder{name}
		}
		if !strings.Contains(inner, "${") {
			name = inner
		}
		return "${" + name + "}", nil
	}
	return "", &missingPlaceholder{name}
}

// cutDefault splits at the first colon that is not inside a nested placeholder or escaped by a backslash.
func cutDefault(inner string) (name, byDefault string, ok bool) {
	for i := 0; i < len(inner); i++ {
		switch {
		case strings.HasPrefix(inner[i:], "${"):
			end := closing(inner, i+2)
			if end < 0 {
				continue
			}
			i = end
		case inner[i] == ':' && i > 0 && inner[i-1] == '\\':
			inner = inner[:i-1] + inner[i:]
			i--
		case inner[i] == ':':
			return inner[:i], inner[i+1:], true
		}
	}
	return inner, "", false
}
