package discovery

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Status is what an instance says of itself, or an operator of it. The zero value is [Up], so that an instance made by
// hand takes calls.
type Status uint8

// The statuses of Eureka.
const (
	Up           Status = iota // takes calls
	Down                       // failed its health check, or is about to stop
	Starting                   // not ready yet
	OutOfService               // taken out of traffic on purpose
	Unknown                    // anything that no text above stands for
)

var statusTexts = [...]string{Up: "UP", Down: "DOWN", Starting: "STARTING", OutOfService: "OUT_OF_SERVICE", Unknown: "UNKNOWN"}

// String returns the name that Eureka uses on the wire, such as "OUT_OF_SERVICE".
func (s Status) String() string {
	if int(s) < len(statusTexts) {
		return statusTexts[s]
	}
	return statusTexts[Unknown]
}

// ParseStatus returns the status with that exact wire name, and [Unknown] for any other text, as Eureka does.
func ParseStatus(text string) Status {
	for s, name := range statusTexts {
		if name == text {
			return Status(s)
		}
	}
	return Unknown
}

// MarshalText makes a status its wire name in JSON and the like.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts the wire names in any case, with dashes for underscores, and reports any other text.
func (s *Status) UnmarshalText(text []byte) error {
	name := strings.ReplaceAll(strings.ToUpper(string(text)), "-", "_")
	*s = ParseStatus(name)
	if *s == Unknown && name != statusTexts[Unknown] {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(statusTexts[:], ", "))
	}
	return nil
}

// Instance is one running copy of a service. Instances handed out by a [Resolver] are shared: do not change them.
type Instance struct {
	Service       string   // name it is called by, such as "inventory"
	ID            string   // unique within the service; [NewSet] fills in Address when empty
	Address       string   // host:port for plain HTTP, IPv6 in brackets; empty when that port is off
	SecureAddress string   // host:port for HTTPS; empty when that port is off
	IP            string   // numeric address of the host, without brackets; may be empty
	Zone          string   // availability zone; may be empty
	Status        Status   // the zero value is Up
	Revision      int64    // of the registration that changed any of this last, which grows (Eureka: lastDirtyTimestamp); 0 when unknown
	Doubtful      bool     // the registry may have lost it by mistake, or it is gone: called when no other is left
	Metadata      Metadata // what the instance tells about itself
}

// Up reports whether the instance takes calls.
func (i *Instance) Up() bool { return i.Status == Up }

// Secure reports whether calls go over TLS: whenever the secure port is on, as in Spring's EurekaServiceInstance.
func (i *Instance) Secure() bool { return i.SecureAddress != "" }

// Metadata is a small set of pairs, sorted by key. A slice takes a fraction of a map's memory, and registries hold
// tens of thousands of them.
type Metadata []Pair

// Pair is one entry of [Metadata].
type Pair struct{ Key, Value string }

// NewMetadata returns the entries of m, sorted by key.
func NewMetadata(m map[string]string) Metadata {
	pairs := make(Metadata, 0, len(m))
	for key, value := range m {
		pairs = append(pairs, Pair{key, value})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return pairs
}

// Get returns the value of key, or "" when there is none. Keys are case-sensitive.
func (m Metadata) Get(key string) string {
	for i := range m {
		if m[i].Key == key {
			return m[i].Value
		}
	}
	return ""
}

// Map returns the entries as a map of the caller's own.
func (m Metadata) Map() map[string]string {
	out := make(map[string]string, len(m))
	for _, p := range m {
		out[p.Key] = p.Value
	}
	return out
}

// With returns the entries of m and of changes, which count; an empty value leaves its key out.
func (m Metadata) With(changes map[string]string) Metadata {
	all := m.Map()
	for key, value := range changes {
		if all[key] = value; value == "" {
			delete(all, key)
		}
	}
	return NewMetadata(all)
}

// Set is the instances of one service at one moment. It is immutable: whoever derives something from it may keep that
// for as long as a [Resolver] returns the same set.
type Set struct {
	All   []*Instance // every instance, whatever its status
	once  sync.Once   // of index
	index map[string]int
}

// NewSet returns a set of these instances. Of two with one id the later one counts.
func NewSet(instances ...Instance) *Set {
	all := make([]*Instance, 0, len(instances))
	for i := range instances {
		instance := instances[i]
		all = append(all, &instance)
	}
	return SetOf(all)
}

// SetOf is [NewSet] without copying: the caller gives the instances away.
func SetOf(instances []*Instance) *Set {
	all, at := make([]*Instance, 0, len(instances)), make(map[string]int, len(instances))
	for _, instance := range instances {
		if instance.ID == "" {
			instance.ID = firstText(instance.Address, instance.SecureAddress)
		}
		if i, twice := at[instance.ID]; twice {
			all[i] = instance
			continue
		}
		at[instance.ID] = len(all)
		all = append(all, instance)
	}
	return &Set{All: all}
}

// UniqueSet is [SetOf] for instances that all have ids, no two of them the same: it costs next to nothing until someone asks for one by
// its id.
func UniqueSet(instances []*Instance) *Set { return &Set{All: instances} }

// ByID returns the instance with that id, or nil.
func (s *Set) ByID(id string) *Instance {
	s.once.Do(func() {
		s.index = make(map[string]int, len(s.All))
		for i, instance := range s.All {
			s.index[instance.ID] = i
		}
	})
	if i, ok := s.index[id]; ok {
		return s.All[i]
	}
	return nil
}

// Up returns those that take calls.
func (s *Set) Up() []*Instance { return s.where((*Instance).Up) }

// InZone returns those that take calls in a zone, whose case does not matter.
func (s *Set) InZone(zone string) []*Instance {
	return s.where(func(i *Instance) bool { return i.Up() && strings.EqualFold(i.Zone, zone) })
}

func (s *Set) where(fits func(*Instance) bool) []*Instance {
	var some []*Instance
	for _, i := range s.All {
		if fits(i) {
			some = append(some, i)
		}
	}
	return some
}

func firstText(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
