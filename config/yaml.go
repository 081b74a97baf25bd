package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxEntries bounds what one file can unfold to, since aliases of aliases grow exponentially.
const maxEntries = 100_000

// readYAML returns the entries of each document. The parser is used for its nodes only: they keep line and column, and
// scalars are converted by the rules of SnakeYAML, which Spring uses.
func readYAML(name string, data []byte) ([][]entry, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, invalidUTF8(name, data)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var documents [][]entry
	for {
		var root yaml.Node
		err := decodeNode(decoder, &root)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, yamlError(name, data, err)
		}
		f := flattener{name: name, data: data, tabs: bytes.IndexByte(data, '\t') >= 0}
		if len(root.Content) > 0 {
			if bytes.IndexByte(data, '&') >= 0 {
				f.anchored = map[*yaml.Node]bool{}
				anchors(root.Content[0], f.anchored)
			}
			err = f.root(root.Content[0])
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, f.entries)
	}
}

// decodeNode makes an error of the panics that the parser knows for some malformed input.
func decodeNode(decoder *yaml.Decoder, root *yaml.Node) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("yaml: %v", v)
		}
	}()
	return decoder.Decode(root)
}

var (
	yamlLine = regexp.MustCompile(`line (\d+): `)
	yamlNoun = regexp.MustCompile(`^yaml: (line \d+: )?`)
)

// yamlError points at the line. The parser's own line is off by one for some errors, so a tab is looked for.
func yamlError(name string, data []byte, err error) error {
	problem := yamlNoun.ReplaceAllString(err.Error(), "")
	line, column := 0, 0
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		line, _ = strconv.Atoi(found[1])
	}
	lines := strings.Split(string(data), "\n")
	if name, ok := strings.CutPrefix(problem, "unknown anchor '"); ok {
		name = "*" + strings.TrimSuffix(name, "' referenced")
		line = 1 + slices.IndexFunc(lines, func(text string) bool { return strings.Contains(text, name) })
		if line > 0 {
			column = 1 + strings.Index(lines[line-1], name)
		}
	}
	if line == 0 {
		line = 1 // the parser leaves it out then
	}
	if strings.Contains(problem, "cannot start any token") || strings.Contains(problem, "tab character") {
		for i, text := range lines {
			if indent := len(text) - len(strings.TrimLeft(text, " \t")); strings.Contains(text[:indent], "\t") {
				line, column = i+1, strings.IndexByte(text, '\t')+1
				problem = "a tab cannot indent in YAML; use blanks"
				break
			}
		}
	}
	return &LoadError{
		Origin: Origin{Source: name, Line: line, Column: column}, Problem: "this is not valid YAML: " + problem,
		Excerpt: excerpt(lines, line, column), Advice: "Correct " + name + ".", cause: err,
	}
}

// secretLine matches the line of a key whose value is nobody's business, up to the value.
var secretLine = regexp.MustCompile(`(?i)(password|passwd|secret|token|credential|private-?key|api-?key|access-?key)[^:=]*[:=]\s*`)

// maxExcerpt is how much of a line is shown.
const maxExcerpt = 160

// excerpt shows a line with a mark below the column.
func excerpt(lines []string, line, column int) string {
	if line < 1 || line > len(lines) {
		return ""
	}
	text := strings.ToValidUTF8(strings.TrimRight(lines[line-1], "\r"), "\ufffd")
	if at := secretLine.FindStringIndex(text); at != nil {
		text = text[:at[1]] + masked
	}
	shown := []rune(strings.ReplaceAll(text, "\t", "→"))
	length := len(shown)
	if length > maxExcerpt {
		shown = append(shown[:maxExcerpt], '…')
	}
	number := fmt.Sprintf("%5d | ", line)
	mark := ""
	if column > 0 && column <= min(length, maxExcerpt)+1 {
		mark = "\n" + strings.Repeat(" ", len(number)+column-1) + "^"
	}
	return number + string(shown) + mark
}

