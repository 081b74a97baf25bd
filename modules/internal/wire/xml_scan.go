package wire

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// xmlScanner walks an XML document once. It knows elements, attributes, text, CDATA, comments and processing instructions;
// a document type, and with it every entity but the five of XML and numbers, is refused. Once err is set there are no
// more children and no more text.
type xmlScanner struct {
	data    []byte
	pos     int
	open    [][]byte // names of the elements we are in
	empty   bool     // the element opened last was <like/>
	enabled []byte   // attribute of the element opened last; empty without one
	err     error
	scratch []byte // text that is not a piece of the document
	name    []byte // an unescaped name
	value   []byte // an unescaped attribute
}

func (x *xmlScanner) fail(at int, problem string) {
	if x.err == nil {
		if at >= len(x.data) {
			at, problem = len(x.data), "ends early"
		}
		x.err = &SyntaxError{Format: "XML", Offset: at, Problem: problem}
	}
	x.pos = len(x.data)
}

func (x *xmlScanner) peek(i int) byte {
	if uint(i) < uint(len(x.data)) {
		return x.data[i]
	}
	return 0
}

func (x *xmlScanner) space() {
	for x.pos < len(x.data) {
		switch x.data[x.pos] {
		case ' ', '\t', '\n', '\r':
			x.pos++
		default:
			return
		}
	}
}

// root steps into the document's one element.
func (x *xmlScanner) root() (name []byte, ok bool) {
	if !x.outside() {
		return nil, false
	}
	return x.start()
}

// outside steps over what may stand around the root, and reports whether an element follows.
func (x *xmlScanner) outside() bool {
	for x.err == nil {
		x.space()
		if x.pos == len(x.data) {
			return false
		}
		if x.data[x.pos] != '<' {
			x.fail(x.pos, "text outside of the root")
			return false
		}
		switch x.peek(x.pos + 1) {
		case '?':
			x.instruction()
		case '!':
			x.comment()
		default:
			return true
		}
	}
	return false
}

// end checks that nothing but comments follows the root.
func (x *xmlScanner) end() error {
	if x.outside() {
		x.fail(x.pos, "more after the end")
	}
	return x.err
}

// child steps into the next element inside the one we are in. After the last one ok is false and we are outside again.
func (x *xmlScanner) child() (name []byte, ok bool) {
	if x.empty {
		x.leave()
		return nil, false
	}
	for x.err == nil {
		x.space()
		if x.peek(x.pos) != '<' {
			x.scratch, _ = x.run(x.scratch[:0]) // text between elements means nothing
			continue
		}
		switch x.peek(x.pos + 1) {
		case '/':
			x.finish()
			return nil, false
		case '?':
			x.instruction()
		case '!':
			if x.cdataHere() {
				x.scratch = x.cdata(x.scratch[:0])
			} else {
				x.comment()
			}
		default:
			return x.start()
		}
	}
	return nil, false
}

// skip steps over the rest of the element we are in.
func (x *xmlScanner) skip() {
	for {
		if _, ok := x.child(); !ok {
			return
		}
		x.skip()
	}
}

// text reads the element we are in as text, without that of elements inside. It lies in the document, or in the scratch
// buffer until the next call.
func (x *xmlScanner) text() []byte {
	if x.empty {
		x.leave()
		return nil
	}
	var plain []byte // the text, as long as it is one piece of the document
	out := x.scratch[:0]
	for x.err == nil {
		if x.peek(x.pos) != '<' {
			if plain != nil {
				out = append(out, plain...)
			}
			out, plain = x.run(out)
			continue
		}
		next := x.peek(x.pos + 1)
		if next == '/' {
			x.scratch = out
			x.finish()
			if x.err != nil {
				return nil
			}
			if plain != nil {
				return plain
			}
			return out
		}
		if plain != nil {
			out, plain = append(out, plain...), nil
		}
		switch {
		case next == '?':
			x.instruction()
		case next != '!':
			if _, ok := x.start(); ok {
				x.scratch = nil // it is in use here
				x.skip()
			}
		case x.cdataHere():
			out = x.cdata(out)
		default:
			x.comment()
		}
	}
	return nil
}

// run reads text up to the next tag: as a piece of the document if it is the only one, or appended to out.
func (x *xmlScanner) run(out []byte) (appended, plain []byte) {
	data, from := x.data, x.pos
	i := from
	var seen uint64
	for i+8 <= len(data) {
		w := binary.LittleEndian.Uint64(data[i:])
		less, amp, square := w^lows*'<', w^lows*'&', w^lows*']'
		marks := ((less-lows)&^less | (amp-lows)&^amp | (square-lows)&^square | (w-lows*' ')&^w) & highs
		if marks == 0 {
			seen |= w
			i += 8
			continue
		}
		n := bits.TrailingZeros64(marks) &^ 7
		seen |= w & (1<<n - 1)
		i += n / 8
		if len(out) == 0 && data[i] == '<' && (seen&highs == 0 || utf8.Valid(data[from:i])) {
			x.pos = i
			return out, data[from:i:i]
		}
		break
	}
	return x.slowRun(out), nil
}

