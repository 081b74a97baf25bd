package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// readProperties returns the entries of each document of a .properties file. Documents are separated by #--- or !--- alone
// on a line. Text is UTF-8; a file that is not counts as ISO-8859-1, Java's old rule.
func readProperties(name string, data []byte) ([][]entry, error) {
	content := strings.TrimPrefix(string(data), "\ufeff")
	if !utf8.Valid(data) {
		runes := make([]rune, len(data))
		for i, c := range data {
			runes[i] = rune(c)
		}
		content = string(runes)
	}
	documents := [][]entry{nil}
	lines := strings.Split(content, "\n")
	for i := 0; i < len(lines); i++ {
		raw := strings.TrimSuffix(lines[i], "\r")
		if raw == "#---" || raw == "!---" {
			documents = append(documents, nil)
			continue
		}
		line := strings.TrimLeft(raw, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := Origin{Source: name, Line: i + 1}
		for continues(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(strings.TrimSuffix(lines[i], "\r"), " \t\f")
		}
		key, value := splitProperty(line)
		at.Column = len(raw) - len(strings.TrimLeft(raw, " \t\f")) + 1
		last := len(documents) - 1
		documents[last] = append(documents[last], entry{key: unescapeProperty(key), value: unescapeProperty(value), origin: at})
	}
	return documents, nil
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	n := 0
	for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

func splitProperty(line string) (key, value string) {
	end := 0
	for ; end < len(line); end++ {
		if line[end] == '\\' {
			end++
			continue
		}
		if strings.IndexByte("=: \t\f", line[end]) >= 0 {
			break
		}
	}
	end = min(end, len(line))
	key = line[:end]
	value = strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return key, value
}

func unescapeProperty(s string) string {
	if !strings.ContainsRune(s, '\\') {
		return s
	}
	var b strings.Builder
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
			if i+4 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+5], 16, 32); err == nil {
					b.WriteRune(rune(n))
					i += 4
					continue
				}
			}
			b.WriteByte('u')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
