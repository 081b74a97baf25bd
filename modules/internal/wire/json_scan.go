package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner walks a JSON document once. Its methods take the place to read from and return the place after what they
// read, or a negative number once something is wrong: then err tells what, and every method given that number returns it.
type jsonScanner struct {
	data    []byte
	single  bool // the document is the caller's once it is read: what is worth remembering for the next one is copied
	depth   int
	err     error
	scratch []byte // the last string that held escapes

	nothing memberText // in place of what is not worth remembering
}

const failed = -1

func (s *jsonScanner) fail(at int, problem string) int {
	if s.err == nil {
		if at >= len(s.data) {
			at, problem = len(s.data), "ends early"
		}
		s.err = &SyntaxError{Format: "JSON", Offset: at, Problem: problem}
	}
	return failed
}

// space returns the place of the next byte that is not white space. The common document has none.
func (s *jsonScanner) space(i int) int {
	if uint(i) < uint(len(s.data)) && s.data[i] > ' ' {
		return i
	}
	if i < 0 {
		return i
	}
	for i < len(s.data) {
		switch s.data[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// peek returns the byte at i, 0 where there is none.
func (s *jsonScanner) peek(i int) byte {
	if uint(i) < uint(len(s.data)) {
		return s.data[i]
	}
	return 0
}

// enter steps into the object or array that opens at i.
func (s *jsonScanner) enter(i int) int {
	if s.depth++; s.depth > MaxDepth {
		return s.fail(i, "nests too deep")
	}
	return i + 1
}

// member steps to the next member of an object: key is its name and at the place of its value. After the last one more
// is false and at the place after the object.
func (s *jsonScanner) member(i int, first bool) (key []byte, at int, more bool) {
	if i = s.space(i); i < 0 {
		return nil, i, false
	}
	c := s.peek(i)
	if c == '}' {
		s.depth--
		return nil, i + 1, false
	}
	if !first {
		if c != ',' {
			return nil, s.fail(i, "expected , or } after a member"), false
		}
		i = s.space(i + 1)
		c = s.peek(i)
	}
	if c != '"' {
		return nil, s.fail(i, "expected the name of a member"), false
	}
	key, i = s.text(i)
	if i = s.space(i); i < 0 {
		return nil, i, false
	}
	if s.peek(i) != ':' {
		return nil, s.fail(i, "expected : after a name"), false
	}
	return key, s.space(i + 1), true
}

// order remembers in which order the members of one kind of object came: the next such object mostly has the same ones.
type order struct{ members []memberText }

// memberText is what stood before a value, and the value that stood there last.
type memberText struct {
	raw   []byte // up to the colon, and what follows it
	name  []byte
	key   string // the name, where that is kept
	first bool   // no comma
	alone uint8  // how many values in turn nobody had before
	last  repeat
}

// repeat is a value that may come again, such as the name of an application or a data centre: it is compared instead of read.
type repeat struct {
	raw  []byte // with its quotes or braces; empty: none
	text string // what it was read as
}

// again returns the place after the value at i when it is the one before, else 0.
func (s *jsonScanner) again(i int, r *repeat) int {
	if n := len(r.raw); n > 0 && i >= 0 && len(s.data)-i >= n && string(s.data[i:i+n]) == string(r.raw) {
		return i + n
	}
	return 0
}

// keep remembers a value that ended well. A number might go on where this one ended.
func (s *jsonScanner) keep(r *repeat, from, to int, text string) {
	switch {
	case to <= from || s.data[to-1] != '"' && s.data[to-1] != '}':
		r.raw = nil
	case !s.single:
		r.raw, r.text = s.data[from:to], text
	case to-from > memorable:
		r.raw = nil
	default:
		r.raw, r.text = append(r.raw[:0], s.data[from:to]...), text
	}
}

// memorable is how long may be what is copied to be remembered.
const memorable = 128

// mostMembers bounds an order.
const mostMembers = 48

// remembered returns what is known of the member that the walk has come to.
func (s *jsonScanner) remembered(w *walk) *memberText {
	if w.at == 0 {
		s.nothing = memberText{}
		return &s.nothing
	}
	return &w.order.members[w.at-1]
}

// walk is the way through the members of one object.
type walk struct {
	order *order
	at    int // in the order: the member that should be next; 0 also where nothing is remembered
	begun bool
}

// next is member for an object of a kind that has an order.
func (s *jsonScanner) next(i int, w *walk) (key []byte, at int, more bool) {
	if members := w.order.members; w.at < len(members) && uint(i) < uint(len(s.data)) {
		m := &members[w.at]
		if rest := s.data[i:]; m.first != w.begun && len(rest) > len(m.raw) && string(rest[:len(m.raw)]) == string(m.raw) {
			w.at++
			w.begun = true
			if i += len(m.raw); s.data[i] <= ' ' {
				i = s.space(i)
			}
			return m.name, i, true
		}
	}
	key, at, more = s.member(i, !w.begun)
	if more && at > i {
		w.learn(s.data[i:at], key, s.single)
	}
	w.begun = true
	return key, at, more
}

// learn notes a member that was not next.
func (w *walk) learn(raw, name []byte, copied bool) {
	members := w.order.members
	for n := range members {
		if m := &members[n]; string(m.raw) == string(raw) && m.first != w.begun {
			w.at = n + 1
			return
		}
	}
	if copied {
		if len(raw) > memorable {
			w.at = 0
			return
		}
		raw = append([]byte{}, raw...)
	}
	if len(members) == mostMembers {
		members = members[:0] // the next objects are rather like this one than like those long before
	}
	name = append([]byte{}, name...) // it may lie in the scratch buffer
	w.order.members = append(members, memberText{raw: raw, name: name, first: !w.begun})
	w.at = len(w.order.members)
}

// element steps to the next element of an array, as member does in an object.
func (s *jsonScanner) element(i int, first bool) (at int, more bool) {
	if i = s.space(i); i < 0 {
		return i, false
	}
	c := s.peek(i)
	switch {
	case c == ']':
		s.depth--
		return i + 1, false
	case first:
		return i, true
	case c != ',':
		return s.fail(i, "expected , or ] after an element"), false
	}
	if i = s.space(i + 1); s.peek(i) == ']' {
		return s.fail(i, "expected an element"), false
	}
	return i, true
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text returns the text of the string whose quote opens at i. It lies in the document, or in the scratch buffer until the
// next call.
func (s *jsonScanner) text(i int) ([]byte, int) {
	data, from := s.data, i+1
	i = from
	var seen uint64
	// Eight bytes at a time, up to the first that is a quote, a backslash or a control character. The tests may mark a
	// byte wrongly only above one that they mark rightly.
	for i+8 <= len(data) {
		w := binary.LittleEndian.Uint64(data[i:])
		quote, slash := w^lows*'"', w^lows*'\\'
		marks := ((quote-lows)&^quote | (slash-lows)&^slash | (w-lows*' ')&^w) & highs
		if marks == 0 {
			seen |= w
			i += 8
			continue
		}
		n := bits.TrailingZeros64(marks) &^ 7
		seen |= w & (1<<n - 1)
		i += n / 8
		if data[i] == '"' && (seen&highs == 0 || utf8.Valid(data[from:i])) {
			return data[from:i], i + 1
		}
		return s.slowText(from)
	}
	return s.slowText(from)
}

// slowText is text for strings with escapes, with bytes that are not UTF-8 and at the end of the document.
func (s *jsonScanner) slowText(i int) ([]byte, int) {
	data, out := s.data, s.scratch[:0]
	for i < len(data) {
		switch c := data[i]; {
		case c == '"':
			s.scratch = out
			return out, i + 1
		case c == '\\':
			if out, i = s.escape(out, i); i < 0 {
				return nil, i
			}
		case c < ' ':
			return nil, s.fail(i, "control character in a string")
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, size := utf8.DecodeRune(data[i:])
			out = utf8.AppendRune(out, r)
			i += size
		}
	}
	return nil, s.fail(i, "")
}

// escape appends what the escape at i stands for. Half a surrogate pair stands for U+FFFD, as in encoding/json.
func (s *jsonScanner) escape(out []byte, i int) ([]byte, int) {
	switch c := s.peek(i + 1); c {
	case '"', '\\', '/':
		return append(out, c), i + 2
	case 'b':
		return append(out, '\b'), i + 2
	case 'f':
		return append(out, '\f'), i + 2
	case 'n':
		return append(out, '\n'), i + 2
	case 'r':
		return append(out, '\r'), i + 2
	case 't':
		return append(out, '\t'), i + 2
	case 'u':
		r := s.hex(i + 2)
		if r < 0 {
			return nil, s.fail(min(i+2, len(s.data)), "expected four hexadecimal digits after \\u")
		}
		i += 6
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if s.peek(i) == '\\' && s.peek(i+1) == 'u' {
				low = s.hex(i + 2)
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 6
			}
		}
		return utf8.AppendRune(out, r), i
	}
	return nil, s.fail(i+1, "unknown escape in a string")
}

// hex returns the number that the four hexadecimal digits at i stand for, -1 when there are none.
func (s *jsonScanner) hex(i int) rune {
	var r rune
	for end := i + 4; i < end; i++ {
		c := s.peek(i)
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// kind is what a value turned out to be.
type kind uint8

const (
	absent  kind = iota // null
	literal             // true, false or a number, as its text
	textual
	nested // an object or array, stepped over
)

// scalar reads any value as text. Objects and arrays have none and are stepped over.
func (s *jsonScanner) scalar(i int) ([]byte, kind, int) {
	switch c := s.peek(i); c {
	case '"':
		text, next := s.text(i)
		return text, textual, next
	case '{', '[':
		return nil, nested, s.skip(i)
	case 'n':
		return nil, absent, s.word(i, "null")
	case 't':
		next := s.word(i, "true")
		return trueText, literal, next
	case 'f':
		next := s.word(i, "false")
		return falseText, literal, next
	}
	if i < 0 {
		return nil, absent, i
	}
	next := s.number(i)
	if next < 0 {
		return nil, absent, next
	}
	return s.data[i:next], literal, next
}

var trueText, falseText = []byte("true"), []byte("false")

// skip steps over any value.
func (s *jsonScanner) skip(i int) int {
	switch s.peek(i) {
	case '{':
		i = s.enter(i)
		for first := true; ; first = false {
			_, at, more := s.member(i, first)
			if !more {
				return at
			}
			i = s.skip(at)
		}
	case '[':
		i = s.enter(i)
		for first := true; ; first = false {
			at, more := s.element(i, first)
			if !more {
				return at
			}
			i = s.skip(at)
		}
	}
	_, _, i = s.scalar(i)
	return i
}

// word steps over null, true or false.
func (s *jsonScanner) word(i int, word string) int {
	for k := range len(word) {
		if s.peek(i+k) != word[k] {
			return s.fail(i+k, "expected "+word)
		}
	}
	return i + len(word)
}

// whole reads a whole number of up to 18 digits as such or in quotes: what nearly all are. The place after anything else is 0.
func (s *jsonScanner) whole(i int) (n int64, next int) {
	data := s.data
	if uint(i) >= uint(len(data)) {
		return 0, 0
	}
	quoted := data[i] == '"'
	if quoted {
		i++
	}
	from := i
	for i+8 <= len(data) {
		eight, ok := eightDigits(binary.LittleEndian.Uint64(data[i:]))
		if !ok {
			break
		}
		n = n*100_000_000 + eight
		i += 8
	}
	for i < len(data) && data[i]-'0' <= 9 {
		n = n*10 + int64(data[i]-'0')
		i++
	}
	if digits := i - from; digits == 0 || digits > 18 || i == len(data) {
		return 0, 0
	} else if quoted {
		if data[i] != '"' {
			return 0, 0
		}
		return n, i + 1
	} else if digits > 1 && data[from] == '0' || data[i] == '.' || data[i]|0x20 == 'e' {
		return 0, 0
	}
	return n, i
}

// eightDigits is the number that eight bytes are if they are digits, the first one lowest.
func eightDigits(w uint64) (n int64, ok bool) {
	if w&(lows*0xf0)|(w+lows*6)&(lows*0xf0)>>4 != lows*0x33 {
		return 0, false
	}
	w -= lows * '0'
	w = w*10 + w>>8 // pairs, in every second byte
	const pairs = 0x000000ff_000000ff
	w = w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)
	return int64(w >> 32), true
}

// number steps over a number.
func (s *jsonScanner) number(i int) int {
	from := i
	if s.peek(i) == '-' {
		i++
	}
	switch c := s.peek(i); {
	case c == '0':
		i++
	case '1' <= c && c <= '9':
		i = s.digits(i)
	case i == from:
		return s.fail(i, "expected a value")
	default:
		return s.fail(i, "expected a digit")
	}
	if s.peek(i) == '.' {
		if i++; !s.digit(i) {
			return s.fail(i, "expected a digit")
		}
		i = s.digits(i)
	}
	if s.peek(i)|0x20 == 'e' {
		if i++; s.peek(i) == '+' || s.peek(i) == '-' {
			i++
		}
		if !s.digit(i) {
			return s.fail(i, "expected a digit")
		}
		i = s.digits(i)
	}
	return i
}

func (s *jsonScanner) digit(i int) bool { return s.peek(i)-'0' <= 9 }

func (s *jsonScanner) digits(i int) int {
	for s.digit(i) {
		i++
	}
	return i
}
