package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Options says where configuration comes from. The zero value reads the files of the working directory.
type Options struct {
	Args       []string          // command line without the program's name: --key=value
	Environ    []string          // KEY=value, as os.Environ
	Dir        string            // where relative locations start; "" is the process's working directory
	Embedded   []fs.FS           // Spring's "classpath:"; of several the later ones win
	Defaults   map[string]string // lowest precedence
	Properties map[string]string // highest precedence: what a test or a program sets itself
	NoFiles    bool              // read no file but the embedded ones
}

// Load reads all sources. From high to low: Properties, arguments, SPRING_APPLICATION_JSON, environment variables, files (a
// profile's above the others, external ones above embedded ones, imported documents above those that import them),
// Defaults, computed values. An error is a [*LoadError] or a [*ValueError].
func Load(o Options) (*Config, error) {
	args, environ := argumentSource(o.Args), environmentSource(o.Environ)
	inline, err := jsonSource(args, environ)
	if err != nil {
		return nil, err
	}
	var above []*Source
	for _, s := range []*Source{mapSource("properties", "the program itself", o.Properties), args, inline, environ} {
		if s != nil && len(s.entries) > 0 {
			above = append(above, s)
		}
	}
	lowest := mapSource("defaultProperties", "the program's defaults", o.Defaults)
	l := &loader{options: o, above: above, lowest: lowest, read: make(map[string][]*document)}
	return l.load()
}

// jsonSource is SPRING_APPLICATION_JSON or --spring.application.json, the argument replacing the variable.
func jsonSource(args, environ *Source) (*Source, error) {
	e := args.find("spring.application.json", "")
	if e == nil {
		e = environ.find("spring.application.json", "")
	}
	if e == nil || e.value == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(e.value))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return nil, &LoadError{
			Origin: e.origin, Problem: "this is not a JSON object: " + err.Error(), cause: err,
			Advice: "Correct " + place(e.origin) + ".",
		}
	}
	var entries []entry
	flattenJSON("", root, e.origin, &entries)
	return newSource("spring.application.json", entries), nil
}

func flattenJSON(key string, value any, origin Origin, to *[]entry) {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 && key != "" {
			*to = append(*to, entry{key: key, kind: emptyMap, origin: origin})
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			flattenJSON(join(key, name), v[name], origin, to)
		}
	case []any:
		if len(v) == 0 {
			*to = append(*to, entry{key: key, kind: emptyList, origin: origin})
		}
		for i, one := range v {
			flattenJSON(indexed(key, i), one, origin, to)
		}
	case nil: // counts as absent
	case bool:
		*to = append(*to, entry{key: key, value: fmt.Sprint(v), kind: boolean, origin: origin})
	case json.Number:
		*to = append(*to, entry{key: key, value: v.String(), kind: number, origin: origin})
	default:
		*to = append(*to, entry{key: key, value: fmt.Sprint(v), origin: origin})
	}
}

// loader takes the phases of Spring's ConfigDataEnvironment: files without profiles, the profiles that they and the other
// sources name, then everything with profiles.
type loader struct {
	options Options
	above   []*Source
	lowest  *Source
	groups  [][]location
	names   []string
	cloud   string
	read    map[string][]*document // by location
	found   map[string]bool        // mandatory locations that exist
}

// document is one document of a file.
type document struct {
	source  *Source
	file    location
	profile string // of a file such as application-dev.yml
}

func (l *loader) load() (*Config, error) {
	if err := l.locate(); err != nil {
		return nil, err
	}
	l.cloud = cloudPlatform(l.config(nil))
	documents, err := l.assemble(nil, false)
	if err != nil {
		return nil, err
	}
	profiles, byDefault, err := l.deduce(l.config(documents))
	if err != nil {
		return nil, err
	}
	effective := profiles
	if len(effective) == 0 {
		effective = byDefault
	}
	if documents, err = l.assemble(effective, true); err != nil {
		return nil, err
	}
	c := l.config(documents)
	c.profiles = profiles
	return c, nil
}

