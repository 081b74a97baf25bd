package invoker

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Vars are the variables of a URL template by name. Given alone they replace positional ones.
type Vars map[string]any

// expand puts variables into a template such as http://inventory/stock/{sku}. Every character of a value that is not
// unreserved is escaped (Spring's EncodingMode.TEMPLATE_AND_VALUES), so that a value never changes the path.
func expand(template string, vars []any) (string, error) {
	named, byName := Vars(nil), false
	if len(vars) == 1 {
		named, byName = vars[0].(Vars)
	}
	if !strings.Contains(template, "{") {
		if len(vars) > 0 && !byName {
			return "", fmt.Errorf("%d variables for a template that has none", len(vars))
		}
		return template, nil
	}
	var b strings.Builder
	used := 0
	rest := template
	for {
		start := strings.IndexByte(rest, '{')
		if start < 0 {
			b.WriteString(rest)
			break
		}
		end := closing(rest[start:])
		if end < 0 {
			return "", errOpenBrace
		}
		b.WriteString(rest[:start])
		name, _, _ := strings.Cut(rest[start+1:start+end], ":") // a pattern, as in {id:[0-9]+}, does not matter here
		rest = rest[start+end+1:]
		var value any
		if byName {
			var ok bool
			if value, ok = named[name]; !ok {
				return "", fmt.Errorf("the template has a variable %q that is not given", name)
			}
		} else {
			if used == len(vars) {
				return "", fmt.Errorf("the template needs more variables than the %d given; %q has none", len(vars), name)
			}
			value = vars[used]
			used++
		}
		text, err := textOf(value)
		if err != nil {
			return "", fmt.Errorf("the variable %q %w", name, err)
		}
		escape(&b, text)
	}
	if !byName && used < len(vars) {
		return "", fmt.Errorf("%d variables for a template that has %d", len(vars), used)
	}
	return b.String(), nil
}

// textOf is what a value of a variable looks like in a URL: what a pointer leads to, but never an address or <nil>.
func textOf(value any) (string, error) {
	if _, ok := value.(fmt.Stringer); !ok {
		v := reflect.ValueOf(value)
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.IsValid() && v.CanInterface() {
			value = v.Interface()
		}
	}
	if v := reflect.ValueOf(value); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return "", errors.New("is nil")
	}
	return fmt.Sprint(value), nil
}

// variablesOf returns the names of a template's variables, each once, in the order in which they come.
func variablesOf(template string) ([]string, error) {
	var names []string
	for rest := template; ; {
		start := strings.IndexByte(rest, '{')
		if start < 0 {
			return names, nil
		}
		end := closing(rest[start:])
		if end < 0 {
			return nil, errOpenBrace
		}
		name, _, _ := strings.Cut(rest[start+1:start+end], ":")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		rest = rest[start+end+1:]
	}
}

var errOpenBrace = errors.New("the template has a brace that is not closed")

// closing returns where the brace at the start of s is closed; patterns may hold braces of their own.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func escape(b *strings.Builder, value string) {
	const hex = "0123456789ABCDEF"
	for i := range len(value) {
		c := value[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// pathOf returns the path of a template, which names spans: http://inventory/stock/{sku}?x={x} is /stock/{sku}.
func pathOf(template string) string {
	_, rest, ok := strings.Cut(template, "://")
	if !ok {
		return ""
	}
	slash := strings.IndexAny(rest, "/?#")
	if slash < 0 || rest[slash] != '/' {
		return "/"
	}
	path := rest[slash:]
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	return path
}

// parseURL is [url.Parse] without its text, which quotes what it cannot read: that may be a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("this does not make a URL")
	}
	u.RawQuery = sendable(u.RawQuery)
	return u, nil
}

// sendable is a query as it may stand in a request: what is written into a template, such as a space, would end it too early.
func sendable(query string) string {
	illegal := func(c byte) bool { return c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 }
	n := 0
	for i := range len(query) {
		if illegal(query[i]) {
			n++
		}
	}
	if n == 0 {
		return query
	}
	b := make([]byte, 0, len(query)+2*n)
	for i := range len(query) {
		if c := query[i]; illegal(c) {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// shownTemplate is a template without credentials and query.
func shownTemplate(template string) string {
	template, _, _ = strings.Cut(template, "?")
	scheme, rest, ok := strings.Cut(template, "://")
	if !ok {
		return template
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return scheme + "://" + strings.TrimSuffix(authority[at+1:]+"/"+path, "/")
	}
	return template
}
