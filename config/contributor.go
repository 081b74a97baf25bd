package config

import (
	"fmt"
	"slices"
	"strings"
)

// contributor is a document with what it imports, or an initial location with what was found there (Spring's
// ConfigDataEnvironmentContributor). Together they form a tree. What was imported before profiles were known and what was
// imported for them stand apart, since the latter ranks higher.
type contributor struct {
	source  *Source    // nil of a location
	file    location   // where the document stands, for relative imports
	imports []location // of which those joined by ";" are one
	profile string     // of a file such as application-dev.yml
	rises   bool       // is for a profile and has not been moved yet

	remote    bool // of an importer: its imports are not followed
	bound     bool
	probed    bool // is being bound, to see whether it holds
	guarded   bool // has conditions, be they empty
	onProfile []string
	onCloud   string

	before, after         []*contributor // highest first
	beforeDone, afterDone bool
}

// phase is a pass over the tree.
type phase int

const (
	initialPhase phase = iota // nothing is known that guards could ask for
	cloudPhase                // the cloud platform is known
	profilePhase              // and the profiles are
)

// each visits the tree below and c itself, highest precedence first.
func (c *contributor) each(visit func(*contributor)) {
	for _, child := range c.after {
		child.each(visit)
	}
	for _, child := range c.before {
		child.each(visit)
	}
	visit(c)
}

// active reports whether the document counts, by what is known.
func (c *contributor) active(l *loader) bool {
	switch {
	case !c.bound, c.guarded && l.cloud == "":
		return false
	case c.onCloud != "" && c.onCloud != l.cloud:
		return false
	case len(c.onProfile) == 0:
		return true
	}
	return l.profiles != nil && slices.ContainsFunc(c.onProfile, func(e string) bool {
		accepted, err := acceptsProfiles(e, l.profiles)
		return err == nil && accepted
	})
}

// importAll follows imports, of the highest document first, until there is none left.
func (l *loader) importAll(p phase) error {
	for {
		next := l.next(p)
		if next == nil {
			return nil
		}
		if !next.bound {
			if err := l.bind(next); err != nil {
				return err
			}
			continue
		}
		children, err := l.resolve(next)
		if err != nil {
			return err
		}
		if p == profilePhase {
			next.after, next.afterDone = children, true
			next.raise()
		} else {
			next.before, next.beforeDone = children, true
		}
	}
}

// next returns the highest contributor that has not been read yet or whose imports have not been followed in this phase.
func (l *loader) next(p phase) *contributor {
	var next *contributor
	for _, root := range l.root {
		root.each(func(c *contributor) {
			if next != nil {
				return
			}
			done := c.beforeDone
			if p == profilePhase {
				done = c.afterDone
			}
			if !c.bound || len(c.imports) > 0 && !done && c.active(l) {
				next = c
			}
		})
		if next != nil {
			return next
		}
	}
	return nil
}

// raise moves what the documents below imported for a profile above all of them.
func (c *contributor) raise() {
	var risen []*contributor
	for _, child := range c.before {
		for _, list := range []*[]*contributor{&child.before, &child.after} {
			*list = slices.DeleteFunc(*list, func(grandchild *contributor) bool {
				if grandchild.rises {
					risen = append(risen, grandchild)
				}
				return grandchild.rises
			})
		}
	}
	for _, one := range risen {
		one.rises = false
	}
	c.after = append(risen, c.after...)
}

// bind reads spring.config.import and spring.config.activate of a document, and checks what may not stand in it.
func (l *loader) bind(c *contributor) error {
	c.bound = true
	if err := checkOldProfiles(c.source); err != nil {
		return err
	}
	if c.source.any("spring.config") {
		var settings struct {
			Import   []string `config:"import"` // files, folders ending in /, configtree:, env:, configserver:; optional: before what may be missing; default none
			Activate struct {
				OnProfile       []string `config:"on-profile"`        // profiles or expressions such as "a & !b", for which the document holds; default any
				OnCloudPlatform string   `config:"on-cloud-platform"` // such as kubernetes, where the document holds; default any
			} `config:"activate"`
		}
		b := l.binder(c, c.source)
		if err := b.into("spring.config", &settings); err != nil {
			return err
		}
		c.onProfile = settings.Activate.OnProfile
		e := c.source.first("spring.config.activate.onprofile")
		c.guarded = settings.Activate.OnCloudPlatform != "" || e != nil && !e.kind.hidesNothing()
		if err := c.guard(settings.Activate.OnCloudPlatform); err != nil {
			return err
		}
		if c.remote {
			settings.Import = nil
		}
		if err := l.imports(c, settings.Import); err != nil {
			return err
		}
	}
	return checkPlace(c)
}

// binder binds from sources, all when there are none, while documents are still being read.
func (l *loader) binder(asking *contributor, sources ...*Source) *binder {
	b := &binder{c: l.config(), sources: sources, whole: len(sources) == 0}
	if len(sources) == 0 {
		b.sources = b.c.sources()
	}
	b.resolver = b.c.lenientResolver()
	b.resolver.look = func(key string) (*entry, error) { return l.look(key, asking) }
	return b
}

