package config

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// location is a place that configuration is read from: a folder (its path ends in "/"), a file, or what an importer knows.
type location struct {
	scheme   string // "" is a file, else "classpath", "configtree", "env" or the prefix of an importer
	path     string
	format   string // ".yaml" of file:/etc/settings[.yaml]
	utf8     bool   // .properties of [encoding=utf-8]
	fixed    bool   // has a prefix, so does not stand beside what imports it
	optional bool
	wrong    error  // of an import: why it cannot be followed, which matters when its document holds
	origin   Origin // who asked for it
	key      string
	pattern  string     // what the path of a file comes from, where a * stood for its folder
	parts    []location // those that ";" joins: variants for a profile stand above all of them
}

const (
	classpath  = "classpath"
	configTree = "configtree"
	variable   = "env"
)

// extensions from low to high: in one folder .properties beats .yml.
var extensions = []string{".yaml", ".yml", ".xml", ".properties"}

// locate reads where to look. These keys count from the sources above the files only, since they are needed first.
func (l *loader) locate() error {
	settings := struct {
		Name               []string `config:"name"`                // of files, without extension; default application
		Location           []string `config:"location"`            // files, or folders ending in /, instead of those usually searched; default those
		AdditionalLocation []string `config:"additional-location"` // as location, above those usually searched; default none
		Import             []string `config:"import"`
		OnNotFound         string   `config:"on-not-found"` // fail or ignore; what a missing location leads to; default fail
	}{Name: []string{"application"}, OnNotFound: "fail"}
	c := l.config()
	settings, err := Bind(c, "spring.config", settings)
	if err != nil {
		return err
	}
	for _, name := range settings.Name {
		if strings.Contains(name, "*") {
			return &ValueError{Key: "spring.config.name", Value: name, Origin: originOf(c, "spring.config.name"), Set: true, Problem: "the name of a file cannot hold a *"}
		}
	}
	l.names = settings.Name
	action, err := Choice(settings.OnNotFound, "fail", "ignore")
	if err != nil {
		return &ValueError{Key: "spring.config.on-not-found", Value: settings.OnNotFound, Origin: originOf(c, "spring.config.on-not-found"), Set: true, Problem: err.Error()}
	}
	l.ignoreMissing = action == "ignore"
	if len(settings.Location) == 0 {
		settings.Location = []string{"optional:classpath:/;optional:classpath:/config/"}
		if !l.options.NoFiles {
			settings.Location = append(settings.Location, "optional:file:./;optional:file:./config/;optional:file:./config/*/")
		}
	}
	for _, more := range []struct {
		key   string
		texts []string
	}{{"location", settings.Location}, {"additional-location", settings.AdditionalLocation}, {"import", settings.Import}} {
		key := "spring.config." + more.key
		for _, text := range more.texts {
			if text == "" {
				continue
			}
			at, err := l.parseLocation(text, originOf(c, key), key)
			if err != nil {
				return err
			}
			l.root = append([]*contributor{{imports: []location{at}, bound: true}}, l.root...)
		}
	}
	return nil
}

func originOf(c *Config, key string) Origin {
	if origin, set := c.Origin(key); set {
		return origin
	}
	origin, _ := c.Origin(key + "[0]")
	return origin
}

// parseLocation reads "optional:file:./x/", "classpath:x.yml", "configtree:/run/secrets/", "a/;b/".
func (l *loader) parseLocation(text string, origin Origin, key string) (location, error) {
	at := location{origin: origin, key: key}
	if joined := strings.Split(text, ";"); len(joined) > 1 {
		at.optional = strings.HasPrefix(text, "optional:")
		at.path = text
		for _, one := range joined {
			part, err := l.parseLocation(one, origin, key)
			if err != nil {
				return at, err
			}
			at.parts = append(at.parts, part)
		}
		return at, nil
	}
	whole := text
	text, at.optional = strings.CutPrefix(strings.TrimSpace(text), "optional:")
	scheme, rest, ok := strings.Cut(text, ":")
	if ok = ok && len(scheme) > 1; !ok { // none, or a drive letter
		scheme, rest = "file", text
	}
	switch _, imported := importers[scheme]; {
	case imported:
		at.scheme, at.path = scheme, rest
		return at, nil
	case scheme == "file":
		at.path, at.fixed = strings.TrimPrefix(rest, "//"), ok
	case scheme == "resource":
		at.path = rest
	case scheme == classpath:
		at.scheme, at.path = classpath, strings.TrimLeft(rest, "/")
	case scheme == configTree:
		at.scheme, at.path = configTree, strings.TrimPrefix(rest, "//")
		if !strings.HasSuffix(rest, "/") {
			return at, badLocation(whole, at, "a config tree is a folder and must end in /")
		}
	case scheme == variable:
		at.scheme, at.path = variable, rest
	case at.optional:
		l.warnings = append(l.warnings, Diagnostic{fmt.Sprintf("imports of the kind %q are not supported; this one is optional and left out", scheme+":"), key, origin})
		return at, nil
	default:
		return at, badLocation(whole, at, fmt.Sprintf("imports of the kind %q are not supported", scheme+":"))
	}
	at.hints()
	switch problem := at.problem(); {
	case problem == "":
		return at, nil
	case problem == unknownExtension && at.optional:
		l.warnings = append(l.warnings, Diagnostic{problem + "; this location is optional and left out", key, origin})
		return location{origin: origin, key: key, optional: true}, nil
	default:
		return at, badLocation(whole, at, problem)
	}
}

