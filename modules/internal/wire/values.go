package wire

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// number reads the text of a whole number. Anything else, also one that does not fit, is no number.
func number(text []byte) (int64, bool) {
	text = trim(text)
	if n := len(text); n == 0 || n > 18 {
		return slowNumber(text)
	}
	digits := text
	if digits[0] == '-' {
		digits = digits[1:]
	}
	var n int64
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return slowNumber(text)
		}
		n = n*10 + int64(c)
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, len(digits) > 0
}

// trim is bytes.TrimSpace, which mostly finds nothing to trim.
func trim(text []byte) []byte {
	if n := len(text); n > 0 && text[0] > ' ' && text[0] < utf8.RuneSelf && text[n-1] > ' ' && text[n-1] < utf8.RuneSelf {
		return text
	}
	return bytes.TrimSpace(text)
}

// slowNumber reads what some languages make of whole numbers: 1.7e12, 30.0, and milliseconds with a fraction, which is dropped as Netflix's
// server does.
func slowNumber(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 40 {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// smallNumber is number for what fits 32 bits.
func smallNumber(text []byte) (int, bool) {
	n, ok := number(text)
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int(n), ok
}

// flag reads "true" and "false" in any case.
func flag(text []byte) (value, ok bool) {
	switch string(text) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	text = trim(text)
	switch {
	case bytes.EqualFold(text, trueText):
		return true, true
	case bytes.EqualFold(text, falseText):
		return false, true
	}
	return false, false
}

// status reads a status by its exact name, as Eureka does in JSON. Anything else is Unknown.
func status(text []byte) discovery.Status {
	if string(text) == "UP" {
		return discovery.Up
	}
	return discovery.ParseStatus(string(trim(text)))
}

// action reads what a server did. What it does not know is a change of some kind.
func action(text []byte) Action {
	switch string(trim(text)) {
	case "ADDED":
		return Added
	case "DELETED":
		return Deleted
	case "":
		return None
	}
	return Modified
}

// dataCenterName reads the name of a data centre. One that Eureka does not have would break its strict readers.
func dataCenterName(text []byte) string {
	for _, name := range [...]string{MyOwn, Amazon, Netflix} {
		if string(text) == name || strings.EqualFold(string(trim(text)), name) {
			return name
		}
	}
	if len(text) == 0 {
		return ""
	}
	return MyOwn
}

// upper returns text in upper case; mostly it is.
func upper(text []byte) []byte {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return bytes.Map(unicode.ToUpper, text)
		}
		if 'a' <= c && c <= 'z' {
			return bytes.ToUpper(text)
		}
	}
	return text
}

// marker reports whether an entry of metadata is Java's word for an empty map, not an entry.
func marker(key string, value []byte) bool {
	return key == "@class" || key == "class" && string(value) == emptyMap
}

const emptyMap = "java.util.Collections$EmptyMap"

// set takes the number of a port. One that makes no sense switches the port off, so that nobody calls what was never
// meant. An empty text says nothing. A negative number, Spring's for a program without a port, is kept until [Port.settle].
func (p *Port) set(field string, text []byte) error {
	n, ok := smallNumber(text)
	switch {
	case ok && n <= 65535:
		p.Number = n
	case len(trim(text)) > 0:
		*p = Port{}
		return &ValueError{Field: field, Value: beginning(text), Problem: "is not a number from 0 to 65535"}
	}
	return nil
}

// settle switches a port off that is none.
func (p *Port) settle() {
	if p.Number < 0 {
		*p = Port{}
	}
}