// slowRun is run for text with references, line ends and the like.
func (x *xmlScanner) slowRun(out []byte) []byte {
	for x.pos < len(x.data) {
		switch c := x.data[x.pos]; {
		case c == '<':
			return out
		case c == '&':
			out = x.reference(out)
		case c == ']' && x.peek(x.pos+1) == ']' && x.peek(x.pos+2) == '>':
			x.fail(x.pos, "]]> in text")
		default:
			out = x.character(out)
		}
	}
	if x.err == nil {
		x.fail(x.pos, "")
	}
	return out
}

// character appends the character at hand. All line ends are line feeds, by XML's rule.
func (x *xmlScanner) character(out []byte) []byte {
	c := x.data[x.pos]
	if c >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(x.data[x.pos:])
		if !textRune(r) {
			r = utf8.RuneError
		}
		x.pos += size
		return utf8.AppendRune(out, r)
	}
	if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
		x.fail(x.pos, "control character in text")
		return out
	}
	x.pos++
	if c == '\r' {
		if x.peek(x.pos) == '\n' {
			x.pos++
		}
		c = '\n'
	}
	return append(out, c)
}

// reference appends what the reference at hand stands for. Netflix's servers write control characters as numbers, though
// XML cannot hold them: they are taken.
func (x *xmlScanner) reference(out []byte) []byte {
	rest := x.data[x.pos+1:]
	end := bytes.IndexByte(rest[:min(len(rest), 12)], ';')
	if end < 0 {
		x.fail(x.pos, "& without the end of a reference")
		return out
	}
	switch name := rest[:end]; string(name) {
	case "amp":
		out = append(out, '&')
	case "lt":
		out = append(out, '<')
	case "gt":
		out = append(out, '>')
	case "quot":
		out = append(out, '"')
	case "apos":
		out = append(out, '\'')
	default:
		r, ok := numbered(name)
		if !ok {
			x.fail(x.pos, "reference to an unknown entity")
			return out
		}
		out = utf8.AppendRune(out, r)
	}
	x.pos += end + 2
	return out
}

// numbered reads the number of a character, #10 or #xa.
func numbered(name []byte) (rune, bool) {
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	if n == 0 || n > 0xFF && !textRune(rune(n)) {
		return utf8.RuneError, true
	}
	return rune(n), true
}

// start steps into the element whose tag is at hand.
func (x *xmlScanner) start() (name []byte, ok bool) {
	if len(x.open) == MaxDepth {
		x.fail(x.pos, "nests too deep")
		return nil, false
	}
	x.pos++
	if name = x.tagName(); x.err != nil {
		return nil, false
	}
	x.enabled = x.enabled[:0]
	x.open = append(x.open, name)
	for x.err == nil {
		switch x.peek(x.pos) {
		case '>':
			x.pos++
			return name, true
		case '/':
			if x.peek(x.pos+1) != '>' {
				x.fail(x.pos+1, "expected > after / in a tag")
				return nil, false
			}
			x.pos += 2
			x.empty = true
			return name, true
		case ' ', '\t', '\n', '\r':
			x.space()
		default:
			x.attribute()
		}
	}
	return nil, false
}

// tagName reads a name.
func (x *xmlScanner) tagName() []byte {
	from := x.pos
	for x.pos < len(x.data) && inName[x.data[x.pos]] {
		x.pos++
	}
	name := x.data[from:x.pos]
	if len(name) == 0 || name[0] == '-' || name[0] == '.' || '0' <= name[0] && name[0] <= '9' {
		x.fail(from, "expected a name")
		return nil
	}
	return name
}

// inName is the bytes that names may hold. Beyond ASCII anything goes: nothing depends on it.
var inName = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= utf8.RuneSelf || nameRune(rune(c), false) || c == '_' || c == ':'
	}
	return
}()

// attribute reads the attribute at hand.
func (x *xmlScanner) attribute() {
	name := x.tagName()
	if x.err != nil {
		return
	}
	if x.space(); x.peek(x.pos) != '=' {
		x.fail(x.pos, "expected = after the name of an attribute")
		return
	}
	x.pos++
	x.space()
	quote := x.peek(x.pos)
	if quote != '"' && quote != '\'' {
		x.fail(x.pos, "expected a quoted attribute")
		return
	}
	x.pos++
	out := x.value[:0]
	for x.peek(x.pos) != quote {
		switch {
		case x.pos >= len(x.data):
			x.fail(x.pos, "")
			return
		case x.data[x.pos] == '<':
			x.fail(x.pos, "< in an attribute")
			return
		case x.data[x.pos] == '&':
			out = x.reference(out)
		default:
			out = x.character(out)
		}
		if x.err != nil {
			return
		}
	}
	x.pos++
	x.value = out
	if string(name) == "enabled" {
		x.enabled = append(x.enabled[:0], out...)
	}
}

