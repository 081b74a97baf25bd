package logging

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The levels that Spring has and slog lacks. LevelOff is above everything: the logger is silent.
const (
	LevelTrace = slog.Level(-8)
	LevelFatal = slog.Level(12)
	LevelOff   = slog.Level(math.MaxInt32)
)

// Root is the name under which the level of all other loggers is set.
const Root = "root"

var levelNames = []struct {
	name  string
	level slog.Level
}{
	{"TRACE", LevelTrace}, {"DEBUG", slog.LevelDebug}, {"INFO", slog.LevelInfo}, {"WARN", slog.LevelWarn},
	{"ERROR", slog.LevelError}, {"FATAL", LevelFatal}, {"OFF", LevelOff},
}

// ParseLevel reads a level as Spring names it, in any case; "false" is OFF, since YAML reads a bare off so.
func ParseLevel(text string) (slog.Level, error) {
	for _, known := range levelNames {
		if strings.EqualFold(text, known.name) {
			return known.level, nil
		}
	}
	if strings.EqualFold(text, "false") {
		return LevelOff, nil
	}
	return 0, fmt.Errorf("%q is not a level; levels are TRACE, DEBUG, INFO, WARN, ERROR, FATAL and OFF", text)
}

// LevelName returns Spring's name of a level; between two it is the lower one's.
func LevelName(level slog.Level) string {
	name := levelNames[0].name
	for _, known := range levelNames {
		if level >= known.level {
			name = known.name
		}
	}
	return name
}

// ours are the loggers that the flags debug and trace make talk.
var ours = []string{"app", "web", "eureka", "eurekaserver", "discovery", "loadbalancer", "invoker", "telemetry", "health", "actuator", "lifecycle"}

// predefined are the groups that exist without configuration, as in Spring.
var predefined = map[string][]string{
	"web": {"web", "invoker", "actuator"},
	"sql": {"sql"},
}

// Levels decides how much each logger says. It may be changed while the program runs and is safe for concurrent use.
type Levels struct {
	mu         sync.Mutex
	threshold  slog.Level
	groups     map[string][]string
	configured map[string]slog.Level
	nodes      map[string]*node // the loggers in use
}

// node is what the handlers of one logger share.
type node struct {
	name string
	cut  atomic.Int64 // lines below it are not written
}

func newLevels(c Config) (*Levels, error) {
	threshold, err := ParseLevel(c.Threshold.Console)
	if err != nil {
		return nil, err
	}
	l := &Levels{
		threshold:  threshold,
		groups:     maps.Clone(predefined),
		configured: map[string]slog.Level{Root: slog.LevelInfo},
		nodes:      map[string]*node{},
	}
	for name, members := range c.Group {
		l.groups[canonical(name)] = members
	}
	for _, name := range ours {
		switch {
		case c.trace:
			l.configured[name] = LevelTrace
		case c.debug:
			l.configured[name] = slog.LevelDebug
		}
	}
	// A logger's own level beats that of a group it is in, so groups come first.
	for _, groups := range []bool{true, false} {
		for _, name := range sortedKeys(c.Level) {
			members, isGroup := l.groups[canonical(name)]
			if isGroup != groups {
				continue
			}
			level, err := ParseLevel(c.Level[name])
			if err != nil {
				return nil, fmt.Errorf("logging.level.%s: %w", name, err)
			}
			if !isGroup {
				members = []string{name}
			}
			for _, member := range members {
				l.configured[canonical(member)] = level
			}
		}
	}
	return l, nil
}

// Configure applies levels, groups, threshold and the flags debug and trace of c in place of all that was set before, from the
// next line on. The rest of c, such as the form of lines, counts only when the program starts.
func (l *Levels) Configure(c Config) error {
	fresh, err := newLevels(c)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.threshold, l.groups, l.configured = fresh.threshold, fresh.groups, fresh.configured
	l.update()
	return nil
}

// Set gives a logger, a group of loggers or [Root] a level, from the next line on.
func (l *Levels) Set(name string, level slog.Level) {
	l.change(name, func(member string) { l.configured[member] = level })
}

// Clear takes a logger's own level away, so that it follows its prefix again; [Root] falls back to INFO.
func (l *Levels) Clear(name string) {
	l.change(name, func(member string) {
		delete(l.configured, member)
		if member == Root {
			l.configured[Root] = slog.LevelInfo
		}
	})
}

func (l *Levels) change(name string, one func(member string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	members, isGroup := l.groups[canonical(name)]
	if !isGroup {
		members = []string{name}
	}
	for _, member := range members {
		one(canonical(member))
	}
	l.update()
}

// update tells the loggers in use what they may say.
func (l *Levels) update() {
	for _, n := range l.nodes {
		n.cut.Store(int64(l.cut(n.name)))
	}
}

// Configured returns the level that was set for exactly this logger.
func (l *Levels) Configured(name string) (slog.Level, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	level, ok := l.configured[canonical(name)]
	return level, ok
}

// Effective returns the level that a logger follows: its own, else that of its longest dotted prefix, else the root's.
func (l *Levels) Effective(name string) slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effective(canonical(name))
}

// Names returns the loggers in use and those with a level of their own, sorted, [Root] first.
func (l *Levels) Names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.configured)
	for name := range l.nodes {
		all[name] = 0
	}
	delete(all, Root)
	return append([]string{Root}, sortedKeys(all)...)
}

// Groups returns the named lists of loggers. The result is the caller's.
func (l *Levels) Groups() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	groups := make(map[string][]string, len(l.groups))
	for name, members := range l.groups {
		groups[name] = slices.Clone(members)
	}
	return groups
}

// node returns what the handlers of a logger share.
func (l *Levels) node(name string) *node {
	name = canonical(name)
	l.mu.Lock()
	defer l.mu.Unlock()
	n, known := l.nodes[name]
	if !known {
		n = &node{name: name}
		n.cut.Store(int64(l.cut(name)))
		l.nodes[name] = n
	}
	return n
}

func (l *Levels) cut(name string) slog.Level { return max(l.effective(name), l.threshold) }

func (l *Levels) effective(name string) slog.Level {
	for name != "" {
		if level, ok := l.configured[name]; ok {
			return level
		}
		name = name[:max(strings.LastIndexByte(name, '.'), 0)]
	}
	return l.configured[Root]
}

// canonical is how names are compared: without regard to case, since environment variables have none, and with the
// root logger under one name.
func canonical(name string) string {
	if name == "" {
		return Root
	}
	return strings.ToLower(name)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
