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
	links     chunk      // apart, because whoever keeps ids and addresses seldom keeps the URLs
	repeated  []interned // nil: what repeats is common
	instances []Instance
	perSlab   int
	pairs     []discovery.Pair
	perPairs  int
	entries   []discovery.Pair // of the metadata being read
	sorted    sorting
	foreseen  []discovery.Pair // room for what is being read, while it has the keys that came last: the first of them are there
	placed    int
}

// interned is a text and what tells it from most others without looking at it.
type interned struct {
	hash uint32
	text string
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
		repeated: make([]interned, table),
		perSlab:  perSlab,
		perPairs: 8 * perSlab,
	}
}

// newSharedStore returns a store for many documents of one instance each, which live and die apart. What each has for itself it takes
// out of the chunks when it is read.
func newSharedStore() *store {
	return &store{texts: chunk{size: chunkSize / 16}, links: chunk{size: chunkSize / 16}, perSlab: 1}
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
	text, _ := s.find(b)
	return text
}

// perhaps is intern for a kind of text of which so many in turn were alone: after some of those it is not looked for, until the count
// begins anew.
func (s *store) perhaps(b []byte, alone *uint8) string {
	if *alone++; *alone > 16 {
		if s.repeated == nil {
			return string(b)
		}
		return s.texts.text(b)
	}
	text, known := s.find(b)
	if known {
		*alone = 0
	}
	return text
}

func (s *store) find(b []byte) (text string, known bool) {
	if len(b) == 0 {
		return "", true
	}
	if len(b) > internable {
		return s.texts.text(b), false
	}
	hash := hashOf(b)
	if s.repeated == nil {
		return common.find(b, hash)
	}
	place := &s.repeated[hash&uint32(len(s.repeated)-1)]
	if place.hash == hash && place.text == string(b) {
		return place.text, true
	}
	place.hash, place.text = hash, s.texts.text(b)
	return place.text, false
}

// hashOf mixes the length, the first and the last bytes: what tells short texts apart.
func hashOf(b []byte) uint32 {
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
	return uint32(h >> 32)
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

// begin prepares for the entries of one metadata.
func (s *store) begin() {
	n := len(s.sorted.keys)
	s.foreseen, s.placed = s.room(n)[:n], 0
}

// add collects an entry: in its place where it is the one that is foreseen.
func (s *store) add(key, value string) {
	if n := s.placed; n < len(s.foreseen) && s.sorted.keys[n] == key {
		s.foreseen[s.sorted.places[n]] = discovery.Pair{Key: key, Value: value}
		s.placed++
		return
	}
	s.surprised()
	s.entries = append(s.entries, discovery.Pair{Key: key, Value: value})
}

// surprised takes back what was placed.
func (s *store) surprised() {
	for n := range s.placed {
		s.entries = append(s.entries, s.foreseen[s.sorted.places[n]])
	}
	s.pairs = s.pairs[:len(s.pairs)-len(s.foreseen)]
	s.foreseen, s.placed = nil, 0
}

// metadata returns the entries added, sorted and without doubles (the later one counts).
func (s *store) metadata() discovery.Metadata {
	if s.placed > 0 && s.placed == len(s.foreseen) {
		return s.foreseen
	}
	s.surprised()
	entries := s.entries
	s.entries = entries[:0]
	if len(entries) == 0 {
		return nil
	}
	if s.sorted.learn(entries) {
		pairs := s.room(len(entries))[:len(entries)]
		for i, place := range s.sorted.places {
			pairs[place] = entries[i]
		}
		return pairs
	}
	slices.SortStableFunc(entries, func(a, b discovery.Pair) int { return strings.Compare(a.Key, b.Key) })
	n := 0
	for i := range entries {
		if i+1 < len(entries) && entries[i].Key == entries[i+1].Key {
			continue
		}
		entries[n] = entries[i]
		n++
	}
	return append(s.room(n), entries[:n]...)
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

// learn works out where entries belong. It does not for entries with doubles, or for very many.
func (o *sorting) learn(entries []discovery.Pair) bool {
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
