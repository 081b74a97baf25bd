package config

import (
	"strings"
	"unicode/utf16"
)

// A key is compared in its uniform form (Spring's relaxed names): each dotted element without anything but letters and
// digits, in lower case, and an index as an element of its own. "eureka.client.service-url", "EUREKA_CLIENT_SERVICEURL"
// and "eureka.client.serviceUrl" are one; so are "list[0].host" and "LIST_0_HOST".

// element is what a key holds between dots or in brackets.
type element struct {
	start, end int
	form       form
}

// form is what an element is made of.
type form uint8

const (
	nothing   form = iota // of what names are made of: it is none, and left out
	plain                 // lower case letters and digits
	dashed                // and dashes
	odd                   // other characters, too, which do not count
	index                 // a number in brackets
	bracketed             // another text in brackets, all of which counts
)

// elements adds the elements of a key to a list, as Spring's ConfigurationPropertyName has them.
func elements(key string, all []element) []element {
	start, depth, f := 0, 0, nothing
	end := func(i int) {
		if i > start && f != nothing {
			all = append(all, element{start, i, f})
		}
		start, f = i+1, nothing
	}
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case c == '[':
			if depth == 0 {
				end(i)
				f = index
			}
			depth++
		case c == ']':
			if depth--; depth == 0 {
				end(i)
			}
		case c == '.' && f < index:
			end(i)
		default:
			f = f.with(c, i == start)
		}
	}
	if depth != 0 {
		f = odd // the bracket is not closed
	}
	end(len(key))
	return all
}

// with is the form of an element to which a character is added.
func (f form) with(c byte, first bool) form {
	alphanumeric := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
	switch valid := alphanumeric || c == '-' && !first; {
	case f == bracketed, f == index && '0' <= c && c <= '9':
		return f
	case f == index:
		return bracketed
	case f == nothing && valid && first:
		return plain
	case f == nothing && !valid && (c < 'A' || c > 'Z'):
		return nothing
	case f == plain && c == '-':
		return dashed
	case f == nothing, !valid:
		return odd
	}
	return f
}

// text is an element as it is written, without brackets.
func (e element) text(key string) string { return key[e.start:e.end] }

// until is a key up to an element.
func (e element) until(key string) string {
	if e.form >= index {
		return key[:e.end+1]
	}
	return key[:e.end]
}

// uniform returns the uniform form of a key as written in a file, an argument or code.
func uniform(key string) string {
	var few [12]element
	all := elements(key, few[:0])
	if asWritten(all) {
		return key
	}
	b := make([]byte, 0, len(key))
	for i, e := range all {
		if i > 0 {
			b = append(b, '.')
		}
		before := len(b)
		for j := e.start; j < e.end; j++ {
			switch c := key[j]; {
			case e.form >= index && c == '.':
				b = append(b, 0) // it ends no element
			case e.form >= index, 'a' <= c && c <= 'z', '0' <= c && c <= '9':
				b = append(b, c)
			case 'A' <= c && c <= 'Z':
				b = append(b, c+('a'-'A'))
			}
		}
		if len(b) == before {
			b = append(b, e.text(key)...)
		}
	}
	return string(b)
}

// asWritten reports whether the uniform form of a key is the key. It is of one in lower case, even one with a dot or the like at its
// end: Spring compares such keys as they stand, though others with a dot at their end equal those without.
func asWritten(all []element) bool {
	for i, e := range all {
		if e.form != plain || i > 0 && all[i-1].end+1 != e.start {
			return false
		}
	}
	return true
}

// legacyName is the variable of a key in which each dash, too, became an underscore: SPRING_MAIN_LOG_STARTUP_INFO. Spring still finds
// single values by it. It is "" where that is the name that the key has anyway.
func legacyName(key string) string {
	if !strings.ContainsAny(key, "-_") {
		return ""
	}
	parts := split(key)
	for i, part := range parts {
		parts[i] = strings.ToUpper(strings.ReplaceAll(mapKey(part), "-", "_"))
	}
	return strings.Join(parts, "_")
}

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
func writtenBelow(key string, prefix int) string {
	all := elements(key, nil)
	switch {
	case prefix >= len(all):
		return ""
	case all[prefix].form >= index:
		return key[all[prefix].start-1:]
	}
	return key[all[prefix].start:]
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

// split returns the elements of a key as written; those in brackets keep them.
func split(key string) []string {
	var few [12]element
	all := elements(key, few[:0])
	parts := make([]string, len(all))
	for i, e := range all {
		parts[i] = e.text(key)
		if e.form >= index {
			parts[i] = key[e.start-1 : e.end+1]
		}
	}
	return parts
}

// before reports whether Spring takes a over b where both spell one key in one source: the kebab form, else whichever Java's
// HashSet holds first.
func before(a, b string) bool {
	if isName(a) != isName(b) {
		return isName(a)
	}
	if dashes := strings.Count(a, "-") - strings.Count(b, "-"); isName(a) && dashes != 0 {
		return dashes > 0
	}
	return javaBucket(a) < javaBucket(b)
}

// javaBucket is where a small HashSet of Java keeps a text.
func javaBucket(s string) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(s)) {
		hash = 31*hash + int32(unit)
	}
	return (hash ^ int32(uint32(hash)>>16)) & 15
}
