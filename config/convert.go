package config

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	s = withoutSpace(s)
	end := len(s)
	for end > 0 && (s[end-1] < '0' || s[end-1] > '9') {
		end--
	}
	switch suffix := s[end:]; suffix {
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
	n, err := strconv.ParseInt(s[:end], 10, 64)
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

// isoDuration is what Java's Duration.parse takes.
var isoDuration = regexp.MustCompile(`^([-+]?)P(?:([-+]?[0-9]+)D)?(?:(T)(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+(?:[.,][0-9]{0,9})?)S)?)?$`)

// parseISODuration reads what Java's Duration.parse does: [+-]PnDTnHnMn.nS.
func parseISODuration(s string) (time.Duration, error) {
	parts := isoDuration.FindStringSubmatch(strings.ToUpper(s))
	if parts == nil || parts[3] != "" && parts[4]+parts[5]+parts[6] == "" {
		return 0, errISO
	}
	total := new(big.Rat)
	n := 0
	for i, unit := range map[int]time.Duration{2: 24 * time.Hour, 4: time.Hour, 5: time.Minute, 6: time.Second} {
		if parts[i] == "" {
			continue
		}
		number := strings.TrimPrefix(strings.Replace(parts[i], ",", ".", 1), "+")
		value, ok := new(big.Rat).SetString(strings.TrimSuffix(number, "."))
		if !ok {
			return 0, errISO
		}
		total.Add(total, value.Mul(value, new(big.Rat).SetInt64(int64(unit))))
		n++
	}
	whole := new(big.Int).Quo(total.Num(), total.Denom())
	if n == 0 || !whole.IsInt64() || whole.Int64() == math.MinInt64 {
		return 0, errISO
	}
	if parts[1] == "-" {
		return time.Duration(-whole.Int64()), nil
	}
	return time.Duration(whole.Int64()), nil
}

// parseInt reads a whole number as Java's Integer.decode: decimal, 0x and #; white space does not count.
func parseInt(s string, bits int) (int64, error) {
	compact := withoutSpace(s)
	digits, negative := strings.CutPrefix(compact, "-")
	base := 10
	for _, prefix := range []string{"0x", "0X", "#"} {
		if hex, ok := strings.CutPrefix(digits, prefix); ok {
			base, digits = 16, hex
			break
		}
	}
	if (negative || base == 16) && strings.TrimLeft(digits, "+-") != digits {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if negative {
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

// withoutSpace removes what Java's Character.isWhitespace knows, which is not the blank that does not break.
func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u00a0', r == '\u2007', r == '\u202f', r == '\u0085':
			return r
		case unicode.IsSpace(r), r >= 0x1c && r <= 0x1f:
			return -1
		}
		return r
	}, s)
}

// trimmed is Java's String.trim.
func trimmed(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// splitList splits a comma-separated text; an empty one has no element.
func splitList(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = trimmed(parts[i])
	}
	return parts
}
