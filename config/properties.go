package config

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// properties reads a .properties file, which is ISO-8859-1 unless its location says otherwise, as Java has it.
func (l *loader) properties(name string, data []byte, asUTF8 bool) ([][]entry, error) {
	content := string(data)
	switch {
	case strings.HasPrefix(content, "\ufeff"):
		content = strings.TrimPrefix(content, "\ufeff")
		fallthrough
	case asUTF8:
		if !utf8.ValidString(content) {
			return nil, invalidUTF8(name, data)
		}
	default:
		if line := firstNonASCII(content); line > 0 && utf8.ValidString(content) {
			l.warnings = append(l.warnings, Diagnostic{
				Message: "the file is read as ISO-8859-1, as Java does, but looks like UTF-8: write \\uXXXX, use YAML, or import it with [encoding=utf-8]",
				Origin:  Origin{Source: name, Line: line},
			})
		}
		runes := make([]rune, len(data))
		for i, c := range data {
			runes[i] = rune(c)
		}
		content = string(runes)
	}
	r := &propertiesReader{name: name, text: []rune(newlines.Replace(content)), column: -1}
	return r.documents()
}

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// firstNonASCII returns the line, from 1, of the first character beyond ASCII; 0 when there is none.
func firstNonASCII(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return 1 + strings.Count(s[:i], "\n")
		}
	}
	return 0
}

// propertiesReader reads a .properties file character by character, exactly as Spring's OriginTrackedPropertiesLoader does: what
// it makes of odd escapes and comments depends on it.
type propertiesReader struct {
	name    string
	text    []rune
	next    int // in text
	line    int // of next, from 0
	column  int
	char    rune   // the current one; end at the end
	escaped bool   // stood behind a backslash
	failed  Origin // of a \u without four digits
	comment rune   // how the comment above starts, 0 when the line above is none
}

const endOfFile rune = -1

// raw takes the next character as it stands.
func (r *propertiesReader) raw() {
	if r.next >= len(r.text) {
		r.char = endOfFile
		return
	}
	if r.char = r.text[r.next]; r.char == '\n' {
		r.line++
	}
	r.next++
}

// read takes the next character, without the blanks that indent a line, and resolves a backslash.
func (r *propertiesReader) read() bool {
	r.escaped = false
	r.raw()
	if r.column++; r.column == 0 {
		r.skipBlanks()
	}
	switch r.char {
	case '\\':
		r.escaped = true
		r.unescape()
	case '\n':
		r.column = -1
	}
	return r.char != endOfFile
}

func (r *propertiesReader) skipBlanks() {
	for r.isBlank() {
		r.raw()
		r.column++
	}
}

func (r *propertiesReader) unescape() {
	switch r.raw(); r.char {
	case 't':
		r.char = '\t'
	case 'r':
		r.char = '\r'
	case 'n':
		r.char = '\n'
	case 'f':
		r.char = '\f'
	case '\n':
		r.column = -1
		r.read()
	case 'u':
		n, err := strconv.ParseUint(string(r.text[r.next:min(r.next+4, len(r.text))]), 16, 32)
		if err != nil || r.next+4 > len(r.text) {
			r.failed = Origin{Source: r.name, Line: r.line + 1, Column: r.column + 1}
			return
		}
		r.char, r.next = rune(n), r.next+4
	}
}

func (r *propertiesReader) isBlank() bool {
	return !r.escaped && (r.char == ' ' || r.char == '\t' || r.char == '\f')
}

func (r *propertiesReader) endOfLine() bool {
	return r.char == endOfFile || !r.escaped && r.char == '\n'
}