// config joins documents, low to high, with the other sources.
func (l *loader) config(documents []*document) *Config {
	c := &Config{sources: slices.Clone(l.above)}
	for _, d := range slices.Backward(documents) {
		c.sources = append(c.sources, d.source)
	}
	if len(l.lowest.entries) > 0 {
		c.sources = append(c.sources, l.lowest)
	}
	return c
}

// assemble returns the active documents of all locations, low to high. Without profiles, documents that ask for one are
// left out.
func (l *loader) assemble(profiles []string, withProfiles bool) ([]*document, error) {
	a := &assembly{loader: l, profiles: profiles, withProfiles: withProfiles}
	for _, group := range l.groups {
		for _, at := range group {
			if err := a.location(at, ""); err != nil {
				return nil, err
			}
		}
		for _, profile := range profiles {
			for _, at := range group {
				if err := a.location(at, profile); err != nil {
					return nil, err
				}
			}
		}
	}
	if withProfiles {
		for _, group := range l.groups {
			for _, at := range group {
				if err := l.checkFound(at); err != nil {
					return nil, err
				}
			}
		}
	}
	return a.unique(), nil
}

// assembly is one pass over the locations.
type assembly struct {
	*loader
	profiles     []string
	withProfiles bool
	documents    []*document
	importing    []string
}

// unique keeps the last of the documents that came more than once.
func (a *assembly) unique() []*document {
	last := make(map[*document]int)
	for i, d := range a.documents {
		last[d] = i
	}
	kept := a.documents[:0:0]
	for i, d := range a.documents {
		if last[d] == i {
			kept = append(kept, d)
		}
	}
	return kept
}

func (a *assembly) location(at location, profile string) error {
	documents, err := a.documentsOf(at, profile)
	if err != nil {
		return err
	}
	for _, d := range documents {
		if err := a.document(d); err != nil {
			return err
		}
	}
	return nil
}

// document adds an active document, and above it what it imports.
func (a *assembly) document(d *document) error {
	active, err := a.active(d)
	if err != nil || !active {
		return err
	}
	a.documents = append(a.documents, d)
	declared := d.source.find("spring.config.import", "")
	if declared == nil {
		declared = d.source.find("spring.config.import.0", "")
	}
	if declared == nil {
		return nil
	}
	// What the document itself declares: imports given by arguments are locations of their own.
	var settings struct {
		Import []string `config:"import"`
	}
	if settings, err = Bind(&Config{sources: []*Source{d.source}}, "spring.config", settings); err != nil {
		return err
	}
	for _, text := range settings.Import {
		at, err := a.parseLocation(text, declared.origin, "spring.config.import")
		if err != nil {
			return err
		}
		if err := a.include(at.relativeTo(d.file)); err != nil {
			return err
		}
	}
	return nil
}

// include adds an imported location with its profile variants.
func (a *assembly) include(at location) error {
	id := at.id()
	if slices.Contains(a.importing, id) {
		return nil // it is being added already
	}
	a.importing = append(a.importing, id)
	defer func() { a.importing = a.importing[:len(a.importing)-1] }()
	if err := a.location(at, ""); err != nil {
		return err
	}
	for _, profile := range a.profiles {
		if err := a.location(at, profile); err != nil {
			return err
		}
	}
	return a.checkFound(at)
}

