package registry

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// interner shares texts that repeat from one instance to the next: names, zones, keys of metadata. A text forgotten because
// another took its place is copied once more: the table stays small whatever callers send.
type interner struct {
	seed   maphash.Seed
	places [2048]string
}

const internable = 64 // longer texts seldom repeat

func (n *interner) share(text *string) {
	if len(*text) == 0 {
		return
	}
	place := &n.places[maphash.String(n.seed, *text)%uint64(len(n.places))]
	if *place != *text {
		*place = strings.Clone(*text)
	}
	*text = *place
}

// compact gives an instance memory of its own and no more than it needs: what decoding leaves is shared with what nobody
// reads any more. It halves what a listed instance takes.
func (n *interner) compact(i *wire.Instance) {
	for _, text := range []*string{&i.App, &i.AppGroupName, &i.SID, &i.VIPAddress, &i.SecureVIPAddress, &i.ASGName} {
		if len(*text) <= internable {
			n.share(text)
		} else {
			*text = strings.Clone(*text)
		}
	}
	var room [32]*string
	own := append(room[:0], &i.InstanceID, &i.HostName, &i.IPAddr, &i.HomePageURL, &i.StatusPageURL, &i.HealthCheckURL, &i.SecureHealthCheckURL) // by one instance only
	for _, pairs := range []*discovery.Metadata{&i.Metadata, &i.DataCenter.Metadata} {
		*pairs = slices.Clone(*pairs)
		for p := range *pairs {
			for _, text := range []*string{&(*pairs)[p].Key, &(*pairs)[p].Value} {
				if len(*text) <= internable {
					n.share(text)
				} else {
					own = append(own, text)
				}
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