func invalidUTF8(name string, data []byte) error {
	line, column := 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return &LoadError{Origin: Origin{Source: name, Line: line, Column: column}, Problem: "this is not UTF-8", Advice: "Save " + name + " as UTF-8."}
}

// flattener turns nodes into entries.
type flattener struct {
	name    string
	data    []byte
	lines   []string
	entries []entry
	depth   int
	lists   int  // around the node
	tabs    bool // there are any

	anchored map[*yaml.Node]bool // of the document
}

func (f *flattener) root(node *yaml.Node) error {
	if node.Kind == yaml.MappingNode || node.Kind == yaml.AliasNode {
		return f.node("", node)
	}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
		return nil
	}
	return f.node("document", node) // as Spring names what is not a map
}

func (f *flattener) fault(node *yaml.Node, problem string) error {
	lines := strings.Split(string(f.data), "\n")
	return &LoadError{
		Origin: Origin{Source: f.name, Line: node.Line, Column: node.Column}, Problem: problem,
		Excerpt: excerpt(lines, node.Line, node.Column), Advice: "Correct " + f.name + ".",
	}
}

func (f *flattener) add(key string, value string, k kind, node *yaml.Node) error {
	if len(f.entries) >= maxEntries {
		return f.fault(node, fmt.Sprintf("the document has more than %d values; do aliases refer to each other?", maxEntries))
	}
	f.entries = append(f.entries, entry{key: key, value: value, kind: k, origin: Origin{Source: f.name, Line: node.Line, Column: node.Column}})
	return nil
}

func (f *flattener) node(key string, node *yaml.Node) error {
	f.depth++
	defer func() { f.depth-- }()
	if f.depth > 200 {
		return f.fault(node, "the document is nested too deeply")
	}
	if node.Style&yaml.TaggedStyle != 0 && !slices.Contains(tags, node.ShortTag()) {
		return f.fault(node, fmt.Sprintf("the tag %s means nothing here", node.Tag))
	}
	if err := f.checkTabs(node); err != nil {
		return err
	}
	switch node.Kind {
	case yaml.AliasNode:
		if !f.anchored[node.Alias] {
			return f.unknownAnchor(node)
		}
		return f.node(key, node.Alias)
	case yaml.MappingNode:
		if node.ShortTag() == "!!set" {
			return f.set(key, node)
		}
		if len(node.Content) == 0 && key != "" {
			return f.add(key, "", emptyMap, node)
		}
		return f.mapping(key, node)
	case yaml.SequenceNode:
		if node.ShortTag() == "!!omap" {
			return f.orderedMap(key, node)
		}
		if len(node.Content) == 0 {
			return f.add(key, "", emptyList, node)
		}
		f.lists++
		defer func() { f.lists-- }()
		for i, item := range node.Content {
			if err := f.node(indexed(key, i), item); err != nil {
				return err
			}
		}
		return nil
	default:
		value, k, err := yamlScalar(node)
		if err != nil {
			return f.fault(node, err.Error())
		}
		return f.add(key, value, k, node)
	}
}

// set adds the keys of a !!set, which is a list to Spring.
func (f *flattener) set(key string, node *yaml.Node) error {
	items := &yaml.Node{Kind: yaml.SequenceNode, Line: node.Line, Column: node.Column}
	for i := 0; i < len(node.Content); i += 2 {
		items.Content = append(items.Content, node.Content[i])
	}
	return f.node(key, items)
}

// orderedMap adds what stands in a !!omap, a list of maps of one key each.
func (f *flattener) orderedMap(key string, node *yaml.Node) error {
	entries := &yaml.Node{Kind: yaml.MappingNode, Line: node.Line, Column: node.Column}
	for _, one := range node.Content {
		if one.Kind != yaml.MappingNode || len(one.Content) != 2 {
			return f.fault(one, "a !!omap is a list of maps with one key each")
		}
		entries.Content = append(entries.Content, one.Content...)
	}
	return f.node(key, entries)
}

