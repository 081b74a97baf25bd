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
	text       kind = iota
	number          // written as one in YAML or JSON
	boolean         // likewise
	null            // counts as an empty text
	emptyList       // hides lists of lower sources
	noElements      // likewise, in JSON, where it stays one in a tree
	emptyMap        // hides nothing
	absent          // null in JSON, likewise: but a list that has it has a gap
	noEntries       // likewise, in JSON, where it stays a map in a tree
	literal         // text in which placeholders are not resolved
)

// hidesNothing reports whether the key counts as one that is not there.
func (k kind) hidesNothing() bool { return k == emptyMap || k == absent }

// entry is one key of a source.
type entry struct {
	key    string // as written
	value  string
	kind   kind
	origin Origin
	alias  string // the older name that it was written under; not an entry of its own then
}

// list is what a source says of a list, element by element.
type list struct {
	length int // one more than the highest index
	odd    int // one more than an entry with something else in brackets
}

// Source is an ordered place that values come from: a document of a file, the environment, the arguments.
type Source struct {
	Name string

	entries   []entry
	uniforms  []string        // of their keys
	byName    map[string]int  // uniform key → entry
	lists     map[string]list // uniform key → what stands there by number
	variables map[string]int  // of the environment: name → entry

	forProfile bool // of an importer: holds only for a profile
	once       bool // of an importer: of several with one name only the lowest counts, as Spring has it
}

func newSource(name string, entries []entry) *Source {
	s := &Source{Name: name, entries: entries, uniforms: make([]string, len(entries)), byName: make(map[string]int, len(entries))}
	for i := range entries {
		s.index(i, uniform(entries[i].key))
	}
	s.addAliases()
	return s
}

func (s *Source) index(i int, u string) {
	s.uniforms[i] = u
	if s.entries[i].kind != emptyMap { // which is no element
		s.indexLists(i, u)
	}
	if known, twice := s.byName[u]; twice && s.entries[known].key != s.entries[i].key && !before(s.entries[i].key, s.entries[known].key) {
		return
	}
	s.byName[u] = i
}

// indexLists notes every list that a key is in.
func (s *Source) indexLists(i int, u string) {
	if !strings.ContainsAny(u, "0123456789") && !strings.Contains(s.entries[i].key, "[") {
		return
	}
	var few [12]element
	end := 0 // of the elements before, in u
	for k, e := range elements(s.entries[i].key, few[:0]) {
		length := strings.IndexByte(u[end:], '.')
		if length < 0 {
			length = len(u) - end
		}
		if one := u[end : end+length]; k > 0 && (e.form >= index || isIndex(one)) {
			if s.lists == nil {
				s.lists = make(map[string]list)
			}
			l := s.lists[u[:end-1]]
			if isIndex(one) && e.form >= index {
				n, _ := strconv.Atoi(one)
				l.length = max(l.length, n+1)
			} else if e.form >= index {
				l.odd = i + 1
			}
			s.lists[u[:end-1]] = l
		}
		if end += length + 1; end > len(u) {
			return
		}
	}
}

// find returns the entry under a uniform key. The environment is also asked for the spelling with an underscore for each dash.
func (s *Source) find(u, legacy string) *entry {
	if i, ok := s.byName[u]; ok {
		return &s.entries[i]
	}
	if s.variables != nil && legacy != "" {
		for _, name := range []string{legacy, strings.ToLower(legacy)} {
			if i, ok := s.variables[name]; ok {
				return &s.entries[i]
			}
		}
	}
	return nil
}

// literal returns the entry whose key is written exactly so. The environment also takes its own spelling of the key, as
// Spring's SystemEnvironmentPropertySource does.
func (s *Source) literal(key string) *entry {
	if s.variables != nil {
		for _, name := range []string{key, strings.ToUpper(key)} {
			for _, spelling := range []string{name, undotted.Replace(name), undashed.Replace(name), bare.Replace(name)} {
				if i, ok := s.variables[spelling]; ok {
					return &s.entries[i]
				}
			}
		}
		return nil
	}
	for i := len(s.entries) - 1; i >= 0; i-- {
		if e := &s.entries[i]; e.key == key && !e.kind.hidesNothing() && e.alias == "" {
			return e
		}
	}
	return nil
}

var undotted, undashed, bare = strings.NewReplacer(".", "_"), strings.NewReplacer("-", "_"), strings.NewReplacer(".", "_", "-", "_")

// any reports whether the source has anything below a uniform prefix.
func (s *Source) any(prefix string) bool {
	for u := range s.byName {
		if _, ok := below(u, prefix); ok {
			return true
		}
	}
	return false
}

// Keys returns the keys of the source as written.
func (s *Source) Keys() []string {
	keys := make([]string, 0, len(s.entries))
	for _, e := range s.entries {
		if e.alias == "" {
			keys = append(keys, e.key)
		}
	}
	return keys
}

// argumentSource reads --key=value. A repeated key joins its values with commas, and --key alone adds none; what
// does not start with -- is not configuration.
func argumentSource(args []string) (*Source, error) {
	var entries []entry
	at, hasValue := map[string]int{}, map[string]bool{}
	for _, arg := range args {
		if arg == "--" {
			break
		}
		option, ok := strings.CutPrefix(arg, "--")
		if !ok || option == "" {
			continue
		}
		key, value, valued := strings.Cut(option, "=")
		if strings.TrimSpace(key) == "" {
			return nil, &LoadError{
				Origin: Origin{Source: "command line argument " + arg}, Problem: "the argument has no name",
				Advice: "Write --name=value, or leave it out.",
			}
		}
		if i, twice := at[key]; twice {
			if has := hasValue[key]; valued && has {
				entries[i].value += "," + value
			} else if valued {
				entries[i].value, hasValue[key] = value, true
			}
			continue
		}
		at[key], hasValue[key] = len(entries), valued
		entries = append(entries, entry{key: key, value: value, origin: Origin{Source: "command line argument --" + key}})
	}
	return newSource("commandLineArgs", entries), nil
}

// environmentSource reads KEY=value. As a key, a variable's name is in lower case with dots for its underscores; one that has dots
// of its own is a key already. Names in capitals count more than others, and those with single underscores more than odd ones.
func environmentSource(environ []string) *Source {
	entries := make([]entry, 0, len(environ))
	variables := make(map[string]int, len(environ))
	for rank := range 3 { // the last one of a key counts
		for _, pair := range environ {
			name, value, ok := strings.Cut(pair, "=")
			if !ok || rankOf(name) != rank {
				continue
			}
			key := name
			if !strings.Contains(name, ".") {
				key = keyOf(name)
			}
			if key == "" {
				continue
			}
			variables[name] = len(entries)
			entries = append(entries, entry{key: key, value: value, origin: Origin{Source: "environment variable " + name}})
		}
	}
	s := newSource("systemEnvironment", entries)
	s.variables = variables
	return s
}

func rankOf(variable string) int {
	switch {
	case variable != strings.ToUpper(variable):
		return 0
	case strings.Contains(variable, "__"), strings.Trim(variable, "_") != variable:
		return 1
	}
	return 2
}

// keyOf is the key that a variable's name stands for: a number is an index.
func keyOf(variable string) string {
	key := ""
	for part := range strings.FieldsFuncSeq(strings.ToLower(variable), func(r rune) bool { return r == '_' }) {
		if strings.Trim(part, "0123456789") == "" {
			part = "[" + part + "]"
		}
		key = join(key, part)
	}
	return key
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
	if element == "" || len(element) > 6 || len(element) > 1 && element[0] == '0' {
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
