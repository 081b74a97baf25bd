package rest

import (
	"bytes"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// declarable are the encodings beside Unicode's that an XML declaration may name.
var declarable = map[string]encoding.Encoding{"iso-8859-1": charmap.ISO8859_1, "windows-1252": charmap.Windows1252}

// utf8Text returns a document in UTF-8, without the mark of its byte order. What Windows' tools and older libraries send is UTF-16 or
// begins with that mark; Netflix's parsers find out by the first bytes, as this does, whatever the Content-Type says. A document that
// is UTF-8 already, as nearly all are, is returned as it is.
func utf8Text(document []byte) []byte {
	if len(document) < 2 {
		return document
	}
	switch first, second := document[0], document[1]; {
	case first == 0xEF || first >= 0xFE: // a mark, or no text at all
		return declared(transcoded(document, unicode.BOMOverride(encoding.Nop.NewDecoder())))
	case first == 0:
		return declared(transcoded(document, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()))
	case second == 0:
		return declared(transcoded(document, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()))
	case first == '<' && second == '?':
		name, rest := declaration(document)
		if from, ok := declarable[name]; ok {
			return transcoded(rest, from.NewDecoder())
		}
	}
	return document
}

// declared leaves the declaration out that says which encoding a document was in.
func declared(document []byte) []byte {
	if name, rest := declaration(document); name != "" {
		return rest
	}
	return document
}

// declaration splits a document behind its XML declaration, and returns the encoding that is named there in lower case.
func declaration(document []byte) (name string, rest []byte) {
	const most = 200 // of what is worth a look
	head, _, whole := bytes.Cut(document[:min(len(document), most)], []byte("?>"))
	if !whole || !bytes.HasPrefix(head, []byte("<?xml")) {
		return "", document
	}
	if _, after, given := bytes.Cut(head, []byte("encoding")); given {
		quoted := bytes.TrimLeft(after, "= \t\r\n")
		if len(quoted) > 0 && (quoted[0] == '"' || quoted[0] == '\'') {
			if end := bytes.IndexByte(quoted[1:], quoted[0]); end >= 0 {
				name = string(bytes.ToLower(quoted[1 : 1+end]))
			}
		}
	}
	return name, document[len(head)+len("?>"):]
}

func transcoded(document []byte, by transform.Transformer) []byte {
	out, _, err := transform.Bytes(by, document)
	if err != nil {
		return document // is refused by whoever reads it
	}
	return out
}
