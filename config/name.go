package config

import (
	"strings"
	"unicode/utf16"
)

// A key is compared in its uniform form (Spring's relaxed names): each dotted element without anything but letters and
// digits, in lower case, and an index as an element of its own. "eureka.client.service-url", "EUREKA_CLIENT_SERVICEURL"
// and "eureka.client.serviceUrl" are one; so are "list[0].host" and "LIST_0_HOST".

// uniform returns the uniform form of a key as written in a file, an argument or code.
func uniform(key string) string {
	b := make([]byte, 0, len(key))
	start := 0 // of the element, in key
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case c == '.':
			b, start = endElement(b, key[start:i]), i+1
		case c == '[':
			end := closingBracket(key, i)
			if end < 0 {
				continue
			}
			b = append(endElement(b, key[start:i]), bracketed(key[i+1:end])...)
			i, start = end, end+1
			if start < len(key) && key[start] != '.' && key[start] != '[' {
				b = append(b, '.') // [x]y are two elements
			}
		case 'A' <= c && c <= 'Z':
			b = append(b, c+('a'-'A'))
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b = append(b, c)
		}
	}
	if start < len(key) && (len(b) == 0 || b[len(b)-1] == '.') {
		b = append(b, key[start:]...)
	}
	if len(b) > 0 && b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// closingBracket returns where the bracket at open is closed, or -1. Brackets nest.
func closingBracket(key string, open int) int {
	depth := 0
	for i := open; i < len(key); i++ {
		switch key[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// bracketed is the uniform form of what stands in brackets: as it stands, and no dot in it ends an element.
func bracketed(element string) string { return strings.ReplaceAll(element, ".", "\x00") }

// endElement ends an element with a dot. One of which nothing is left stays as it was written: it must not become its parent.
func endElement(b []byte, written string) []byte {
	if len(b) == 0 || b[len(b)-1] == '.' {
		if written == "" {
			return b
		}
		b = append(b, written...)
	}
	return append(b, '.')
}

// legacyUniform is how a variable spells a key when each dash, too, became an underscore, or the key of a map has one:
// SPRING_MAIN_LOG_STARTUP_INFO. Spring still finds scalars by it.
func legacyUniform(key string) string {
	if !strings.ContainsAny(key, "-_") {
		return ""
	}
	return uniform(dotted.Replace(key))
}

var dotted = strings.NewReplacer("-", ".", "_", ".")

// join puts an element below a prefix.
func join(prefix, element string) string {
	switch {
	case prefix == "":
		return element
	case element == "":
		return prefix
	case element[0] == '[' && strings.IndexByte(element, ']') > 0:
		return prefix + element
	}
	return prefix + "." + element
}

// below returns what follows prefix in a uniform key, and whether something does.
func below(key, prefix string) (string, bool) {
	if prefix == "" {
		return key, key != ""
	}
	if len(key) > len(prefix)+1 && key[len(prefix)] == '.' && key[:len(prefix)] == prefix {
		return key[len(prefix)+1:], true
	}
	return "", false
}

// writtenBelow returns what follows the elements of a prefix in a key as written. Both have the same elements there.
func writtenBelow(key string, elements int) string {
	seen := 0
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '.':
			if seen++; seen == elements {
				return key[i+1:]
			}
		case '[':
			if i > 0 && key[i-1] != '.' {
				if seen++; seen == elements {
					return key[i:]
				}
			}
			if end := closingBracket(key, i); end >= 0 {
				i = end
			}
			if next := i + 1; next < len(key) && key[next] != '.' && key[next] != '[' {
				if seen++; seen == elements {
					return key[next:]
				}
			}
		}
	}
	return ""
}

// elementsOf counts the elements of a uniform key.
func elementsOf(uniform string) int {
	if uniform == "" {
		return 0
	}
	return strings.Count(uniform, ".") + 1
}

// kebab returns the canonical spelling of a Go field's name: FetchInterval is fetch-interval, ServiceURL service-url.
func kebab(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			before := i > 0 && !('A' <= name[i-1] && name[i-1] <= 'Z')
			after := i > 0 && i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z'
			if before || after {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// isName reports whether a key is a valid name in Spring's eyes: lower case letters, digits and dashes, with indices. Only
// such keys are compared relaxed where Spring looks one up; others are looked up as they stand.
func isName(key string) bool {
	element := false // whether something stands since the last dot
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-' && element:
			element = true
		case c == '.' && element && i+1 < len(key):
			element = false
		case c == '[':
			end := closingBracket(key, i)
			if end < i+2 {
				return false
			}
			i, element = end, true
		default:
			return false
		}
	}
	return element
}

// mapKey returns an element as the key of a map: letters, digits, underscores and dashes but for a first one, or what stands in
// brackets.
func mapKey(element string) string {
	if strings.HasPrefix(element, "[") && strings.HasSuffix(element, "]") {
		return element[1 : len(element)-1]
	}
	element = strings.TrimPrefix(element, "-")
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, element)
}

// split returns the elements of a key as written; indices keep their brackets.
func split(key string) []string {
	var all []string
	start := 0
	end := func(i int) {
		if i > start {
			all = append(all, key[start:i])
		}
	}
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '.':
			end(i)
			start = i + 1
		case '[':
			closed := closingBracket(key, i)
			if closed < 0 {
				continue
			}
			end(i)
			all = append(all, key[i:closed+1])
			i, start = closed, closed+1
		}
	}
	end(len(key))
	return all
}

// before reports whether Spring takes a over b where both spell one key in one source: the kebab form, else whichever Java's
// HashSet holds first.
func before(a, b string) bool {
	if canonical(a) != canonical(b) {
		return canonical(a)
	}
	if dashes := strings.Count(a, "-") - strings.Count(b, "-"); canonical(a) && dashes != 0 {
		return dashes > 0
	}
	return javaBucket(a) < javaBucket(b)
}

// canonical reports whether a key is written in kebab form.
func canonical(key string) bool {
	return !strings.ContainsAny(key, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// javaBucket is where a small HashSet of Java keeps a text.
func javaBucket(s string) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(s)) {
		hash = 31*hash + int32(unit)
	}
	return (hash ^ int32(uint32(hash)>>16)) & 15
}
