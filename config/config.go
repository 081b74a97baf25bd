package config

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config is the resolved configuration of one application. It is safe for concurrent use. [Config.Reload] replaces what its
// sources say.
type Config struct {
	state  atomic.Pointer[state]
	origin *reload // how it was loaded; nil when it was not

	mu          sync.Mutex
	computed    map[string]*computation // uniform key → lowest of all
	conditions  []Condition
	diagnostics []Diagnostic
	bound       []bound
	asked       map[string]string // keys that were looked up: uniform → written
	fault       error
	excluded    []string
	defaults    []*Source // of bundles, which a reload keeps
	subscribers []*subscriber
}

// state is what a load found. It is never changed.
type state struct {
	sources  []*Source // highest precedence first
	profiles []string
	koanf    sync.Once
	tree     koanfTree
}

func newConfig(sources []*Source) *Config {
	c := &Config{}
	c.state.Store(&state{sources: sources})
	return c
}

// sources returns the sources, highest precedence first.
func (c *Config) sources() []*Source { return c.state.Load().sources }

// variables returns the environment by the names of its variables.
func (c *Config) variables() map[string]string {
	for _, s := range c.sources() {
		if s.variables == nil {
			continue
		}
		all := make(map[string]string, len(s.variables))
		for name, i := range s.variables {
			all[name] = s.entries[i].value
		}
		return all
	}
	return nil
}

// computation is a value that is made when it is first asked for.
type computation struct {
	once  sync.Once
	fn    func() (string, error)
	value string
	err   error
}