// leave steps out of an element that was <like/>.
func (x *xmlScanner) leave() {
	x.empty = false
	x.open = x.open[:len(x.open)-1]
}

// finish reads the end tag at hand and steps out of the element.
func (x *xmlScanner) finish() {
	name := x.open[len(x.open)-1]
	x.pos += 2
	if !bytes.HasPrefix(x.data[min(x.pos, len(x.data)):], name) {
		x.fail(x.pos, "expected </"+string(name)+">")
		return
	}
	x.pos += len(name)
	if x.space(); x.peek(x.pos) != '>' {
		x.fail(x.pos, "expected </"+string(name)+">")
		return
	}
	x.pos++
	x.open = x.open[:len(x.open)-1]
}

// instruction steps over a processing instruction. Only one says anything: an encoding that is not ours.
func (x *xmlScanner) instruction() {
	length := bytes.Index(x.data[x.pos:], []byte("?>"))
	if length < 0 {
		x.fail(len(x.data), "")
		return
	}
	text := bytes.ToLower(x.data[x.pos : x.pos+length])
	if bytes.HasPrefix(text, []byte("<?xml ")) {
		if _, encoding, given := bytes.Cut(text, []byte("encoding")); given {
			encoding = bytes.Trim(encoding, "= \t\r\n\"'")
			if !bytes.HasPrefix(encoding, []byte("utf-8")) && !bytes.HasPrefix(encoding, []byte("us-ascii")) {
				x.fail(x.pos, "encoding other than UTF-8")
				return
			}
		}
	}
	x.pos += length + 2
}

// comment steps over a comment.
func (x *xmlScanner) comment() {
	rest := x.data[x.pos:]
	if !bytes.HasPrefix(rest, []byte("<!--")) {
		if len(rest) < 4 && bytes.HasPrefix([]byte("<!--"), rest) {
			x.fail(len(x.data), "")
		}
		x.fail(x.pos, "document types are refused")
		return
	}
	length := bytes.Index(rest[4:], []byte("--"))
	switch {
	case length < 0 || len(rest) < length+7:
		x.fail(len(x.data), "")
	case rest[length+6] != '>':
		x.fail(x.pos+length+4, "-- in a comment")
	default:
		x.pos += length + 7
	}
}

const cdataOpens = "<![CDATA["

func (x *xmlScanner) cdataHere() bool {
	return bytes.HasPrefix(x.data[x.pos:], []byte(cdataOpens))
}

// cdata appends the text of a CDATA section.
func (x *xmlScanner) cdata(out []byte) []byte {
	x.pos += len(cdataOpens)
	length := bytes.Index(x.data[x.pos:], []byte("]]>"))
	if length < 0 {
		x.fail(len(x.data), "")
		return out
	}
	for end := x.pos + length; x.pos < end; {
		out = x.character(out)
	}
	if x.err == nil {
		x.pos += len("]]>")
	}
	return out
}

// metadataKey undoes the escaping of a metadata key: see [appendName]. What is no escape stands for itself.
func (x *xmlScanner) metadataKey(name []byte) []byte {
	i := bytes.IndexByte(name, '_')
	if i < 0 {
		return name
	}
	out := append(x.name[:0], name[:i]...)
	for i < len(name) {
		switch rest := name[i:]; {
		case bytes.HasPrefix(rest, []byte("__")):
			out = append(out, '_')
			i += 2
		case bytes.HasPrefix(rest, []byte("_-")):
			out = append(out, '$')
			i += 2
		default:
			r, size := escapedRune(rest)
			if size == 0 {
				out = append(out, name[i])
				i++
				continue
			}
			if utf16.IsSurrogate(r) {
				low, more := escapedRune(rest[size:])
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					size += more
				}
			}
			out = utf8.AppendRune(out, r)
			i += size
		}
	}
	x.name = out
	return out
}

// escapedRune reads _.0041 at the beginning of name. Without one size is 0.
func escapedRune(name []byte) (r rune, size int) {
	if len(name) < 6 || name[0] != '_' || name[1] != '.' {
		return 0, 0
	}
	n, err := strconv.ParseUint(string(name[2:6]), 16, 16)
	if err != nil {
		return 0, 0
	}
	return rune(n), 6
}
