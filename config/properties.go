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
	r := &propertiesReader{name: name, lines: strings.Split(newlines.Replace(content), "\n")}
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

// propertiesReader reads the lines of a .properties file.
type propertiesReader struct {
	name  string
	lines []string
	next  int
}

const propertySpace = " \t\f"

// documents returns the entries of each document. Documents are separated by #--- or !--- alone on a line that does not start
// with a blank and has no comment of the same kind directly above or below it.
func (r *propertiesReader) documents() ([][]entry, error) {
	var documents [][]entry
	var current []entry
	comment := byte(0) // how the line above starts, if it is a comment
	for r.next < len(r.lines) {
		raw := r.lines[r.next]
		line := strings.TrimLeft(raw, propertySpace)
		switch {
		case line == "":
			r.next++
			comment = 0
		case line[0] == '#' || line[0] == '!':
			r.next++
			if len(line) == len(raw) && comment != line[0] && strings.TrimRight(line[1:], propertySpace) == "---" {
				if len(current) > 0 {
					documents, current = append(documents, current), nil
				}
				continue
			}
			if len(current) == 0 && len(documents) > 0 { // a comment below the separator makes it one too
				current, documents = documents[len(documents)-1], documents[:len(documents)-1]
			}
			comment = line[0]
		default:
			comment = 0
			more, err := r.property()
			if err != nil {
				return nil, err
			}
			current = append(current, more...)
		}
	}
	if len(current) > 0 || len(documents) == 0 {
		documents = append(documents, current)
	}
	return documents, nil
}

// property reads a key and its value. key[] = a, b is a list.
func (r *propertiesReader) property() ([]entry, error) {
	at := Origin{Source: r.name, Line: r.next + 1}
	raw := r.lines[r.next]
	line := strings.TrimLeft(raw, propertySpace)
	indent := len(raw) - len(line)
	for r.next++; continues(line) && r.next < len(r.lines); r.next++ {
		line = line[:len(line)-1] + strings.TrimLeft(r.lines[r.next], propertySpace)
	}
	if continues(line) {
		line = line[:len(line)-1]
	}
	rawKey, rawValue := splitProperty(line)
	at.Column = indent + utf8.RuneCountInString(line[:len(line)-len(rawValue)]) + 1
	if at.Column > utf8.RuneCountInString(raw)+1 { // the value stands in a later line
		at.Column = indent + 1
	}
	key, err := r.unescape(rawKey, at)
	if err != nil || key == "" {
		return nil, err
	}
	list, isList := strings.CutSuffix(key, "[]")
	if !isList {
		value, err := r.unescape(rawValue, at)
		return []entry{{key: key, value: value, origin: at}}, err
	}
	var entries []entry
	for i, part := range splitUnescaped(rawValue) {
		value, err := r.unescape(strings.TrimLeft(part, propertySpace), at)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{key: indexed(list, i), value: value, origin: at})
	}
	return entries, nil
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func splitProperty(line string) (key, value string) {
	end := 0
	for ; end < len(line); end++ {
		if line[end] == '\\' {
			end++
			continue
		}
		if strings.IndexByte("=:"+propertySpace, line[end]) >= 0 {
			break
		}
	}
	end = min(end, len(line))
	key = line[:end]
	value = strings.TrimLeft(line[end:], propertySpace)
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], propertySpace)
	}
	return key, value
}

// splitUnescaped splits at commas without a backslash.
func splitUnescaped(s string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func (r *propertiesReader) unescape(s string, at Origin) (string, error) {
	if !strings.ContainsRune(s, '\\') {
		return s, nil
	}
	var b strings.Builder
	var half rune // of a pair of surrogates
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			n, err := strconv.ParseUint(s[i+1:min(i+5, len(s))], 16, 32)
			if err != nil || i+4 >= len(s) {
				return "", &LoadError{
					Origin: at, Problem: `\u must be followed by four hexadecimal digits`,
					Excerpt: excerpt(r.lines, at.Line, 0), Advice: "Correct " + r.name + ".",
				}
			}
			i += 4
			switch c := rune(n); {
			case utf16.IsSurrogate(c) && half == 0 && strings.HasPrefix(s[i+1:], `\u`):
				half = c
				continue
			case half != 0:
				b.WriteRune(utf16.DecodeRune(half, c))
			default:
				b.WriteRune(c)
			}
			half = 0
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
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
