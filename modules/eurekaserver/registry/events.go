package registry

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Kind is what happened.
type Kind uint8

// The kinds of an [Event].
const (
	Registered      Kind = iota // an instance is new
	Changed                     // an instance registered again with another status
	Overridden                  // an operator set or removed a status
	Cancelled                   // an instance left
	Expired                     // an instance was not heard of for its lease
	Refused                     // the registry is full; said once until there is room
	Preserving                  // too few renewals: leases do not end for now
	PreservingEnded             // enough renewals again
)

var kinds = [...]struct {
	name, message string
	level         slog.Level
}{
	Registered:      {"registered", "instance registered", slog.LevelInfo},
	Changed:         {"changed", "instance changed its status", slog.LevelInfo},
	Overridden:      {"overridden", "instance got a status from outside", slog.LevelInfo},
	Cancelled:       {"cancelled", "instance cancelled", slog.LevelInfo},
	Expired:         {"expired", "instance expired: its lease was not renewed", slog.LevelWarn},
	Refused:         {"refused", "the registry is full: new instances are refused; raise eureka.server.max-instances, max-applications or max-size", slog.LevelWarn},
	Preserving:      {"preserving", "self-preservation: too few renewals came in the last minute; leases do not end until they do", slog.LevelWarn},
	PreservingEnded: {"preserving ended", "self-preservation ended: renewals come in again", slog.LevelInfo},
}

// String returns a word for it, such as "registered".
func (k Kind) String() string { return kinds[k].name }

// Event is a change of state. App, ID and Status are empty for those that are about the whole registry.
type Event struct {
	At     time.Time
	Kind   Kind
	App    string
	ID     string
	Status discovery.Status
}

// maxEvents is how many are kept (Netflix: the last 1000 registered, and as many cancelled).
const maxEvents = 1000

// ring is the latest events.
type ring struct {
	all  []Event
	next int
}

func (r *ring) add(e Event) {
	if len(r.all) < maxEvents {
		r.all = append(r.all, e)
		return
	}
	r.all[r.next] = e
	r.next = (r.next + 1) % maxEvents
}

// Events returns the latest 1000 changes of state, newest first.
func (r *Registry) Events() []Event {
	r.mu.Lock()
	defer r.unlock()
	all := slices.Concat(r.events.all[r.events.next:], r.events.all[:r.events.next])
	slices.Reverse(all)
	return all
}

// News returns a channel that is closed at the next event.
func (r *Registry) News() <-chan struct{} {
	r.mu.Lock()
	defer r.unlock()
	if r.news == nil {
		r.news = make(chan struct{})
	}
	return r.news
}

func (r *Registry) say(kind Kind, i *wire.Instance, now time.Time) {
	e := Event{At: now, Kind: kind, App: i.App, ID: i.ID(), Status: i.Status}
	r.events.add(e)
	r.unsaid = append(r.unsaid, e)
}

// unlock frees the lock, then logs: a log that is slow to write must not keep heartbeats waiting.
func (r *Registry) unlock() {
	unsaid := r.unsaid
	r.unsaid = nil
	if len(unsaid) > 0 && r.news != nil {
		close(r.news)
		r.news = nil
	}
	r.mu.Unlock()
	for _, e := range unsaid {
		kind := kinds[e.Kind]
		if e.App == "" || e.Kind == Refused {
			r.log.Log(context.Background(), kind.level, kind.message)
			continue
		}
		r.log.LogAttrs(context.Background(), kind.level, kind.message, slog.String("app", e.App), slog.String("id", e.ID), slog.String("status", e.Status.String()))
	}
}

// Stats is how a registry does.
type Stats struct {
	Applications     int
	Instances        map[discovery.Status]int
	Restored         int   // instances from a file that were not heard of yet
	ExpectedRenewals int   // a minute, by what each lease asks for
	LastMinute       int   // renewals in the last minute; a registration counts as those of its first one
	Evicted          int64 // leases that ended without a cancel, so far
	SelfPreservation bool  // whether it may happen
	Preserving       bool  // whether it happens now
	Bytes            int64 // about how much memory the instances take
}

// Stats returns the present ones.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.unlock()
	s := Stats{
		Applications: r.listed, Instances: map[discovery.Status]int{}, Restored: r.restored, ExpectedRenewals: int(r.expected + 0.5),
		LastMinute: int(r.renewals.lastMinute(r.now())), Evicted: r.evicted, SelfPreservation: r.cfg.SelfPreservation, Preserving: r.preserving, Bytes: r.bytes,
	}
	for status, n := range r.counts {
		s.Instances[discovery.Status(status)] = n
	}
	return s
}
