package wire

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// table is texts that repeat from one instance to the next, such as names, zones and keys of metadata, each in the place that its
// hash gives it until another takes it: the table stays small whatever callers send. It is safe for concurrent use.
type table [tableSize]atomic.Pointer[interned]

// common is what instances have in common that live and die apart.
var common table

// find returns a copy of b that is shared by all who ask for the same text. Its hash is that of hashOf.
func (t *table) find(b []byte, hash uint32) (text string, known bool) {
	place := &t[hash%tableSize]
	if at := place.Load(); at != nil && at.hash == hash && at.text == string(b) {
		return at.text, true
	}
	text = string(b)
	place.Store(&interned{hash, text})
	return text, false
}

// Compact gives an instance memory of its own and no more than it needs, so that it keeps nothing alive of what it was decoded or
// copied from. Short texts that other instances have, too, it shares with them.
func (i *Instance) Compact() {
	for _, text := range i.repeating() {
		share(text)
	}
	for _, pairs := range []*discovery.Metadata{&i.Metadata, &i.DataCenter.Metadata} {
		*pairs = slices.Clone(*pairs)
		for p := range *pairs {
			share(&(*pairs)[p].Key)
			share(&(*pairs)[p].Value)
		}
	}
	i.own()
}

// repeating are the texts that other instances mostly have, too.
func (i *Instance) repeating() [6]*string {
	return [...]*string{&i.App, &i.AppGroupName, &i.SID, &i.VIPAddress, &i.SecureVIPAddress, &i.ASGName}
}

// share takes a text out of common, or puts it there. Longer ones own copies.
func share(text *string) {
	if len(*text) == 0 || len(*text) > internable {
		return
	}
	var room [internable]byte
	b := room[:copy(room[:], *text)]
	*text, _ = common.find(b, hashOf(b))
}

// own copies the texts that only this instance has, ids and addresses and what is too long to be shared, into one piece.
func (i *Instance) own() {
	var room [32]*string
	own := append(room[:0], &i.InstanceID, &i.HostName, &i.IPAddr, &i.HomePageURL, &i.StatusPageURL, &i.HealthCheckURL, &i.SecureHealthCheckURL)
	for _, text := range i.repeating() {
		if len(*text) > internable {
			own = append(own, text)
		}
	}
	for _, pairs := range []discovery.Metadata{i.Metadata, i.DataCenter.Metadata} {
		for p := range pairs {
			if len(pairs[p].Key) > internable {
				own = append(own, &pairs[p].Key)
			}
			if len(pairs[p].Value) > internable {
				own = append(own, &pairs[p].Value)
			}
		}
	}
	size := 0
	for _, text := range own {
		size += len(*text)
	}
	var all strings.Builder
	all.Grow(size)
	for _, text := range own {
		all.WriteString(*text)
	}
	rest := all.String()
	for _, text := range own {
		*text, rest = rest[:len(*text)], rest[len(*text):]
	}
}