// anchors collects the nodes that aliases of a document may name: the parser also takes those of the documents before.
func anchors(node *yaml.Node, to map[*yaml.Node]bool) {
	if node.Anchor != "" {
		to[node] = true
	}
	for _, child := range node.Content {
		anchors(child, to)
	}
}

func (f *flattener) unknownAnchor(node *yaml.Node) error {
	return f.fault(node, fmt.Sprintf("no anchor of this document is called %q", node.Value))
}

// tags are those of YAML 1.1; others make objects of Java.
var tags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary", "!!map", "!!seq", "!!set", "!!omap", "!!pairs", "!!merge", "!"}

// checkTabs refuses tabs beside a value.
func (f *flattener) checkTabs(node *yaml.Node) error {
	switch {
	case !f.tabs:
		return nil
	case f.afterTab(node):
		return f.fault(node, "a tab cannot stand before a value in YAML; use blanks")
	case f.beforeTab(node):
		return f.fault(node, "a tab cannot stand behind a value in YAML; use blanks")
	}
	return nil
}

// beforeTab reports whether a tab follows an alias, a text in quotes or the sign of a block of text, which SnakeYAML refuses, too.
func (f *flattener) beforeTab(node *yaml.Node) bool {
	if node.Line < 1 || node.Line > len(f.lines) {
		return false
	}
	first := []rune(f.lines[node.Line-1])
	rest := string(first[min(max(node.Column-1, 0), len(first)):])
	end := -1
	switch {
	case node.Kind == yaml.AliasNode:
		end = 1 + len(node.Value)
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if end = strings.IndexAny(rest, "|>"); end >= 0 {
			end += len(rest[end:]) - len(strings.TrimLeft(rest[end:], "|>+-0123456789"))
		}
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		rest += "\n" + strings.Join(f.lines[node.Line:], "\n")
		end = closingQuote(rest)
	}
	return end >= 0 && end <= len(rest) && strings.HasPrefix(strings.TrimLeft(rest[end:], " "), "\t")
}

// closingQuote returns where a text in quotes has ended, or -1. A tag or an anchor may stand before it.
func closingQuote(s string) int {
	start := strings.IndexAny(s, "\"'")
	if start < 0 {
		return -1
	}
	for i := start + 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[start] == '"', s[i] == '\'' && s[start] == '\'' && strings.HasPrefix(s[i+1:], "'"):
			i++
		case s[i] == s[start]:
			return i + 1
		}
	}
	return -1
}

// afterTab reports whether a tab separates a value from what stands before it, which SnakeYAML refuses.
func (f *flattener) afterTab(node *yaml.Node) bool {
	if f.lines == nil {
		f.lines = strings.Split(string(f.data), "\n")
	}
	if node.Line < 1 || node.Line > len(f.lines) {
		return false
	}
	before := []rune(f.lines[node.Line-1])
	before = before[:min(max(node.Column-1, 0), len(before))]
	for _, r := range slices.Backward(before) {
		if r == '\t' {
			return true
		}
		if r != ' ' {
			return false
		}
	}
	return false
}

func (f *flattener) mapping(key string, node *yaml.Node) error {
	seen := make(map[string]*yaml.Node, len(node.Content)/2)
	var merged []*yaml.Node
	ranges := map[string][2]int{} // of entries, by elements in brackets
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if name.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		element, known, err := f.element(name)
		if err != nil {
			return err
		}
		if before, twice := seen[known]; twice {
			return f.fault(name, fmt.Sprintf("the key %q stands here twice (first in line %d)", name.Value, before.Line))
		}
		seen[known] = name
		if old, twice := ranges[element]; twice { // the text "[0]" and the number 0: the later one counts
			f.entries = remove(f.entries, ranges, old)
		}
		start := len(f.entries)
		if err := f.node(inside(key, element), value); err != nil {
			return err
		}
		if strings.HasPrefix(element, "[") {
			ranges[element] = [2]int{start, len(f.entries)}
		}
	}
	for _, m := range merged {
		if err := f.merge(key, m, seen); err != nil {
			return err
		}
	}
	return nil
}