// active decides spring.config.activate and checks what may not stand in the document.
func (a *assembly) active(d *document) (bool, error) {
	if old := d.source.find("spring.profiles", ""); old != nil && old.kind != emptyMap {
		return false, &LoadError{
			Origin: old.origin, Problem: `the key "spring.profiles" no longer binds a document to a profile`,
			Advice: fmt.Sprintf("Write spring.config.activate.on-profile: %s instead.", old.value), keys: []string{"spring.profiles"},
		}
	}
	var conditions struct {
		OnProfile       []string `config:"on-profile"`
		OnCloudPlatform string   `config:"on-cloud-platform"`
	}
	guarded := false
	for name := range d.source.byName {
		if _, ok := below(name, "spring.config.activate"); ok {
			guarded = true
			break
		}
	}
	if guarded {
		var err error
		own := &Config{sources: append(slices.Clone(a.above), d.source)}
		if conditions, err = Bind(own, "spring.config.activate", conditions); err != nil {
			return false, err
		}
	}
	if err := checkPlace(d, len(conditions.OnProfile) > 0); err != nil {
		return false, err
	}
	if conditions.OnCloudPlatform != "" && uniform(conditions.OnCloudPlatform) != uniform(a.cloud) {
		return false, nil
	}
	if len(conditions.OnProfile) == 0 {
		return true, nil
	}
	if !a.withProfiles {
		return false, nil
	}
	return slices.ContainsFunc(conditions.OnProfile, func(e string) bool { return accepts(e, a.profiles) }), nil
}

// checkPlace refuses keys that choose profiles where a profile was needed to read them.
func checkPlace(d *document, onProfile bool) error {
	if d.profile == "" && !onProfile {
		return nil
	}
	for _, name := range []string{"active", "default", "include"} {
		for _, suffix := range []string{"", ".0"} {
			e := d.source.find("spring.profiles."+name+suffix, "")
			if e == nil {
				continue
			}
			return &LoadError{
				Origin: e.origin, Problem: fmt.Sprintf("spring.profiles.%s cannot stand in a document that is read for a profile only", name),
				Advice: fmt.Sprintf("Move spring.profiles.%s to a document without a profile.", name), keys: []string{"spring.profiles." + name},
			}
		}
	}
	return nil
}

// deduce returns the active profiles, in the order in which their files are read, and those that hold when none is.
func (l *loader) deduce(c *Config) (active, byDefault []string, err error) {
	settings := struct {
		Active   []string            `config:"active"`
		Default  []string            `config:"default"`
		Group    map[string][]string `config:"group"`
		Validate bool                `config:"validate"`
	}{Default: []string{"default"}, Validate: true}
	if settings, err = Bind(c, "spring.profiles", settings); err != nil {
		return nil, nil, err
	}
	var include struct {
		Include []string `config:"include"`
	}
	add := func(name string) {}
	add = func(name string) {
		if name == "" || slices.Contains(active, name) {
			return
		}
		active = append(active, name)
		for _, member := range settings.Group[name] {
			add(member)
		}
	}
	for _, s := range c.sources { // includes add up over the sources, the highest first
		found, err := Bind(&Config{sources: []*Source{s}}, "spring.profiles", include)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range found.Include {
			add(name)
		}
	}
	for _, name := range settings.Active {
		add(name)
	}
	if settings.Validate {
		for _, name := range active {
			if err := checkProfile(name); err != nil {
				origin, _ := c.Origin("spring.profiles.active")
				return nil, nil, &LoadError{Origin: origin, Problem: err.Error(), Advice: "Correct the name of the profile.", keys: []string{"spring.profiles.active"}}
			}
		}
	}
	return active, settings.Default, nil
}

// cloudPlatform recognises where the program runs, by the environment.
func cloudPlatform(c *Config) string {
	if forced, ok := c.Lookup("spring.main.cloud-platform"); ok {
		return forced
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, ok := c.Lookup(name); return ok })
	}
	switch {
	case has("VCAP_APPLICATION", "VCAP_SERVICES"):
		return "cloud-foundry"
	case has("DYNO"):
		return "heroku"
	case has("HC_LANDSCAPE"):
		return "sap"
	case has("NOMAD_ALLOC_ID"):
		return "nomad"
	case has("kubernetes.service.host") && has("kubernetes.service.port"):
		return "kubernetes"
	}
	return "none"
}

// parse reads a file by its extension.
func parse(name string, data []byte) ([][]entry, error) {
	if strings.HasSuffix(name, ".properties") {
		return readProperties(name, data)
	}
	return readYAML(name, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
}
