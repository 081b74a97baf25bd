package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// convert sets v to what text says. from is the entry that has it, which may have been a number or a boolean before it became
// text; nil for an element of a comma-separated text.
func convert(text string, v reflect.Value, unit time.Duration, from *entry) error {
	if v.CanAddr() {
		if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(text))
		}
	}
	switch v.Type() {
	case urlType:
		u, err := url.Parse(text)
		if err != nil {
			return errors.New("is not a URL") // the parser's text would show credentials
		}
		v.Set(reflect.ValueOf(*u))
		return nil
	case durationType:
		d, err := ParseDuration(text, unit)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	case dataSizeType:
		d, err := ParseDataSize(text, Byte)
		if err == nil {
			v.SetInt(int64(d))
		}
		return err
	}
	number := from != nil && from.kind == number
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		on, err := parseBool(text)
		if err == nil && number {
			err = fmt.Errorf("the number %s is neither true nor false", text) // as Spring: 1 and 0 count as text only
		}
		if err != nil {
			return err
		}
		v.SetBool(on)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := wholeNumber(text, v.Type().Bits(), number)
		if err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n, err := strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(n)
			return nil
		}
		n, err := wholeNumber(text, 64, number)
		if err == nil && (n < 0 || v.OverflowUint(uint64(n))) {
			err = fmt.Errorf("%q is out of range", text)
		}
		if err != nil {
			return err
		}
		v.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		f, err := parseFloat(text)
		if err != nil {
			return err
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("cannot be bound to a %s", v.Type())
	}
	return nil
}

// wholeNumber reads an integer. A number of YAML or JSON may have been written as 1.0 or 1e3; its fraction is cut off, as Java
// casts; 64 bits hold the nearest number that they can.
func wholeNumber(text string, bits int, number bool) (int64, error) {
	if number && strings.ContainsAny(text, ".EIN") {
		f, err := strconv.ParseFloat(text, 64)
		limit := math.Ldexp(1, bits-1)
		switch {
		case math.IsNaN(f):
			return 0, nil
		case err == nil && bits == 64 && f < -limit:
			return math.MinInt64, nil
		case err == nil && bits == 64 && f >= limit:
			return math.MaxInt64, nil
		case err != nil || f < -limit || f >= limit:
			return 0, fmt.Errorf("%q is out of range", text)
		}
		return int64(f), nil
	}
	return parseInt(text, bits)
}

// parseFloat reads what Java's Double.valueOf does; white space does not count.
func parseFloat(text string) (float64, error) {
	compact := withoutSpace(text)
	digits := strings.TrimLeft(compact, "+-")
	switch digits {
	case "NaN", "Infinity":
		return strconv.ParseFloat(compact, 64)
	}
	hex := strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")
	if !hex || strings.ContainsAny(digits, "pP") {
		compact = strings.TrimRight(compact, "dDfF") // Java's suffixes
	}
	f, err := strconv.ParseFloat(compact, 64)
	if errors.Is(err, strconv.ErrRange) {
		return f, nil // infinite, or nothing
	}
	first := byte(0)
	if digits != "" {
		first = digits[0]
	}
	if err != nil || strings.ContainsRune(digits, '_') || first != '.' && (first < '0' || first > '9') || len(digits) > len(strings.TrimRight(digits, "dDfF"))+1 && !hex {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}

// Choice returns the one of names that text means, as Spring reads enumerations: case, dashes and underscores do not count,
// and on and off may have become true and false in YAML.
func Choice(text string, names ...string) (string, error) {
	wanted := uniform(trimmed(text))
	for _, name := range names {
		if uniform(name) == wanted {
			return name, nil
		}
	}
	for _, name := range names {
		if wanted == "true" && strings.EqualFold(name, "on") || wanted == "false" && strings.EqualFold(name, "off") {
			return name, nil
		}
	}
	return "", fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
}
