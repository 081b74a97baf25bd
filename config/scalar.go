package config

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlScalar returns the text that Spring sees of a scalar, as SnakeYAML makes it. Plain ones follow YAML 1.1: on is true, 010 is
// 8, 1_000 is 1000, 1.50 is 1.5. An error is a value that its tag, or its own look, makes impossible.
func yamlScalar(node *yaml.Node) (string, kind, error) {
	v := node.Value
	if node.Style&yaml.TaggedStyle != 0 {
		return taggedScalar(node)
	}
	if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return v, text, nil
	}
	switch v {
	case "<<":
		return "", text, fmt.Errorf("<< can only be a key, of what is merged")
	case "", "~", "null", "Null", "NULL":
		return "", null, nil
	}
	if b, ok := yamlBool(v); ok && (v == strings.ToLower(v) || v == strings.ToUpper(v) || v[1:] == strings.ToLower(v[1:])) {
		return b, boolean, nil
	}
	first := v[0]
	if first != '-' && first != '+' && first != '.' && (first < '0' || first > '9') || len(v) > 1024 {
		return v, text, nil
	}
	switch {
	case yamlInts.MatchString(v):
		n, err := yamlInt(v)
		return n, number, err
	case yamlFloats.MatchString(v):
		f, err := yamlFloat(v)
		return f, number, err
	}
	return v, text, nil
}

// taggedScalar is yamlScalar for !!int "7" and its like.
func taggedScalar(node *yaml.Node) (string, kind, error) {
	switch v := node.Value; node.ShortTag() {
	case "!!int":
		n, err := yamlInt(v)
		return n, number, err
	case "!!float":
		f, err := yamlFloat(v)
		return f, number, err
	case "!!bool":
		if b, ok := yamlBool(v); ok {
			return b, boolean, nil
		}
		return "", null, nil
	case "!!null":
		return "", null, nil
	default:
		return v, text, nil
	}
}

func yamlBool(v string) (string, bool) {
	switch strings.ToLower(v) {
	case "true", "yes", "on":
		return "true", true
	case "false", "no", "off":
		return "false", true
	}
	return "", false
}

// What plain scalars look like a number, in SnakeYAML's words.
var (
	yamlInts = regexp.MustCompile(`^(?:[-+]?0b_*[0-1][0-1_]*|[-+]?0_*[0-7][0-7_]*|[-+]?(?:0|[1-9][0-9_]*)|` +
		`[-+]?0x_*[0-9a-fA-F][0-9a-fA-F_]*|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlFloats = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|` +
		`[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
)

// yamlInt reads the integers of YAML 1.1: decimal, 0b, octal with a leading 0, 0x, and sexagesimal 22:22.
func yamlInt(v string) (string, error) {
	digits := strings.ReplaceAll(v, "_", "")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	base := 10
	switch {
	case digits == "0":
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0"):
		base, digits = 8, digits[1:]
	case strings.Contains(digits, ":"):
		var total, size int32 = 0, 1 // which wrap around, as Java's do
		for _, part := range slices.Backward(strings.Split(digits, ":")) {
			n, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				return "", fmt.Errorf("%q is not a whole number", v)
			}
			total, size = int32(int64(total)+n*int64(size)), size*60
		}
		digits = strconv.Itoa(int(total))
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || digits[0] == '-' && base != 10 || digits[0] == '+' {
		return "", fmt.Errorf("%q is not a whole number", v)
	}
	if negative {
		n.Neg(n)
	}
	return n.String(), nil
}

// yamlFloat reads the floats of YAML 1.1 and writes them as Java does.
func yamlFloat(v string) (string, error) {
	digits := strings.ReplaceAll(v, "_", "")
	sign := 1.0
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = -1, digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	}
	switch strings.ToLower(digits) {
	case ".inf":
		return javaDouble(math.Inf(int(sign))), nil
	case ".nan":
		return "NaN", nil
	}
	total, size := 0.0, 1.0
	for _, part := range slices.Backward(strings.Split(digits, ":")) {
		f, err := parseFloat(part)
		if err != nil {
			return "", fmt.Errorf("%q is not a number", v)
		}
		total, size = total+f*size, size*60
	}
	return javaDouble(sign * total), nil
}

// javaDouble writes a number as Java's Double.toString: 1.5, 1000.0, 1.0E8.
func javaDouble(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if size := math.Abs(f); size != 0 && (size < 1e-3 || size >= 1e7) {
		s := strconv.FormatFloat(f, 'E', -1, 64)                                      // 1E+08
		if two := strconv.FormatFloat(f, 'E', 1, 64); !strings.ContainsRune(s, '.') { // as near as two digits come: 4.9E-324
			if same, err := strconv.ParseFloat(two, 64); err == nil && same == f {
				s = two
			}
		}
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.ContainsRune(mantissa, '.') {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsRune(s, '.') {
		s += ".0"
	}
	return s
}