// hints takes "[.yaml]" or "[extension=.yaml][encoding=utf-8]" off the end of a path.
func (at *location) hints() {
	for strings.HasSuffix(at.path, "]") {
		start := strings.LastIndexByte(at.path, '[')
		if start < 0 {
			return
		}
		hint := at.path[start+1 : len(at.path)-1]
		name, value, named := strings.Cut(hint, "=")
		switch {
		case !named && strings.HasPrefix(hint, "."):
			at.format = strings.ToLower(hint)
		case name == "extension":
			at.format = "." + strings.ToLower(strings.TrimPrefix(value, "."))
		case name == "encoding":
			at.utf8 = strings.EqualFold(value, "utf-8") || strings.EqualFold(value, "utf8")
		default:
			return
		}
		at.path = at.path[:start]
	}
}

// problem says what is wrong with a location of files, if anything is.
func (at location) problem() string {
	if stars := strings.Count(at.path, "*"); stars > 0 {
		folder := at.path[:strings.LastIndexByte(at.path, '/')+1]
		if at.scheme == classpath || stars > 1 || folder != "*/" && !strings.HasSuffix(folder, "/*/") {
			return "one * may stand for the last folder of a path, as in config/*/, and only in the file system"
		}
	}
	if at.scheme == variable {
		if at.format == "" || slices.Contains(extensions, at.format) {
			return ""
		}
		return "the extension is none of .yml, .yaml and .properties"
	}
	if at.scheme == configTree || at.folder() && (at.path != "" || !at.fixed) {
		return ""
	}
	if !slices.Contains(extensions, at.extension()) {
		return unknownExtension
	}
	return ""
}

const unknownExtension = "the extension is none of .yml, .yaml and .properties; a folder must end in /"

// starred is the path if a * stands in it.
func (at location) starred() string {
	if strings.Contains(at.path, "*") {
		return at.path
	}
	return ""
}

func (at location) folder() bool { return at.path == "" || strings.HasSuffix(at.path, "/") }

// extension is the form of a file, in lower case.
func (at location) extension() string {
	if at.format != "" {
		return at.format
	}
	return strings.ToLower(path.Ext(at.path))
}

func badLocation(text string, at location, problem string) error {
	return &LoadError{
		Origin: at.origin, Problem: fmt.Sprintf("the location %q cannot be used: %s", text, problem),
		Advice: fmt.Sprintf("Correct %s, or write optional: before a location that may be missing.", at.key), keys: []string{at.key},
	}
}

func (at location) id() string { return at.scheme + ":" + at.path }

// String is the location as someone would write it.
func (at location) String() string {
	if at.scheme == "" {
		return at.path
	}
	return at.id()
}

// relativeTo places an import beside the file that declares it.
func (at location) relativeTo(declaring location) location {
	if at.scheme != "" || at.fixed || at.path == "" || filepath.IsAbs(at.path) || declaring.path == "" || declaring.scheme != "" && declaring.scheme != classpath {
		return at
	}
	folder := declaring.path[:strings.LastIndexByte(declaring.path, '/')+1]
	if declaring.pattern != "" { // then it means each of the folders, as in Spring
		at.path = declaring.pattern[:strings.LastIndexByte(declaring.pattern, '/')+1] + at.path
		return at
	}
	slash := strings.HasSuffix(at.path, "/")
	at.scheme, at.path = declaring.scheme, path.Join(folder, at.path)
	if slash {
		at.path += "/"
	}
	return at
}

