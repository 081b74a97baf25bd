package config

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlScalar returns the text that Spring sees of a scalar. Plain ones follow YAML 1.1, as SnakeYAML reads it: on is true,
// 010 is 8, 1_000 is 1000, 1.50 is 1.5.
func yamlScalar(node *yaml.Node) (string, kind) {
	if node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || node.Tag == "!!str" && node.Style&yaml.TaggedStyle != 0 {
		return node.Value, text
	}
	v := node.Value
	switch v {
	case "", "~", "null", "Null", "NULL":
		return "", null
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return "true", boolean
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return "false", boolean
	}
	if c := v[0]; !(c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9') {
		return v, text
	}
	if s, ok := yamlInt(v); ok {
		return s, number
	}
	if s, ok := yamlFloat(v); ok {
		return s, number
	}
	return v, text
}

// yamlInt reads the integers of YAML 1.1: decimal, 0b, octal with a leading 0, 0x, and sexagesimal 22:22.
func yamlInt(v string) (string, bool) {
	sign, digits := "", v
	if v[0] == '-' || v[0] == '+' {
		digits = v[1:]
		if v[0] == '-' {
			sign = "-"
		}
	}
	digits = strings.ReplaceAll(digits, "_", "")
	if digits == "" {
		return "", false
	}
	n := new(big.Int)
	ok := false
	switch {
	case strings.ContainsRune(digits, ':'):
		for i, part := range strings.Split(digits, ":") {
			one, err := strconv.ParseUint(part, 10, 32)
			if err != nil || i > 0 && (one > 59 || len(part) > 2) || i == 0 && part[0] == '0' {
				return "", false
			}
			n.Add(n.Mul(n, big.NewInt(60)), new(big.Int).SetUint64(one))
		}
		ok = true
	case strings.HasPrefix(digits, "0b"):
		_, ok = n.SetString(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		_, ok = n.SetString(digits[2:], 16)
	case len(digits) > 1 && digits[0] == '0':
		_, ok = n.SetString(digits[1:], 8)
	default:
		_, ok = n.SetString(digits, 10)
	}
	if !ok || n.Sign() < 0 {
		return "", false
	}
	if n.Sign() == 0 {
		sign = ""
	}
	return sign + n.String(), true
}

// yamlFloat reads the floats of YAML 1.1 and writes them as Java does.
func yamlFloat(v string) (string, bool) {
	switch strings.TrimLeft(v, "+-") {
	case ".inf", ".Inf", ".INF":
		if v[0] == '-' {
			return "-Infinity", true
		}
		return "Infinity", true
	case ".nan", ".NaN", ".NAN":
		return "NaN", true
	}
	for i := 0; i < len(v); i++ {
		if !strings.ContainsRune("0123456789+-._eE", rune(v[i])) {
			return "", false
		}
	}
	if !strings.ContainsAny(v, ".eE") {
		return "", false // 08 is neither octal nor a float
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(v, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return "", false
	}
	return javaDouble(f), true
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
		s := strconv.FormatFloat(f, 'E', -1, 64) // 1E+08
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
