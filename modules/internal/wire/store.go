package wire

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// store is where the parts of one decoded document live: a few large pieces in place of many small ones, and nothing
// that would keep the document itself alive.
type store struct {
	texts     chunk
	links     chunk // apart, because whoever keeps ids and addresses seldom keeps the URLs
	repeated  []string
	instances []Instance
	perSlab   int
	pairs     []discovery.Pair
	perPairs  int
	entries   []discovery.Pair // of the metadata being read
	sorted    sorting
}

// sorting is how the entries of one metadata were put in order: the next one mostly has the same keys.
type sorting struct {
	keys   []string // as they came
	places []int    // where each belongs
}

const (
	chunkSize  = 64 << 10
	slabSize   = 128
	tableSize  = 4096
	internable = 64 // longer texts seldom repeat
)

// newStore returns a store for a document of that many bytes: a registration gets what it needs and no more.
func newStore(size int) *store {
	first := min(size/3+64, chunkSize)
	table := 32
	for table < size/512 && table < tableSize {
		table *= 2
	}
	perSlab := min(size/700+1, slabSize)
	return &store{
		texts:    chunk{size: first},
		links:    chunk{size: first},
		repeated: make([]string, table),
		perSlab:  perSlab,
		perPairs: 8 * perSlab,
	}
}

// newSharedStore returns a store for many documents of one instance each.
func newSharedStore() *store {
	return &store{
		texts: chunk{size: chunkSize / 16}, links: chunk{size: chunkSize / 16},
		repeated: make([]string, tableSize/16),
		perSlab:  1, perPairs: 64,
	}
}

// chunk hands out strings cut from a larger one. A [strings.Builder] that never has to grow lets every string taken from
// it share its memory.
type chunk struct {
	strings.Builder
	size int // of the next piece
}

// text returns a copy of b that shares a chunk with others.
func (c *chunk) text(b []byte) string {
	if len(b) > c.Cap()-c.Len() {
		if len(b) > c.size/4 {
			return string(b)
		}
		c.Builder = strings.Builder{}
		c.Grow(c.size)
	}
	from := c.Len()
	c.Write(b)
	return c.String()[from:]
}

// intern returns a copy of b that is shared by all who ask for the same text. A text forgotten because another took its
// place in the table is copied once more: the table stays small whatever a document holds.
func (s *store) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > internable {
		return s.texts.text(b)
	}
	place := &s.repeated[hashOf(b)&uint64(len(s.repeated)-1)]
	if *place == string(b) {
		return *place
	}
	*place = s.texts.text(b)
	return *place
}

// hashOf mixes the length, the first and the last bytes: what tells short texts apart.
func hashOf(b []byte) uint64 {
	var head, tail uint64
	switch n := len(b); {
	case n >= 8:
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		head, tail = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		head, tail = uint64(b[0]), uint64(b[n/2])<<8|uint64(b[n-1])
	}
	h := (head + uint64(len(b))) * 0x9e3779b97f4a7c15
	h ^= h>>29 ^ tail*0xbf58476d1ce4e5b9
	h *= 0x94d049bb133111eb
	return h >> 32
}

// instance returns a fresh instance with the defaults of [NewInstance], field by field: copying all of it shows.
func (s *store) instance() *Instance {
	if len(s.instances) == 0 {
		s.instances = make([]Instance, s.perSlab)
	}
	instance := &s.instances[0]
	s.instances = s.instances[1:]
	instance.OverriddenStatus, instance.CountryID = unsaid.OverriddenStatus, unsaid.CountryID
	instance.Port, instance.SecurePort = unsaid.Port, unsaid.SecurePort
	return instance
}

// metadata returns the entries collected, sorted and without doubles (the later one counts), and forgets them.
func (s *store) metadata() discovery.Metadata {
	entries := s.entries
	s.entries = entries[:0]
	if len(entries) == 0 {
		return nil
	}
	if !s.sorted.fits(entries) {
		slices.SortStableFunc(entries, func(a, b discovery.Pair) int { return strings.Compare(a.Key, b.Key) })
		n := 0
		for i := range entries {
			if i+1 < len(entries) && entries[i].Key == entries[i+1].Key {
				continue
			}
			entries[n] = entries[i]
			n++
		}
		entries = entries[:n]
		return append(s.room(n), entries...)
	}
	pairs := s.room(len(entries))[:len(entries)]
	for i, place := range s.sorted.places {
		pairs[place] = entries[i]
	}
	return pairs
}

// room returns an empty slice for n entries.
func (s *store) room(n int) discovery.Metadata {
	if n > cap(s.pairs)-len(s.pairs) {
		s.pairs = make([]discovery.Pair, 0, max(n, s.perPairs))
	}
	from := len(s.pairs)
	s.pairs = s.pairs[:from+n]
	return discovery.Metadata(s.pairs[from : from : from+n])
}

// fits reports whether the places are right for entries, after working them out anew where the keys are others. They never are for
// entries with doubles, or for very many.
func (o *sorting) fits(entries []discovery.Pair) bool {
	same := len(entries) == len(o.keys)
	for i := 0; same && i < len(entries); i++ {
		same = entries[i].Key == o.keys[i]
	}
	if same {
		return true
	}
	o.keys, o.places = o.keys[:0], o.places[:0]
	if len(entries) > mostMembers {
		return false
	}
	for i := range entries {
		place := 0
		for j := range entries {
			switch c := strings.Compare(entries[j].Key, entries[i].Key); {
			case c < 0:
				place++
			case c == 0 && j != i:
				o.keys, o.places = o.keys[:0], o.places[:0]
				return false
			}
		}
		o.keys, o.places = append(o.keys, entries[i].Key), append(o.places, place)
	}
	return true
}