// documents returns the entries of each document. Documents are separated by #--- or !--- alone on a line that does not start
// with a blank and has no comment of the same kind directly above or below it.
func (r *propertiesReader) documents() ([][]entry, error) {
	var documents [][]entry
	var current []entry
	for r.read() {
		if r.char != '#' && r.char != '!' {
			r.comment = 0
			current = append(current, r.property()...)
			if r.failed.Line > 0 {
				return nil, r.malformed()
			}
			continue
		}
		prefix := r.char
		if r.separates() {
			if len(current) > 0 {
				documents, current = append(documents, current), nil
			}
			continue
		}
		if len(current) == 0 && len(documents) > 0 { // a comment below the separator makes it one too
			current, documents = documents[len(documents)-1], documents[:len(documents)-1]
		}
		r.comment = prefix
		for r.char != '\n' && r.char != endOfFile {
			r.raw()
		}
		r.column = -1
	}
	if len(current) > 0 || len(documents) == 0 {
		documents = append(documents, current)
	}
	return documents, nil
}

func (r *propertiesReader) malformed() error {
	return &LoadError{
		Origin: r.failed, Problem: `\u must be followed by four hexadecimal digits`,
		Excerpt: excerpt(strings.Split(string(r.text), "\n"), r.failed.Line, r.failed.Column), Advice: "Correct " + r.name + ".",
	}
}

// separates reports whether a comment is the end of a document. It may read on.
func (r *propertiesReader) separates() bool {
	if r.comment == r.char {
		return false
	}
	dashes := r.column == 0
	for range 3 {
		if dashes {
			r.read()
			dashes = r.char == '-'
		}
	}
	if !r.endOfLine() {
		r.read()
		r.skipBlanks()
	}
	return dashes && r.endOfLine()
}

// property reads a key and its value. key[] = a, b is a list.
func (r *propertiesReader) property() []entry {
	key := r.key()
	list, isList := strings.CutSuffix(key, "[]")
	if !isList {
		e := r.value(key, false)
		if key == "" {
			return nil
		}
		return []entry{e}
	}
	var entries []entry
	for {
		entries = append(entries, r.value(indexed(list, len(entries)), true))
		if !r.endOfLine() {
			r.read()
		}
		if r.endOfLine() {
			return entries
		}
	}
}

func (r *propertiesReader) key() string {
	var b []rune
	afterBlank := false
	for !r.endOfLine() {
		if !r.escaped && (r.char == '=' || r.char == ':') {
			r.read()
			break
		}
		if afterBlank && !r.isBlank() {
			break
		}
		afterBlank = r.isBlank()
		b = append(b, r.char)
		r.read()
	}
	return strings.TrimFunc(decoded(b), func(c rune) bool { return c <= ' ' })
}

func (r *propertiesReader) value(key string, ofList bool) entry {
	for r.isBlank() && !r.endOfLine() {
		r.read()
	}
	e := entry{key: key, origin: Origin{Source: r.name, Line: r.line + 1, Column: r.column + 1}}
	if r.endOfLine() { // its line has been counted
		e.origin.Line, e.origin.Column = r.line, 0
	}
	var b []rune
	for !r.endOfLine() && !(ofList && !r.escaped && r.char == ',') {
		b = append(b, r.char)
		r.read()
	}
	e.value = decoded(b)
	return e
}

// decoded joins the pairs that \u gives.
func decoded(units []rune) string {
	var b strings.Builder
	for i := 0; i < len(units); i++ {
		c := units[i]
		if utf16.IsSurrogate(c) && i+1 < len(units) {
			if pair := utf16.DecodeRune(c, units[i+1]); pair != utf8.RuneError {
				c = pair
				i++
			}
		}
		b.WriteRune(c)
	}
	return b.String()
}

// readXML returns the entries of Java's XML form of properties.
func readXML(name string, data []byte) ([][]entry, error) {
	var root struct {
		XMLName xml.Name `xml:"properties"`
		Entries []struct {
			Key   string `xml:"key,attr"`
			Value string `xml:",chardata"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal(data, &root); err != nil {
		return nil, &LoadError{
			Origin: Origin{Source: name}, Problem: fmt.Sprintf("this is not XML of properties: %v", err), cause: err,
			Advice: "Correct " + name + ": <properties><entry key=\"a.b\">value</entry></properties>.",
		}
	}
	entries := make([]entry, 0, len(root.Entries))
	for _, e := range root.Entries {
		entries = append(entries, entry{key: e.Key, value: e.Value, origin: Origin{Source: name}})
	}
	return [][]entry{entries}, nil
}
