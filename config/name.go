package config

import "strings"

// A key is compared in its uniform form (Spring's relaxed names): each dotted element without anything but letters and
// digits, in lower case, and an index as an element of its own. "eureka.client.service-url", "EUREKA_CLIENT_SERVICEURL"
// and "eureka.client.serviceUrl" are one; so are "list[0].host" and "LIST_0_HOST".

// uniform returns the uniform form of a key as written in a file, an argument or code.
func uniform(key string) string {
	b := make([]byte, 0, len(key))
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case c == '.':
			b = appendDot(b)
		case c == '[':
			end := strings.IndexByte(key[i:], ']')
			if end < 0 {
				continue
			}
			b = append(appendDot(b), strings.ToLower(key[i+1:i+end])...) // a bracketed element counts as it stands
			i += end
		case 'A' <= c && c <= 'Z':
			b = append(b, c+('a'-'A'))
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80:
			b = append(b, c)
		}
	}
	return string(b)
}

func appendDot(b []byte) []byte {
	if len(b) == 0 || b[len(b)-1] == '.' {
		return b
	}
	return append(b, '.')
}

// uniformVariable returns the uniform form of an environment variable: every underscore may be a dot.
func uniformVariable(name string) string {
	return uniform(strings.ReplaceAll(name, "_", "."))
}

// legacyUniform is how a variable spells a key when each dash, too, became an underscore: SPRING_MAIN_LOG_STARTUP_INFO. Spring
// still finds scalars by it.
func legacyUniform(key string) string {
	if !strings.ContainsRune(key, '-') {
		return ""
	}
	return uniform(strings.ReplaceAll(key, "-", "."))
}

// join puts an element below a prefix.
func join(prefix, element string) string {
	switch {
	case prefix == "":
		return element
	case element == "":
		return prefix
	case element[0] == '[':
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
			for i < len(key) && key[i] != ']' {
				i++
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

// canonical reports whether a key is written in kebab form, which wins over other spellings in one source.
func canonical(key string) bool {
	return !strings.ContainsAny(key, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}