// look finds what a placeholder names in whatever has been read so far: keys as they are written, of the highest source. One that
// stands in a document that does not hold, or whose conditions are not known yet, is a fault, wherever else it stands: who
// relies on it would be surprised.
func (l *loader) look(key string, asking *contributor) (*entry, error) {
	var found *entry
	for _, s := range l.above {
		if e := s.literal(key); e != nil && found == nil {
			found = e
		}
	}
	var failed error
	for _, root := range l.root {
		root.each(func(c *contributor) {
			if c.source == nil || failed != nil {
				return
			}
			e := c.source.literal(key)
			if e == nil {
				return
			}
			switch holds, err := c.holds(l, asking); {
			case err != nil:
				failed = err
			case !holds:
				failed = &ValueError{
					Key: key, Value: e.value, Origin: e.origin, Set: true,
					Problem: "a placeholder that is needed to read the configuration names it, but it stands in a document that does not hold then",
					advice:  fmt.Sprintf("Move %s to a document without conditions.", key),
				}
			case found == nil:
				found = e
			}
		})
	}
	if found == nil {
		found = l.lowest.literal(key)
	}
	return found, failed
}

// holds is active for a document that may not have been bound yet; the one that asks for a key of its own does.
func (c *contributor) holds(l *loader, asking *contributor) (bool, error) {
	switch {
	case c == asking, c.probed:
		return true, nil
	case c.bound:
		return c.active(l), nil
	}
	c.probed = true // its conditions may name keys of others, and theirs its own
	defer func() { c.probed = false }()
	probe := &contributor{source: c.source, file: c.file, profile: c.profile, remote: c.remote}
	if err := l.bind(probe); err != nil {
		return false, err
	}
	return probe.active(l), nil
}

// guard sets the platform that a document is for.
func (c *contributor) guard(platform string) error {
	if platform == "" {
		return nil
	}
	name, err := Choice(platform, platforms...)
	if err != nil {
		return c.wrongGuard("on-cloud-platform", err, "Correct the name of the platform.")
	}
	c.onCloud = name
	return nil
}

func (c *contributor) wrongGuard(name string, err error, advice string) error {
	key := "spring.config.activate." + name
	return &LoadError{Origin: originOf(newConfig([]*Source{c.source}), key), Problem: err.Error(), Advice: advice, keys: []string{key}}
}

// checkExpressions refuses profile expressions that mean nothing. Those of documents for another platform are never read.
func (l *loader) checkExpressions() (failed error) {
	for _, root := range l.root {
		root.each(func(c *contributor) {
			for _, expression := range c.onProfile {
				if _, err := acceptsProfiles(expression, nil); err != nil && failed == nil && (c.onCloud == "" || c.onCloud == l.cloud) {
					failed = c.wrongGuard("on-profile", err, "Write profiles with !, & and |, and brackets where & and | meet, such as \"prod & (eu | us)\".")
				}
			}
		})
	}
	return failed
}

func (l *loader) imports(c *contributor, texts []string) error {
	declared := c.source.find("spring.config.import", "")
	for i, text := range texts {
		from := declared
		if from == nil {
			from = c.source.find(fmt.Sprintf("spring.config.import.%d", i), "")
		}
		if strings.TrimSpace(strings.TrimPrefix(text, "optional:")) == "" {
			if declared != nil {
				continue
			}
			return &LoadError{
				Origin: from.origin, Problem: "an import in a list must not be empty", keys: []string{"spring.config.import"},
				Advice: "Leave it out, or join imports by commas instead: there an empty one does not count.",
			}
		}
		at, err := l.parseLocation(text, from.origin, "spring.config.import")
		if err == nil {
			at = at.relativeTo(c.file)
			if problem := at.problem(); at.scheme == "" && problem != "" && at.starred() != "" {
				err = badLocation(text, at, problem+"; it is beside "+c.file.pattern)
			}
		}
		at.wrong = err
		c.imports = append(c.imports, at)
	}
	return nil
}

// resolve reads what a contributor imports: each location, and above it its variants for the profiles, if they are known. What
// stands somewhere already is left there.
func (l *loader) resolve(c *contributor) ([]*contributor, error) {
	var candidates []candidate
	for _, at := range c.imports {
		if at.wrong != nil {
			return nil, at.wrong
		}
		more, err := l.candidates(at, l.profiles)
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, more...)
	}
	var children []*contributor
	for _, one := range slices.Backward(candidates) {
		id := one.id()
		exists := one.profile == "" || one.location.folder() || one.location.starred() != "" // a variant alone is not the file itself
		if l.loaded[id] {
			l.found[one.location.id()] = l.found[one.location.id()] || exists
			continue
		}
		documents, err := one.read()
		if err != nil {
			return nil, err
		}
		if documents == nil {
			continue
		}
		l.loaded[id], l.found[one.location.id()] = true, l.found[one.location.id()] || exists
		for _, source := range slices.Backward(documents) {
			children = append(children, &contributor{
				source: source, file: one.file, profile: one.profile, rises: one.profile != "" && !one.remote || source.forProfile,
				remote: one.remote,
			})
		}
	}
	return children, nil
}