func (l *loader) checkFound(at location) error {
	if at.optional || l.ignoreMissing || l.found[at.id()] {
		return nil
	}
	for _, part := range at.parts { // of those joined by ; one is enough
		if l.found[part.id()] {
			return nil
		}
	}
	return &LoadError{
		Origin: at.origin, Problem: fmt.Sprintf("the configuration location %q does not exist", at.String()),
		Advice: fmt.Sprintf("Check the value of %s, or write optional: before a location that may be missing.", at.key), keys: []string{at.key},
	}
}

// candidate is something that may be read: a file, a config tree, what an importer knows.
type candidate struct {
	location location // that it belongs to
	file     location
	profile  string
	remote   bool
	asked    []string                  // of an importer: the profiles
	read     func() ([]*Source, error) // low to high; nil when it does not exist
}

// id tells resources apart: each is loaded once.
func (c candidate) id() string {
	p := c.file.path
	if !c.remote && c.file.scheme != variable {
		p = path.Clean(p)
	}
	return fmt.Sprintf("%s:%s?%q", c.file.scheme, p, c.asked)
}

// candidates lists what may be read at a location, low to high: without profiles, then for each profile.
func (l *loader) candidates(at location, profiles []string) ([]candidate, error) {
	parts := at.parts
	if len(parts) == 0 {
		parts = []location{at}
	}
	var all []candidate
	if len(at.parts) > 0 {
		l.mandatory = append(l.mandatory, at)
	}
	for _, part := range parts {
		if len(at.parts) == 0 || !part.folder() {
			l.mandatory = append(l.mandatory, part)
		}
		if _, remote := importers[part.scheme]; remote {
			all = append(all, l.remoteCandidate(part, nil))
			continue
		}
		all = append(all, l.fileCandidates(part, "")...)
	}
	for _, part := range parts {
		if _, remote := importers[part.scheme]; remote && profiles != nil {
			all = append(all, l.remoteCandidate(part, profiles))
		}
	}
	for _, profile := range profiles {
		for _, part := range parts {
			if part.scheme == "" || part.scheme == classpath {
				all = append(all, l.fileCandidates(part, profile)...)
			}
		}
	}
	return all, nil
}

// fileCandidates lists the files at a location, and config trees.
func (l *loader) fileCandidates(at location, profile string) []candidate {
	suffix := ""
	if profile != "" {
		suffix = "-" + profile
	}
	var all []candidate
	add := func(file location) {
		all = append(all, candidate{location: at, file: file, profile: profile, read: func() ([]*Source, error) { return l.readFile(file) }})
	}
	file := at
	switch {
	case at.path == "" && at.scheme == "": // an optional import of a kind that is not supported
		l.found[at.id()] = true
	case at.scheme == variable:
		add(at)
	case at.scheme == configTree:
		for _, folder := range l.files.folders(at) {
			file.path = folder
			add(file)
		}
	case !at.folder():
		for _, folder := range l.files.folders(at) {
			name := path.Base(at.path)
			extension := path.Ext(name)
			if at.format != "" {
				extension = ""
			}
			file.path = folder + strings.TrimSuffix(name, extension) + suffix + extension
			file.pattern = at.starred()
			add(file)
		}
	default:
		for _, folder := range l.files.folders(at) {
			if at.scheme == "" && l.files.isFolder(folder) {
				l.found[at.id()] = true
			}
			for _, name := range l.names {
				for _, extension := range extensions {
					file.path = folder + name + suffix + extension
					file.pattern = at.starred()
					add(file)
				}
			}
		}
	}
	return all
}

// remoteCandidate is what an importer knows for the profiles.
func (l *loader) remoteCandidate(at location, profiles []string) candidate {
	c := candidate{location: at, file: at, remote: true, asked: profiles}
	if profiles == nil {
		c.asked = []string{"default"}
	}
	c.read = func() ([]*Source, error) {
		warned := false
		sources, err := importers[at.scheme].load(l.ctx, importRequest{
			location: at.path, optional: at.optional, origin: at.origin, profiles: profiles, settings: l.config(),
			warn: func(message string) {
				warned = true
				l.warnings = append(l.warnings, Diagnostic{message, at.key, at.origin})
			},
		})
		if err != nil {
			return nil, err
		}
		if known := l.before[c.id()]; warned && len(sources) == 0 && len(known) > 0 {
			sources = known // better old than none
		}
		l.remote[c.id()] = sources
		lowFirst := slices.Clone(sources)
		slices.Reverse(lowFirst)
		return lowFirst, nil
	}
	return c
}
