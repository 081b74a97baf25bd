package main

import (
	"bytes"
	_ "embed" // the keys of Spring
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// springKeys are keys that others than we read.
//
//go:embed spring-keys.txt
var springKeys string

const address = "https://raw.githubusercontent.com/archimedes-go/archimedes/main/config/application.schema.json"

// node is an element of a key with all that can follow it.
type node struct {
	children map[string]*node
	setting  *setting // of a key that has a value
	foreign  bool     // Spring's: anything may stand there
	closed   bool     // at or below a prefix that a module binds: what is not known is a mistake
}

func (n *node) at(key string) *node {
	for element := range strings.SplitSeq(key, ".") {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		child := n.children[element]
		if child == nil {
			child = &node{closed: n.closed}
			n.children[element] = child
		}
		n = child
	}
	return n
}

// open reports whether anything may follow the key.
func (n *node) open() bool {
	return n.foreign || n.setting != nil && (n.setting.kind.of != nil || n.setting.kind.name == "any")
}

// tree arranges keys by their elements.
func tree(c *collection) *node {
	root := &node{}
	for _, prefix := range c.prefixes {
		root.at(prefix).closed = true
	}
	for _, s := range c.settings {
		if newer := c.newer(s.key); newer != "" {
			s.meaning = "older name of " + newer
		}
		root.at(s.key).setting = &s
	}
	for line := range strings.Lines(springKeys) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			if n := root.at(line); n.setting == nil && n.children == nil {
				n.foreign = true
			}
		}
	}
	for _, a := range c.aliases {
		if n := root.at(a[0]); n.setting == nil && n.children == nil {
			n.foreign = true
		}
	}
	root.at("info").foreign = true
	return root
}

type object = map[string]any

// schemaOf writes a JSON Schema, draft 7. A key may be nested, dotted or both, from any element on, so each object lists the
// keys of all depths below it as patterns that refer to one definition each.
func schemaOf(c *collection) ([]byte, error) {
	definitions := kinds()
	root := tree(c)
	define(root, "", definitions)
	top := definitions["."].(object)
	delete(definitions, ".")
	top["$schema"], top["$id"] = "http://json-schema.org/draft-07/schema#", address
	top["title"] = "application.yml of a program made with Archimedes"
	top["definitions"] = definitions
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(top)
	return b.Bytes(), err
}

func refer(key string) object { return object{"$ref": "#/definitions/" + key} }

// define adds the definition of a node and those below it.
func define(n *node, key string, to object) {
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if child := n.children[name]; !child.foreign {
			define(child, strings.TrimPrefix(key+"."+name, "."), to)
		}
	}
	switch {
	case n.setting != nil && n.children == nil:
		to[key] = valued(n.setting)
	case key == "":
		to["."] = n.object(key)
	default:
		to[key] = n.object(key)
	}
}

func (n *node) object(key string) object {
	properties, patterns := object{}, object{}
	var foreign []string
	var guarded, exact, open []string // names below closed prefixes, for objects that are open themselves
	var visit func(at *node, path []string)
	visit = func(at *node, path []string) {
		for _, name := range slices.Sorted(maps.Keys(at.children)) {
			child, path := at.children[name], append(slices.Clone(path), name)
			full := strings.TrimPrefix(key+"."+strings.Join(path, "."), ".")
			written := relaxed(path)
			switch {
			case child.foreign:
				foreign = append(foreign, written)
			case len(path) > 1:
				patterns["^"+written+"$"] = refer(full)
			default:
				properties[name] = refer(full)
				if others := spellings(name)[1:]; len(others) > 0 {
					patterns["^("+strings.Join(others, "|")+")$"] = refer(full)
				}
			}
			if child.setting != nil && child.open() {
				patterns["^"+written+`[.\[].+$`] = true
			}
			if child.closed && !at.closed && !n.closed {
				guarded = append(guarded, written)
			}
			if child.open() {
				open = append(open, written)
			} else {
				exact = append(exact, written)
			}
			if !child.foreign {
				visit(child, path)
			}
		}
	}
	visit(n, nil)
	if len(foreign) > 0 {
		patterns["^("+strings.Join(foreign, "|")+`)([.\[].+)?$`] = true
	}
	o := object{"type": []string{"object", "null"}, "properties": properties}
	if len(patterns) > 0 {
		o["patternProperties"] = patterns
	}
	switch {
	case n.closed:
		o["additionalProperties"] = false
	case len(guarded) > 0:
		o["propertyNames"] = object{
			"if": object{"pattern": "^(" + strings.Join(guarded, "|") + `)[.\[]`},
			"then": object{
				"pattern":             "^((" + strings.Join(exact, "|") + ")|(" + strings.Join(open, "|") + `)([.\[].+)?)$`,
				"patternErrorMessage": "Nothing reads this setting; see config/reference.md.",
			},
		}
	}
	return o
}

// relaxed is a pattern of a dotted path in the usual spellings: service-url, serviceUrl, service_url, serviceurl.
func relaxed(path []string) string {
	elements := make([]string, len(path))
	for i, name := range path {
		words := strings.Split(name, "-")
		elements[i] = words[0]
		for _, w := range words[1:] {
			elements[i] += "[-_]?[" + w[:1] + strings.ToUpper(w[:1]) + "]" + w[1:]
		}
	}
	return strings.Join(elements, `\.`)
}

// spellings are the ways in which people write an element: service-url, serviceUrl, service_url, serviceurl, SERVICE_URL. Names
// with single letters are also taken as words: gzip-content for g-zip-content, asg-name for a-s-g-name.
func spellings(name string) []string {
	words := strings.Split(name, "-")
	all := []string{name}
	for _, words := range [][]string{words, joined(words, false), joined(words, true)} {
		camel := words[0]
		for _, w := range words[1:] {
			camel += strings.ToUpper(w[:1]) + w[1:]
		}
		snake := strings.Join(words, "_")
		for _, one := range []string{strings.Join(words, "-"), camel, snake, strings.Join(words, ""), strings.ToUpper(snake)} {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

// joined makes one word of single letters that follow each other, and of the word behind them if that is wanted.
func joined(words []string, behind bool) []string {
	var all []string
	single := false
	for _, w := range words {
		if single && (len(w) == 1 || behind) {
			all[len(all)-1] += w
		} else {
			all = append(all, w)
		}
		single = len(w) == 1
	}
	return all
}
