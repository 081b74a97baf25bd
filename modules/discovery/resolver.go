package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ErrUnknownService means that no registry knows the service. What is returned is an [UnknownServiceError].
var ErrUnknownService = errors.New("discovery: unknown service")

// UnknownServiceError names the services that are known instead, since the cause is often a misspelt name.
type UnknownServiceError struct {
	Service string
	Known   []string // sorted
}

// maxNamed bounds how many known services an error text lists.
const maxNamed = 20

func (e *UnknownServiceError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("discovery: unknown service %q (no service is known yet)", e.Service)
	}
	known, more := e.Known, ""
	if len(known) > maxNamed {
		known, more = known[:maxNamed], fmt.Sprintf(" and %d more", len(known)-maxNamed)
	}
	return fmt.Sprintf("discovery: unknown service %q (known: %s%s)", e.Service, strings.Join(known, ", "), more)
}

// Is makes the error match [ErrUnknownService].
func (e *UnknownServiceError) Is(target error) bool { return target == ErrUnknownService }

// Resolver knows which instances of a service can be called now.
type Resolver interface {
	// Instances answers from memory and may be called from many goroutines. The set is immutable and stays the same
	// one until something changes, so callers may key caches on it. Names ignore case. Only an unknown service may
	// wait, within ctx; one that stays unknown is [ErrUnknownService].
	Instances(ctx context.Context, service string) (*Set, error)
	// Services returns the names known now, in lower case and sorted.
	Services() []string
}

// Static is a Resolver that always knows the same instances. Its keys are service names in lower case.
type Static map[string]*Set

var _ Resolver = Static(nil)

// Instances returns the set under that name, whatever its case.
func (s Static) Instances(_ context.Context, service string) (*Set, error) {
	set, ok := s[service]
	if !ok {
		set, ok = s[strings.ToLower(service)]
	}
	if !ok {
		return nil, &UnknownServiceError{Service: service, Known: s.Services()}
	}
	return set, nil
}

// Services returns the keys, sorted.
func (s Static) Services() []string { return slices.Sorted(maps.Keys(s)) }

// Composite asks several resolvers and joins what they know, like Spring's CompositeDiscoveryClient.
type Composite struct {
	members []Resolver
	joined  sync.Map // service → *joint, where more than one member knows it
}

// joint is a joined set with the sets that it was made from.
type joint struct {
	parts []*Set
	set   *Set
}

var _ Resolver = (*Composite)(nil)

// NewComposite returns a resolver over members, which may be none. A member with a method Order() int is placed by it,
// lower first; without one the order is 0, and equals stay as given.
func NewComposite(members ...Resolver) *Composite {
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b Resolver) int { return cmp.Compare(orderOf(a), orderOf(b)) })
	return &Composite{members: members}
}

func orderOf(r Resolver) int {
	if ordered, ok := r.(interface{ Order() int }); ok {
		return ordered.Order()
	}
	return 0
}

// peeker is a resolver that may wait, and can be asked what it knows without.
type peeker interface {
	// Peek returns what is known of a service now, or nil.
	Peek(service string) *Set
}

// Instances joins the sets of all members that know the service; of two instances with one id the first member's
// counts. The service is unknown only when no member knows it. A member that may wait is waited for only when no other
// knows the service: a registry that is away must not delay calls of what the settings list.
func (c *Composite) Instances(ctx context.Context, service string) (*Set, error) {
	if len(c.members) == 1 {
		return c.members[0].Instances(ctx, service)
	}
	var parts []*Set
	var problems []error
	ask := func(member Resolver) {
		set, err := member.Instances(ctx, service)
		switch {
		case err == nil:
			parts = append(parts, set)
		case !errors.Is(err, ErrUnknownService):
			problems = append(problems, err)
		}
	}
	for _, member := range c.members {
		if p, ok := member.(peeker); !ok {
			ask(member)
		} else if set := p.Peek(service); set != nil {
			parts = append(parts, set)
		}
	}
	if len(parts) == 0 {
		for _, member := range c.members {
			if _, ok := member.(peeker); ok {
				ask(member)
			}
		}
	}
	switch {
	case len(parts) == 1:
		return parts[0], nil
	case len(parts) > 1:
		return c.join(service, parts), nil
	case len(problems) > 0:
		return nil, errors.Join(problems...)
	}
	return nil, &UnknownServiceError{Service: service, Known: c.Services()}
}

// join returns the same set for the same parts, as callers key caches on it.
func (c *Composite) join(service string, parts []*Set) *Set {
	if known, ok := c.joined.Load(service); ok && slices.Equal(known.(*joint).parts, parts) {
		return known.(*joint).set
	}
	var all []*Instance
	seen := make(map[string]bool)
	for _, part := range parts {
		for _, instance := range part.All {
			if !seen[instance.ID] {
				seen[instance.ID] = true
				all = append(all, instance)
			}
		}
	}
	set := SetOf(all)
	c.joined.Store(service, &joint{parts: parts, set: set})
	return set
}

// Services returns the names that any member knows.
func (c *Composite) Services() []string {
	var names []string
	for _, member := range c.members {
		names = append(names, member.Services()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