// Compute offers a value of the lowest precedence that fn makes when it is first needed, such as the name of the host. An
// error of fn counts as no value, for those who ask for the key, and is reported by those whose placeholder needs it.
func (c *Config) Compute(key string, fn func() (string, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.computed == nil {
		c.computed = make(map[string]*computation)
	}
	c.computed[uniform(key)] = &computation{fn: fn}
}

func (c *Config) compute(u string) (string, error, bool) {
	c.mu.Lock()
	made, ok := c.computed[u]
	c.mu.Unlock()
	if !ok {
		return "", nil, false
	}
	made.once.Do(func() { made.value, made.err = made.fn() })
	return made.value, made.err, true
}

// Default sets the value of a key that no source has. It is for bundles, before anything is bound.
func (c *Config) Default(key, value string) {
	if _, set := c.Raw(key); set {
		return
	}
	more := mapSource("defaults of the bundle", "the bundle", map[string]string{key: value})
	old := c.state.Load()
	c.state.Store(&state{sources: append(slices.Clone(old.sources), more), profiles: old.profiles})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.defaults = append(c.defaults, more)
}

// find returns the entry of the highest source that has the key.
func (c *Config) find(key string) *entry {
	return c.findUniform(uniform(key), legacyName(key))
}

func (c *Config) findUniform(u, legacy string) *entry {
	return findIn(c.sources(), u, legacy)
}

func findIn(sources []*Source, u, legacy string) *entry {
	for _, s := range sources {
		if e := s.find(u, legacy); e != nil && !e.kind.hidesNothing() {
			return e
		}
	}
	return nil
}

// Value returns the value of a key in any spelling, placeholders resolved, and whether any source has it. A placeholder that
// stands for nothing is an error.
func (c *Config) Value(key string) (string, bool, error) {
	u := uniform(key)
	c.mu.Lock()
	if c.asked == nil {
		c.asked = make(map[string]string)
	}
	c.asked[u] = key
	c.mu.Unlock()
	return c.resolver().value(key)
}

// Lookup is [Config.Value] for callers without a way to fail: a value with a placeholder that cannot be resolved is
// returned as it stands, and [Config.Err] reports it.
func (c *Config) Lookup(key string) (string, bool) {
	value, set, err := c.Value(key)
	if err == nil {
		return value, set
	}
	c.mu.Lock()
	if c.fault == nil {
		c.fault = err
	}
	c.mu.Unlock()
	if e := c.find(key); e != nil {
		return e.value, true
	}
	return "", false
}

// Err returns the first fault that [Config.Lookup] or [Config.Enabled] met.
func (c *Config) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Origin returns where the value of a key comes from, such as application.yml:3:9, and whether any source has it.
func (c *Config) Origin(key string) (Origin, bool) {
	if e := c.find(key); e != nil {
		return e.origin, true
	}
	return Origin{}, false
}

// Raw returns the value of a key as it stands in its source, with its placeholders.
func (c *Config) Raw(key string) (string, bool) {
	if e := c.find(key); e != nil {
		return e.value, true
	}
	return "", false
}

// Behind returns the key that decides the value of key: where a source has nothing but a placeholder such as
// ${PORT:8080}, the key it names, and so on; else key itself. It is what someone should change.
func (c *Config) Behind(key string) string {
	for range 10 { // circles end somewhere
		raw, set := c.Raw(key)
		if !set || !strings.HasPrefix(raw, "${") || closing(raw, 2) != len(raw)-1 { // more than a placeholder
			return key
		}
		name, _, _ := cutDefault(raw[2 : len(raw)-1])
		if strings.Contains(name, "${") {
			return key
		}
		key = name
	}
	return key
}

// Keys returns the keys below a prefix, as their highest sources write them, sorted. "" is every key.
func (c *Config) Keys(prefix string) []string {
	p := uniform(prefix)
	seen := make(map[string]bool)
	var keys []string
	for _, s := range c.sources() {
		for i, e := range s.entries {
			u := s.uniforms[i]
			if _, ok := below(u, p); (ok || p == "") && !seen[u] && e.alias == "" {
				seen[u] = true
				keys = append(keys, e.key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// Profiles returns the active profiles in order; none means only "default".
func (c *Config) Profiles() []string { return slices.Clone(c.state.Load().profiles) }

// Sources returns where values come from, highest precedence first.
func (c *Config) Sources() []*Source { return slices.Clone(c.sources()) }

// Condition is a decision about a module.
type Condition struct {
	Module string
	On     bool
	Reason string // such as "eureka.client.enabled = false from application.yml:3:12"
}

// Enabled reports whether a module is on: what key says, or byDefault when no source has it, unless
// spring.autoconfigure.exclude names the module. It is Spring's @ConditionalOnProperty: anything but "false" is on. The
// answer is recorded with its reason.
func (c *Config) Enabled(module, key string, byDefault bool) bool {
	if slices.Contains(c.exclusions(), module) {
		return c.Decided(module, false, "spring.autoconfigure.exclude names it")
	}
	value, set := c.Lookup(key)
	if !set || value == "" {
		return c.Decided(module, byDefault, fmt.Sprintf("%s is not set, the default is %t", key, byDefault))
	}
	origin, _ := c.Origin(key)
	on, err := parseBool(value)
	if err != nil {
		c.mu.Lock()
		if c.fault == nil {
			c.fault = &ValueError{Key: key, Value: value, Origin: origin, Set: true, Problem: err.Error()}
		}
		c.mu.Unlock()
	}
	return c.Decided(module, on, fmt.Sprintf("%s = %s from %s", key, value, origin))
}

// Decided records a decision about a module that does not rest on one key, and returns it.
func (c *Config) Decided(module string, on bool, reason string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, known := range c.conditions {
		if known.Module == module {
			c.conditions[i] = Condition{module, on, reason}
			return on
		}
	}
	c.conditions = append(c.conditions, Condition{module, on, reason})
	return on
}

// Conditions returns the decisions, in the order taken; of several about one module the last.
func (c *Config) Conditions() []Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.conditions)
}

func (c *Config) exclusions() []string {
	c.mu.Lock()
	known := c.excluded
	c.mu.Unlock()
	if known != nil {
		return known
	}
	var x struct {
		Exclude []string `config:"exclude"` // names of modules that stay off; default none
	}
	x, _ = Bind(c, "spring.autoconfigure", x)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.excluded = append([]string{}, x.Exclude...)
	return c.excluded
}

// Diagnostic is something to warn of once there is a logger; nothing in this package logs.
type Diagnostic struct {
	Message string
	Key     string
	Origin  Origin
}

// Diagnostics returns what the sources gave reason to warn of: keys that nothing reads but that resemble one that is read.
// What [Bind] learns counts, so ask again when all modules are bound.
func (c *Config) Diagnostics() []Diagnostic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.diagnostics)
}

func (c *Config) warn(message, key string, origin Origin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := Diagnostic{message, key, origin}
	if !slices.Contains(c.diagnostics, d) {
		c.diagnostics = append(c.diagnostics, d)
	}
}

// parseBool takes the words of Spring's conversion.
func parseBool(value string) (bool, error) {
	switch strings.ToLower(trimmed(value)) {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return true, fmt.Errorf("%q is neither true nor false", value)
}
