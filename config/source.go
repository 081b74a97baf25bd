package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Origin is where a value comes from.
type Origin struct {
	Source       string // "application.yml", "environment variable SERVER_PORT", "command line argument --server.port"
	Line, Column int    // 1-based; 0 when the source has none
}

// String returns "application.yml:3:9", or the source alone.
func (o Origin) String() string {
	switch {
	case o.Line == 0:
		return o.Source
	case o.Column == 0:
		return o.Source + ":" + strconv.Itoa(o.Line)
	}
	return o.Source + ":" + strconv.Itoa(o.Line) + ":" + strconv.Itoa(o.Column)
}

// kind is what a value was before it became text.
type kind uint8

const (
	text      kind = iota
	number         // written as one in YAML or JSON
	boolean        // likewise
	null           // counts as an empty text
	emptyList      // hides lists of lower sources
	emptyMap       // hides nothing
	literal        // text in which placeholders are not resolved
)

// entry is one key of a source.
type entry struct {
	key    string // as written
	value  string
	kind   kind
	origin Origin
}

// Source is an ordered place that values come from: a document of a file, the environment, the arguments.
type Source struct {
	Name string

	entries  []entry
	byName   map[string]int // uniform key → entry
	variable bool           // environment: also found by the spelling with an underscore for each dash

	forProfile bool // of an importer: holds only for a profile
}

func newSource(name string, entries []entry) *Source {
	s := &Source{Name: name, entries: entries, byName: make(map[string]int, len(entries))}
	for i, e := range entries {
		u := uniform(e.key)
		if before, twice := s.byName[u]; twice && canonical(entries[before].key) && !canonical(e.key) {
			continue // of two spellings the canonical one counts
		}
		s.byName[u] = i
	}
	return s
}

// find returns the entry under a uniform key.
func (s *Source) find(u, legacy string) *entry {
	if i, ok := s.byName[u]; ok {
		return &s.entries[i]
	}
	if s.variable && legacy != "" {
		if i, ok := s.byName[legacy]; ok {
			return &s.entries[i]
		}
	}
	return nil
}

// Keys returns the keys of the source as written.
func (s *Source) Keys() []string {
	keys := make([]string, len(s.entries))
	for i, e := range s.entries {
		keys[i] = e.key
	}
	return keys
}

// argumentSource reads --key=value. A repeated key joins its values with commas; what does not start with -- is not
// configuration.
func argumentSource(args []string) *Source {
	var entries []entry
	at := map[string]int{}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		option, ok := strings.CutPrefix(arg, "--")
		if !ok || option == "" {
			continue
		}
		key, value, _ := strings.Cut(option, "=")
		if i, twice := at[key]; twice {
			entries[i].value += "," + value
			continue
		}
		at[key] = len(entries)
		entries = append(entries, entry{key: key, value: value, origin: Origin{Source: "command line argument --" + key}})
	}
	return newSource("commandLineArgs", entries)
}

// environmentSource reads KEY=value. Names that cannot be keys are left out.
func environmentSource(environ []string) *Source {
	s := &Source{Name: "systemEnvironment", byName: make(map[string]int, len(environ)), variable: true}
	for _, pair := range environ {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			continue
		}
		s.byName[uniformVariable(name)] = len(s.entries)
		s.entries = append(s.entries, entry{
			key: strings.ToLower(strings.ReplaceAll(name, "_", ".")), value: value,
			origin: Origin{Source: "environment variable " + name},
		})
	}
	return s
}

// mapSource is for keys given by code.
func mapSource(name, origin string, values map[string]string) *Source {
	entries := make([]entry, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) { // of two spellings the same one counts each time
		entries = append(entries, entry{key: key, value: values[key], origin: Origin{Source: origin}})
	}
	return newSource(name, entries)
}

// isIndex reports whether an element is a list index.
func isIndex(element string) bool {
	if element == "" || len(element) > 6 {
		return false
	}
	for i := 0; i < len(element); i++ {
		if element[i] < '0' || element[i] > '9' {
			return false
		}
	}
	return true
}

func indexed(prefix string, i int) string { return fmt.Sprintf("%s[%d]", prefix, i) }