// remove takes entries out of a list, of which others are known by where they stand.
func remove(entries []entry, ranges map[string][2]int, old [2]int) []entry {
	for name, of := range ranges {
		if of[0] >= old[1] {
			ranges[name] = [2]int{of[0] - old[1] + old[0], of[1] - old[1] + old[0]}
		}
	}
	return slices.Delete(entries, old[0], old[1])
}

// inside is the key of an element of a mapping, an empty one, too.
func inside(key, element string) string {
	if strings.TrimSpace(key) == "" || strings.HasPrefix(element, "[") {
		return key + element
	}
	return key + "." + element
}

// merge adds what "<<" refers to, below what the mapping says itself.
func (f *flattener) merge(key string, node *yaml.Node, seen map[string]*yaml.Node) error {
	f.depth++
	defer func() { f.depth-- }()
	if f.depth > 200 {
		return f.fault(node, "the document is nested too deeply")
	}
	switch node.Kind {
	case yaml.AliasNode:
		if !f.anchored[node.Alias] {
			return f.unknownAnchor(node)
		}
		return f.merge(key, node.Alias, seen)
	case yaml.SequenceNode:
		for _, one := range node.Content {
			if err := f.merge(key, one, seen); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			name, value := node.Content[i], node.Content[i+1]
			if name.ShortTag() == "!!merge" {
				if err := f.merge(key, value, seen); err != nil {
					return err
				}
				continue
			}
			element, known, err := f.element(name)
			if err != nil {
				return err
			}
			if _, own := seen[known]; own {
				continue
			}
			seen[known] = name
			if err := f.node(inside(key, element), value); err != nil {
				return err
			}
		}
		return nil
	}
	return f.fault(node, "<< takes a map, or a list of maps")
}

// element returns a mapping's key as an element of a path, and what tells it apart from others: what is not a text is bracketed.
// In a list Spring can use texts only.
func (f *flattener) element(name *yaml.Node) (element, known string, err error) {
	if err := f.checkTabs(name); err != nil {
		return "", "", err
	}
	value, k, err := f.javaText(name, 0)
	switch {
	case k == text || err != nil:
		return value, value, err
	case f.lists > 0:
		return "", "", f.fault(name, "below a list, the key of a map must be a text: write it in quotes")
	}
	return "[" + value + "]", "\x00" + value, nil
}

// javaText is what Java prints of a key: [a, b] of a list, {a=b} of a map.
func (f *flattener) javaText(node *yaml.Node, depth int) (string, kind, error) {
	switch {
	case depth > 20:
		return "", text, f.fault(node, "a key is nested too deeply")
	case node.Kind == yaml.AliasNode && !f.anchored[node.Alias]:
		return "", text, f.unknownAnchor(node)
	case node.Kind == yaml.AliasNode:
		return f.javaText(node.Alias, depth+1)
	case node.Kind == yaml.ScalarNode:
		value, k, err := yamlScalar(node)
		if err != nil {
			return "", text, f.fault(node, err.Error())
		}
		if k == null && depth == 0 {
			value = "null"
		}
		return value, k, nil
	}
	parts := make([]string, len(node.Content))
	for i, child := range node.Content {
		part, _, err := f.javaText(child, depth+1)
		if err != nil {
			return "", text, err
		}
		parts[i] = part
	}
	if node.Kind == yaml.SequenceNode {
		return "[" + strings.Join(parts, ", ") + "]", emptyList, nil
	}
	pairs := make([]string, 0, len(parts)/2)
	for i := 0; i+1 < len(parts); i += 2 {
		pairs = append(pairs, parts[i]+"="+parts[i+1])
	}
	return "{" + strings.Join(pairs, ", ") + "}", emptyMap, nil
}
