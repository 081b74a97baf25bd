package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/archimedes-go/archimedes/config"
)

// effective returns the value of a key as a kind; nil when there is none.
func effective(c *config.Config, key, kind string) (any, error) {
	if kind == "" {
		value, set, err := c.Property(key)
		if err != nil || !set {
			return nil, err
		}
		return value, nil
	}
	if !canonical(key) {
		return nil, &config.ValueError{Key: key, Problem: "a settings struct binds names in kebab form only, such as " + kebab(key)}
	}
	if names, ok := strings.CutPrefix(kind, "enum:"); ok {
		return constant(c, key, strings.Split(names, ","))
	}
	switch kind {
	case "string":
		return pointed[string](c, key)
	case "int":
		return full[int32](c, key)
	case "long":
		return full[int64](c, key)
	case "double":
		value, err := full[float64](c, key)
		return printable(value), err
	case "bool":
		return full[bool](c, key)
	case "duration":
		return full[time.Duration](c, key)
	case "duration:s":
		return seconds(c, key)
	case "datasize":
		return full[config.DataSize](c, key)
	case "list":
		return present(config.Bind[[]string](c, key, nil))
	case "ints":
		return present(config.Bind[[]*int32](c, key, nil))
	case "set":
		list, err := config.Bind[[]string](c, key, nil)
		for i := len(list) - 1; i >= 0; i-- {
			if slices.Contains(list[:i], list[i]) {
				list = slices.Delete(list, i, i+1)
			}
		}
		return present(list, err)
	case "map":
		return entries(config.Bind[map[string]string](c, key, nil))
	case "maps":
		return present(config.Bind[[]map[string]string](c, key, nil))
	case "listmap":
		return entries(config.Bind[map[string][]string](c, key, nil))
	case "tree":
		value, err := entries(config.Bind[map[string]any](c, key, nil))
		return printable(value), err
	}
	return nil, fmt.Errorf("unknown kind of value: %s", kind)
}

// pointed binds a value that may be absent.
func pointed[T any](c *config.Config, key string) (any, error) {
	value, err := config.Bind[*T](c, key, nil)
	if err != nil || value == nil {
		return nil, err
	}
	return *value, nil
}

// full is pointed for kinds that an empty text leaves unset.
func full[T any](c *config.Config, key string) (any, error) {
	value, err := pointed[T](c, key)
	if err != nil || value == nil || empty(c, key) {
		return nil, err
	}
	return value, nil
}

// printable writes what JSON has no number for as Java does.
func printable(value any) any {
	switch v := value.(type) {
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	case map[string]any:
		for key, one := range v {
			v[key] = printable(one)
		}
	}
	return value
}

func empty(c *config.Config, key string) bool {
	text, err := config.Bind(c, key, "")
	return err == nil && strings.TrimSpace(text) == ""
}

// seconds is for a duration whose bare numbers are seconds, which a field of a struct would say in its tag.
func seconds(c *config.Config, key string) (any, error) {
	text, err := config.Bind(c, key, "")
	if err != nil || text == "" {
		return nil, err
	}
	value, err := config.ParseDuration(text, time.Second)
	if err != nil {
		origin, _ := c.Origin(key)
		return nil, &config.ValueError{Key: key, Value: text, Origin: origin, Set: true, Problem: err.Error()}
	}
	return value, nil
}

func present[T any](list []T, err error) (any, error) {
	if err != nil || list == nil {
		return nil, err
	}
	return list, nil
}

func entries[T any](m map[string]T, err error) (any, error) {
	if err != nil || m == nil {
		return nil, err
	}
	return m, nil
}

// constant binds one of a few names; a number that YAML knows as one counts them, as in Spring.
func constant(c *config.Config, key string, names []string) (any, error) {
	if raw, err := config.Bind[any](c, key, nil); err == nil {
		if i, ok := raw.(int64); ok {
			if i >= 0 && i < int64(len(names)) {
				return names[i], nil
			}
			return nil, &config.ValueError{Key: key, Value: strconv.FormatInt(i, 10), Problem: "it counts none of " + strings.Join(names, ", ")}
		}
	}
	e, err := config.Bind(c, key, enumeration{names: names})
	if err != nil || e.name == "" {
		return nil, err
	}
	return e.name, nil
}

// enumeration is one of a few names, in any case and punctuation.
type enumeration struct {
	names []string
	name  string
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *enumeration) UnmarshalText(text []byte) error {
	value := strings.TrimSpace(string(text))
	if value == "" {
		return nil
	}
	if slices.Contains(e.names, value) {
		e.name = value
		return nil
	}
	wanted := []string{letters(value)}
	switch wanted[0] { // what YAML made of on and off
	case "true":
		wanted = append(wanted, "on")
	case "false":
		wanted = append(wanted, "off")
	}
	for _, name := range e.names {
		if slices.Contains(wanted, letters(name)) {
			e.name = name
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", value, strings.Join(e.names, ", "))
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// canonical reports whether a key is written as Spring wants the names of settings: kebab, or anything in brackets.
func canonical(key string) bool {
	for len(key) > 0 {
		if key[0] == '[' {
			end := strings.IndexByte(key, ']')
			if end < 0 {
				return false
			}
			key = key[end+1:]
			if key == "" || key[0] == '[' {
				continue
			}
			if key[0] != '.' {
				return false
			}
			key = key[1:]
			continue
		}
		end := strings.IndexAny(key, ".[")
		element := key
		if end >= 0 {
			element = key[:end]
		}
		if element == "" || element[0] == '-' || strings.Trim(element, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
		switch key = key[len(element):]; {
		case key == ".":
			return false
		case key != "" && key[0] == '.':
			key = key[1:]
		}
	}
	return true
}

func kebab(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && key[i-1] != '.' {
				b.WriteByte('-')
			}
			b.WriteRune(unicode.ToLower(r))
		case r == '_':
			b.WriteByte('-')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
