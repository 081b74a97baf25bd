package rest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sync"
	"weak"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// packer makes a gzipped list out of pieces that were packed before: a change costs the packing of its own piece, not of the
// whole registry. Each piece ends on a byte and refers to nothing before it, so that they can be put one after the other; the
// checksum of the whole follows from theirs.
type packer struct {
	pieces map[weak.Pointer[wire.Application]]*piece // by the first application in it
}

// bench is what a piece is made with.
type bench struct {
	text   []byte
	packed bytes.Buffer
	writer *flate.Writer
}

var benches = sync.Pool{New: func() any {
	b := &bench{}
	b.writer, _ = flate.NewWriter(&b.packed, flate.BestSpeed) // the level is valid
	return b
}}

// piece is some neighbouring applications of a list.
type piece struct {
	// apps are the same ones as long as nothing in them changes. A piece tells them apart; it must not keep them.
	apps   []weak.Pointer[wire.Application]
	packed []byte
	sum    uint32
	size   int
	shift  uint32
}

// Header of gzip (RFC 1952): deflate, no flags, no time, unknown system.
var header = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// pack returns the document; pieces are kept for the next one.
func (p *packer) pack(f wire.Format, version, hash string, apps []*wire.Application) []byte {
	before := p.pieces
	p.pieces = make(map[weak.Pointer[wire.Application]]*piece, len(before))
	var pieces []*piece
	size := 0
	for len(apps) > 0 {
		n := first(apps)
		key := weak.Make(apps[0])
		one := before[key]
		if one == nil || !one.of(apps[:n]) {
			one = newPiece(f, apps[:n])
		}
		p.pieces[key] = one
		pieces = append(pieces, one)
		size += len(one.packed)
		apps = apps[n:]
	}
	d := f.Applications(nil, version, hash)
	opening, closing := d.Split()

	out := stream{dst: append(make([]byte, 0, size+len(pieces)*8+len(opening)+64), header...)}
	out.stored(opening, false)
	for i, one := range pieces {
		if i > 0 {
			out.stored(f.Separator(), false)
		}
		out.piece(one)
	}
	out.stored(closing, true)
	out.dst = binary.LittleEndian.AppendUint32(out.dst, out.sum)
	return binary.LittleEndian.AppendUint32(out.dst, uint32(out.size))
}

func (p *piece) of(apps []*wire.Application) bool {
	return slices.EqualFunc(p.apps, apps, func(a weak.Pointer[wire.Application], b *wire.Application) bool { return a == weak.Make(b) })
}

// first returns how many of the applications make the next piece: enough to be worth packing, and bounded by names, so that
// a new application does not shift all pieces behind it.
func first(apps []*wire.Application) int {
	const enough, bound = 64, 16
	instances := 0
	for n, app := range apps {
		instances += len(app.Instances)
		if instances >= enough || crc32.ChecksumIEEE([]byte(app.Name))%bound == 0 {
			return n + 1
		}
	}
	return len(apps)
}

func newPiece(f wire.Format, apps []*wire.Application) *piece {
	b := benches.Get().(*bench)
	defer benches.Put(b)
	b.text = b.text[:0]
	for i, app := range apps {
		if i > 0 {
			b.text = append(b.text, f.Separator()...)
		}
		b.text = f.AppendListed(b.text, app)
	}
	b.packed.Reset()
	b.writer.Reset(&b.packed)
	_, _ = b.writer.Write(b.text) // a buffer takes everything
	_ = b.writer.Flush()          // ends on a byte, without ending the stream
	keys := make([]weak.Pointer[wire.Application], len(apps))
	for i, app := range apps {
		keys[i] = weak.Make(app)
	}
	return &piece{keys, bytes.Clone(b.packed.Bytes()), crc32.ChecksumIEEE(b.text), len(b.text), shift(len(b.text))}
}

// stream is a gzip stream that is being put together.
type stream struct {
	dst  []byte
	sum  uint32
	size int
}

func (s *stream) piece(p *piece) {
	s.dst = append(s.dst, p.packed...)
	s.sum = multiply(p.shift, s.sum) ^ p.sum
	s.size += p.size
}

// stored appends a few bytes as they are (RFC 1951 §3.2.4).
func (s *stream) stored(text []byte, last bool) {
	s.dst = append(s.dst, byte(index(last)))
	s.dst = binary.LittleEndian.AppendUint16(s.dst, uint16(len(text)))
	s.dst = binary.LittleEndian.AppendUint16(s.dst, ^uint16(len(text)))
	s.dst = append(s.dst, text...)
	s.sum = crc32.Update(s.sum, crc32.IEEETable, text)
	s.size += len(text)
}

// The checksum of a text followed by n bytes more is the checksum of the text times x^8n, plus that of those bytes, all as
// polynomials modulo that of CRC-32; bits stand in reverse order, as everywhere in gzip (zlib: crc32_combine).

// multiply returns a·b.
func multiply(a, b uint32) uint32 {
	var product uint32
	for bit := uint32(1) << 31; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ crc32.IEEE
		} else {
			b >>= 1
		}
	}
	return product
}

// shift returns x^8n.
func shift(n int) uint32 {
	const one, x8 = uint32(1) << 31, uint32(1) << 23
	power, square := one, x8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return power
}
