package config

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// randomValue makes Spring's random.*: int, long, uuid, value, with a bound or a range behind int and long.
func randomValue(expression string) (string, error) {
	switch {
	case expression == "int" || expression == "long":
		bits := map[string]uint{"int": 32, "long": 64}[expression]
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
		if err != nil {
			return "", err
		}
		return n.Sub(n, new(big.Int).Lsh(big.NewInt(1), bits-1)).String(), nil
	case strings.HasPrefix(expression, "int"), strings.HasPrefix(expression, "long"):
		return randomIn(strings.TrimPrefix(strings.TrimPrefix(expression, "int"), "long"))
	}
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	if expression != "uuid" {
		return hex.EncodeToString(b[:]), nil
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// randomIn reads "(10)" or "[5,10]": the brackets may be any characters, the upper bound is left out.
func randomIn(bounds string) (string, error) {
	if len(bounds) < 3 {
		return "", fmt.Errorf("random%s: a bound such as (10) or [5,10] is expected", bounds)
	}
	low, high, isRange := strings.Cut(bounds[1:len(bounds)-1], ",")
	if !isRange {
		low, high = "0", low
	}
	from, err := strconv.ParseInt(low, 10, 64)
	if err != nil {
		return "", fmt.Errorf("random%s: %w", bounds, err)
	}
	to, err := strconv.ParseInt(high, 10, 64)
	switch {
	case err != nil:
		return "", fmt.Errorf("random%s: %w", bounds, err)
	case !isRange && to <= 0:
		return "", fmt.Errorf("random%s: Bound must be positive.", bounds) //nolint:staticcheck // Spring's words
	case from >= to || to-from < 0 || to == math.MinInt64:
		return "", fmt.Errorf("random%s: Lower bound must be less than upper bound.", bounds) //nolint:staticcheck // Spring's words
	}
	n, err := rand.Int(rand.Reader, big.NewInt(to-from))
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(from+n.Int64(), 10), nil
}
