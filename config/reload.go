package config

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// reload is how a configuration was loaded, so that it can be loaded again.
type reload struct {
	mu      sync.Mutex // one at a time
	options Options
	remote  map[string][]*Source // what importers gave
	looked  map[string]stamp
}

// subscriber wants to know when what it bound changes.
type subscriber struct {
	// prepare binds to a new state; apply then tells the subscriber, or is nil when nothing changed for it.
	prepare func(c *Config) (apply func(), err error)
}

// OnChange calls fn after each reload that changes what [Bind] makes of prefix, with the settings before and after. Calls come one
// after the other, from the goroutine that reloads. Settings that cannot be bound or do not pass their Validate never arrive:
// the whole reload fails then, and the old ones stay. The function returned ends it.
func OnChange[T any](c *Config, prefix string, defaults T, fn func(old, new T)) (cancel func()) {
	return OnChangeFunc(c, func(c *Config) (T, error) { return Bind(c, prefix, defaults) }, fn)
}

// OnChangeFunc is [OnChange] for settings that take more than one Bind.
func OnChangeFunc[T any](c *Config, bind func(*Config) (T, error), fn func(old, new T)) (cancel func()) {
	old, _ := bind(c) // who subscribes has bound it, and met the error
	s := &subscriber{prepare: func(fresh *Config) (func(), error) {
		now, err := bind(fresh)
		if err != nil || reflect.DeepEqual(old, now) {
			return nil, err
		}
		return func() {
			before := old
			old = now
			fn(before, now)
		}, nil
	}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, s)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.subscribers = slices.DeleteFunc(slices.Clone(c.subscribers), func(other *subscriber) bool { return other == s })
	}
}

// Reload reads all sources again, tells those who subscribed with [OnChange], and returns the keys whose values changed, sorted:
// Spring's refresh. Arguments, environment and profiles given there stay as they were. When anything cannot be read or
// bound to settings that were bound before, the error says what, and everything stays as it was. An optional import that cannot be reached keeps its old values.
func (c *Config) Reload(ctx context.Context) (changed []string, err error) {
	if c.origin == nil {
		return nil, errors.New("config: what was not loaded cannot be loaded again")
	}
	c.origin.mu.Lock()
	defer c.origin.mu.Unlock()
	l, err := newLoader(ctx, c.origin.options)
	if err != nil {
		return nil, err
	}
	l.before = c.origin.remote
	fresh, err := l.load()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	subscribers, known := slices.Clone(c.subscribers), slices.Clone(c.bound)
	if now := fresh.state.Load(); len(c.defaults) > 0 {
		fresh.state.Store(&state{sources: slices.Concat(now.sources, c.defaults), profiles: now.profiles})
	}
	fresh.computed = c.computed
	c.mu.Unlock()
	changed = differences(c, fresh)
	var applies []func()
	var faults []error
	for _, s := range subscribers {
		apply, err := s.prepare(fresh)
		if err != nil {
			faults = append(faults, err)
		} else if apply != nil {
			applies = append(applies, apply)
		}
	}
	for _, b := range known {
		if err := b.again(fresh); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, faults[0] // the others may be the same in other words
	}
	now := fresh.state.Load()
	c.state.Store(&state{sources: now.sources, profiles: now.profiles})
	c.origin.remote, c.origin.looked = l.remote, l.files.looked
	for _, d := range fresh.Diagnostics() {
		c.warn(d.Message, d.Key, d.Origin)
	}
	for _, apply := range applies {
		apply()
	}
	return changed, nil
}

// differences returns the keys whose values are not the same in both. Random values are not compared.
func differences(before, after *Config) []string {
	values := func(c *Config) map[string]string {
		all := map[string]string{}
		r := c.lenientResolver()
		for _, s := range c.sources() {
			for i := range s.entries {
				e := &s.entries[i]
				u := s.uniforms[i]
				if _, higher := all[u]; higher || e.alias != "" || e.kind.hidesNothing() {
					continue
				}
				value := e.value
				if !strings.Contains(value, "${random.") {
					if resolved, err := r.entry(u, e); err == nil {
						value = resolved
					}
				}
				all[u] = fmt.Sprintf("%s\x00%s", e.key, value)
			}
		}
		return all
	}
	old, now := values(before), values(after)
	var changed []string
	add := func(keyed string) {
		key, _, _ := strings.Cut(keyed, "\x00")
		changed = append(changed, key)
	}
	for u, value := range now {
		before, had := old[u]
		_, a, _ := strings.Cut(before, "\x00")
		if _, b, _ := strings.Cut(value, "\x00"); !had || a != b {
			add(value)
		}
	}
	for u, value := range old {
		if _, has := now[u]; !has {
			add(value)
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}