// checkOldProfiles refuses the form of Spring Boot before 2.4.
func checkOldProfiles(s *Source) error {
	for _, key := range []string{"spring.profiles", "spring.profiles.0"} {
		if old := s.find(key, ""); old != nil && !old.kind.hidesNothing() {
			return &LoadError{
				Origin: old.origin, Problem: `the key "spring.profiles" no longer binds a document to a profile`,
				Advice: fmt.Sprintf("Write spring.config.activate.on-profile: %s instead.", old.value), keys: []string{"spring.profiles"},
			}
		}
	}
	return nil
}

// checkPlace refuses keys that choose profiles where a profile was needed to read them.
func checkPlace(c *contributor) error {
	if c.profile == "" && len(c.onProfile) == 0 {
		return nil
	}
	for _, name := range []string{"active", "default", "include"} {
		if name == "default" && c.profile == "" {
			continue // without effect, as the profiles are known when the document counts
		}
		if err := refuse(c.source, "spring.profiles."+name, "in a document that is read for a profile only"); err != nil {
			return err
		}
	}
	return nil
}

// refuse reports a key that cannot stand where it does.
func refuse(s *Source, key, place string) error {
	for _, suffix := range []string{"", ".0"} {
		if e := s.find(uniform(key)+suffix, ""); e != nil {
			return &LoadError{
				Origin: e.origin, Problem: fmt.Sprintf("%s cannot stand %s", key, place),
				Advice: fmt.Sprintf("Move %s to a document without conditions.", key), keys: []string{key},
			}
		}
	}
	return nil
}

// deduceProfiles returns the active profiles, in the order in which their files are read, and those that hold when none is.
func (l *loader) deduceProfiles() (active, byDefault []string, err error) {
	c := l.known(func(*contributor) bool { return true }) // groups of documents that do not hold count, too
	b := l.binder(nil, c.sources()...)
	settings := struct {
		Active   []string            `config:"active"`   // profiles, of which the last one's file wins; default none
		Default  []string            `config:"default"`  // which hold when none is active; default default
		Group    map[string][]string `config:"group"`    // name → profiles that are active with it; default none
		Validate bool                `config:"validate"` // whether names are checked; default true
	}{Default: []string{"default"}, Validate: true}
	if err := b.into("spring.profiles", &settings); err != nil {
		return nil, nil, err
	}
	if err := l.checkIncludes(); err != nil {
		return nil, nil, err
	}
	var first []string
	for _, s := range c.sources() { // includes add up over the sources, the highest first
		var found struct {
			Include []string `config:"include"` // profiles that are active besides, below the others; those of all sources add up; default none
		}
		if err := l.binder(nil, s).into("spring.profiles", &found); err != nil {
			return nil, nil, err
		}
		first = append(first, found.Include...)
	}
	chosen := slices.Concat(first, settings.Active, settings.Default)
	for _, members := range settings.Group {
		chosen = append(chosen, members...)
	}
	if settings.Validate {
		if err := checkProfiles(c, chosen); err != nil {
			return nil, nil, err
		}
	}
	active = expandProfiles(append(first, settings.Active...), settings.Group)
	return active, expandProfiles(settings.Default, settings.Group), nil
}

// checkIncludes refuses spring.profiles.include in documents that do not hold: it would take effect all the same.
func (l *loader) checkIncludes() (err error) {
	for _, root := range l.root {
		root.each(func(c *contributor) {
			if c.source == nil || err != nil || c.active(l) {
				return
			}
			err = refuse(c.source, "spring.profiles.include", "in a document that does not hold")
		})
	}
	return err
}

// expandProfiles puts the members of a group behind it, each profile once.
func expandProfiles(names []string, groups map[string][]string) []string {
	var all []string
	var add func(names []string)
	add = func(names []string) {
		for _, name := range names {
			if name != "" && !slices.Contains(all, name) {
				all = append(all, name)
				add(groups[name])
			}
		}
	}
	add(names)
	return all
}

func checkProfiles(c *Config, names []string) error {
	for _, name := range names {
		err := checkProfile(name)
		if err == nil {
			continue
		}
		failed := &LoadError{Problem: err.Error(), Advice: "Correct the name of the profile.", keys: []string{"spring.profiles.active"}}
		for _, key := range c.Keys("spring.profiles") {
			if value, set := c.Raw(key); set && strings.Contains(value, name) {
				failed.Origin, _ = c.Origin(key)
				failed.keys = []string{key}
			}
		}
		return failed
	}
	return nil
}
