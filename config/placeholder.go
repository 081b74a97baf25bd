package config

import (
	"fmt"
	"slices"
	"strings"
)

// resolver replaces placeholders by what all sources say. It remembers the keys it is at, to find circles.
type resolver struct {
	c     *Config
	stack []string
}

func (c *Config) resolver() *resolver { return &resolver{c: c} }

// value returns the resolved value of a key.
func (r *resolver) value(key string) (string, bool, error) {
	u := uniform(key)
	e := r.c.findUniform(u, legacyUniform(key))
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
	if e.kind == literal || !strings.Contains(e.value, "${") {
		return e.value, nil
	}
	if slices.Contains(r.stack, u) {
		return "", r.circle(u, e)
	}
	r.stack = append(r.stack, u)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	value, err := r.text(e.value)
	if missing, ok := err.(*missingPlaceholder); ok { //nolint:errorlint // never wrapped
		return "", &ValueError{
			Key: e.key, Value: e.value, Origin: e.origin, Set: true,
			Problem: fmt.Sprintf("the placeholder ${%s} stands for nothing: no source has the key %q", missing.name, missing.name),
			advice:  fmt.Sprintf("Set %s, give a default as in ${%s:default}, or correct the name in %s.", missing.name, missing.name, place(e.origin)),
		}
	}
	return value, err
}

func (r *resolver) circle(u string, e *entry) error {
	names := append(slices.Clone(r.stack[slices.Index(r.stack, u):]), u)
	return &ValueError{
		Key: e.key, Value: e.value, Origin: e.origin, Set: true,
		Problem: "its placeholders refer to each other in a circle: " + strings.Join(names, " → "),
		advice:  "Break the circle.",
	}
}

// missingPlaceholder is a name that no source has.
type missingPlaceholder struct{ name string }

func (e *missingPlaceholder) Error() string { return "could not resolve placeholder '" + e.name + "'" }

// text replaces each ${name} and ${name:default} in s; \${ stands for itself.
func (r *resolver) text(s string) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		start := strings.Index(s, "${")
		if start < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if start > 0 && s[start-1] == '\\' {
			b.WriteString(s[:start-1] + "${")
			s = s[start+2:]
			continue
		}
		end := closing(s, start+2)
		if end < 0 {
			b.WriteString(s) // an unclosed one is text
			return b.String(), nil
		}
		b.WriteString(s[:start])
		value, err := r.placeholder(s[start+2 : end])
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		s = s[end+1:]
	}
}

// closing returns where the brace that was opened before from is closed, or -1.
func closing(s string, from int) int {
	depth := 1
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '{' && s[i-1] == '$':
			depth++
		case s[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// placeholder resolves what stands between the braces.
func (r *resolver) placeholder(inner string) (string, error) {
	if len(r.stack) > 100 {
		return "", &missingPlaceholder{inner}
	}
	name, byDefault, hasDefault := cutDefault(inner)
	name, err := r.text(name)
	if err != nil {
		return "", err
	}
	value, set, err := r.value(name)
	switch {
	case err != nil:
		return "", err
	case set:
		return value, nil
	case hasDefault:
		return r.text(byDefault)
	}
	return "", &missingPlaceholder{name}
}

// cutDefault splits at the first colon that is not inside a nested placeholder.
func cutDefault(inner string) (name, byDefault string, ok bool) {
	for i := 0; i < len(inner); i++ {
		switch {
		case strings.HasPrefix(inner[i:], "${"):
			end := closing(inner, i+2)
			if end < 0 {
				return inner, "", false
			}
			i = end
		case inner[i] == ':':
			return inner[:i], inner[i+1:], true
		}
	}
	return inner, "", false
}
