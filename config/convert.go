package config

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Secret is a text that never prints: String, JSON and logs show "******". Convert it to a string to use it.
type Secret string

const masked = "******"

// String returns "******", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString returns what String does.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText returns what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// DataSize is a number of bytes, written as 512, 64KB, 2MB; units count in steps of 1024.
type DataSize int64

// Units of [DataSize].
const (
	Byte     DataSize = 1
	Kilobyte          = 1024 * Byte
	Megabyte          = 1024 * Kilobyte
	Gigabyte          = 1024 * Megabyte
	Terabyte          = 1024 * Gigabyte
)

// String returns the size in the largest unit that gives a whole number.
func (d DataSize) String() string {
	for _, unit := range []struct {
		name string
		size DataSize
	}{{"TB", Terabyte}, {"GB", Gigabyte}, {"MB", Megabyte}, {"KB", Kilobyte}} {
		if d != 0 && d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + "B"
}

// ParseDataSize reads Spring's DataSize: a whole number with B, KB, MB, GB or TB behind it, or unit when it has none.
func ParseDataSize(s string, unit DataSize) (DataSize, error) {
	s = strings.Join(strings.Fields(s), "") // blanks do not count
	end := len(s)
	for end > 0 && (s[end-1] < '0' || s[end-1] > '9') {
		end--
	}
	switch suffix := strings.TrimSpace(s[end:]); suffix {
	case "":
	case "B":
		unit = Byte
	case "KB":
		unit = Kilobyte
	case "MB":
		unit = Megabyte
	case "GB":
		unit = Gigabyte
	case "TB":
		unit = Terabyte
	default:
		return 0, fmt.Errorf("%q is not a size such as 512, 64KB or 2MB", s)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(s[:end]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 512, 64KB or 2MB", s)
	}
	if n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, fmt.Errorf("%q is too large for a size", s)
	}
	return DataSize(n) * unit, nil
}

// ParseDuration reads Spring's durations: a whole number with ns, us, ms, s, m, h or d behind it, ISO-8601 such as PT1M30S,
// or a bare number of units.
func ParseDuration(s string, unit time.Duration) (time.Duration, error) {
	wrong := fmt.Errorf("%.100q is not a duration such as 500ms, 10s, 5m or PT30S", s)
	if s == "" || len(s) > 1000 { // whose digits would take long to read
		return 0, wrong
	}
	if rest := strings.TrimLeft(s, "+-"); rest != "" && (rest[0] == 'P' || rest[0] == 'p') {
		d, err := parseISODuration(s)
		if err != nil {
			return 0, wrong
		}
		return d, nil
	}
	end := len(s)
	for end > 0 && (s[end-1] < '0' || s[end-1] > '9') {
		end--
	}
	switch strings.ToLower(s[end:]) {
	case "":
	case "ns":
		unit = time.Nanosecond
	case "us":
		unit = time.Microsecond
	case "ms":
		unit = time.Millisecond
	case "s":
		unit = time.Second
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return 0, wrong
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0, wrong
	}
	return times(n, unit, s)
}

func times(n int64, unit time.Duration, s string) (time.Duration, error) {
	if n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, fmt.Errorf("%q is too long for a duration", s)
	}
	return time.Duration(n) * unit, nil
}

var errISO = errors.New("not an ISO-8601 duration")

// parseISODuration reads what Java's Duration.parse does: [+-]PnDTnHnMn.nS.
func parseISODuration(s string) (time.Duration, error) {
	sign := int64(1)
	if s[0] == '-' || s[0] == '+' {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	s = strings.ToUpper(s)
	s, ok := strings.CutPrefix(s, "P")
	if !ok {
		return 0, errISO
	}
	date, clock, hasClock := strings.Cut(s, "T")
	total := new(big.Rat)
	n := 0
	take := func(part, units string, sizes []time.Duration) error {
		for part != "" {
			i := strings.IndexAny(part, units)
			if i <= 0 {
				return errISO
			}
			at := strings.IndexByte(units, part[i])
			number := part[:i]
			if strings.ContainsAny(number, "eE/xX_") || strings.ContainsRune(number, '.') && part[i] != 'S' {
				return errISO
			}
			value, ok := new(big.Rat).SetString(strings.TrimPrefix(number, "+"))
			if !ok {
				return errISO
			}
			total.Add(total, value.Mul(value, new(big.Rat).SetInt64(int64(sizes[at]))))
			part, units, sizes = part[i+1:], units[at+1:], sizes[at+1:]
			n++
		}
		return nil
	}
	if err := take(date, "D", []time.Duration{24 * time.Hour}); err != nil {
		return 0, err
	}
	if err := take(clock, "HMS", []time.Duration{time.Hour, time.Minute, time.Second}); err != nil {
		return 0, err
	}
	whole := new(big.Int).Quo(total.Num(), total.Denom())
	if n == 0 || hasClock && clock == "" || !whole.IsInt64() || whole.Int64() == math.MinInt64 {
		return 0, errISO
	}
	return time.Duration(sign * whole.Int64()), nil
}

// parseInt reads a whole number as Java's Integer.decode: decimal, 0x and #; white space does not count.
func parseInt(s string, bits int) (int64, error) {
	compact := strings.Join(strings.Fields(s), "")
	base, digits := 10, strings.TrimLeft(compact, "+-")
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "#"):
		base, digits = 16, digits[1:]
	}
	if strings.HasPrefix(compact, "-") {
		digits = "-" + digits
	}
	n, err := strconv.ParseInt(digits, base, bits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is out of range", s)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

// splitList splits a comma-separated text; an empty one has no element.
func splitList(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
