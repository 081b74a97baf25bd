package wire

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDepth is how deep a document may nest. Eureka's own need seven levels; the bound keeps a hostile one from growing
// the stack.
const MaxDepth = 100

// SyntaxError is a document that is not valid JSON or XML, ends early or nests too deep.
type SyntaxError struct {
	Format  string // "JSON" or "XML"
	Offset  int    // of the byte that cannot be, from 0
	Problem string // such as "ends early"
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("wire: %s document, byte %d: %s", e.Format, e.Offset, e.Problem)
}

// ShapeError is a document that is not the Eureka document expected: an error page, another kind of document, nothing.
type ShapeError struct {
	Want   string // the root expected, such as "applications"
	Begins string // how the document begins, shortened and printable; empty for an empty document
}

func (e *ShapeError) Error() string {
	if e.Begins == "" {
		return "wire: not a Eureka document: it is empty"
	}
	return fmt.Sprintf("wire: not a Eureka document: no %q in what begins with %s", e.Want, e.Begins)
}

func newShapeError(want string, data []byte) error {
	return &ShapeError{Want: want, Begins: beginning(data)}
}

// beginning quotes the first few characters of a document that is not ours: enough to recognise a log-in page by, and
// nothing that a log line or terminal would stumble over.
func beginning(data []byte) string {
	const limit = 40
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return ""
	}
	shortened := len(data) > limit
	if shortened {
		data = data[:limit]
		for len(data) > limit-utf8.UTFMax && !utf8.Valid(data) {
			data = data[:len(data)-1]
		}
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return ' '
	}, string(data))
	if shortened {
		text += "…"
	}
	return `"` + text + `"`
}

// ValueError is a value of a registration that its author should hear of, since it cannot be meant. In a registry the
// same value only switches off what it stands for.
type ValueError struct {
	Field   string // such as "port"
	Value   string // what stands there, shortened, printable and quoted
	Problem string // such as "is not a number from 0 to 65535"
}

func (e *ValueError) Error() string {
	return "wire: " + e.Field + " " + e.Value + " " + e.Problem
}
