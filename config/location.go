package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// location is a folder (its path ends in "/") or a file that configuration is read from.
type location struct {
	path     string
	embedded bool // Spring's "classpath:"
	tree     bool // "configtree:"
	optional bool
	origin   Origin // who asked for it
	key      string
}

// extensions from low to high: in one folder .properties beats .yml.
var extensions = []string{".yaml", ".yml", ".properties"}

// locate reads where to look. These keys count from the sources above the files only, since they are needed first.
func (l *loader) locate() error {
	settings := struct {
		Name               []string `config:"name"`
		Location           []string `config:"location"`
		AdditionalLocation []string `config:"additional-location"`
		Import             []string `config:"import"`
		OnNotFound         string   `config:"on-not-found"`
	}{Name: []string{"application"}, OnNotFound: "fail"}
	c := l.config(nil)
	settings, err := Bind(c, "spring.config", settings)
	if err != nil {
		return err
	}
	l.names = settings.Name
	l.found = make(map[string]bool)
	if len(settings.Location) == 0 {
		l.groups = [][]location{{
			{path: "", embedded: true, optional: true}, {path: "config/", embedded: true, optional: true},
		}}
		if !l.options.NoFiles {
			l.groups = append(l.groups, []location{
				{path: "./", optional: true}, {path: "./config/", optional: true}, {path: "./config/*/", optional: true},
			})
		}
	}
	for _, more := range []struct {
		key   string
		texts []string
	}{{"location", settings.Location}, {"additional-location", settings.AdditionalLocation}, {"import", settings.Import}} {
		key := "spring.config." + more.key
		origin, _ := c.Origin(key)
		for _, text := range more.texts {
			var group []location
			for _, one := range strings.Split(text, ";") {
				at, err := l.parseLocation(strings.TrimSpace(one), origin, key)
				if err != nil {
					return err
				}
				at.optional = at.optional || strings.EqualFold(settings.OnNotFound, "ignore")
				group = append(group, at)
			}
			l.groups = append(l.groups, group)
		}
	}
	return nil
}

// parseLocation reads "optional:file:./x/", "classpath:x.yml", "configtree:/run/secrets/".
func (l *loader) parseLocation(text string, origin Origin, key string) (location, error) {
	at := location{origin: origin, key: key}
	text, at.optional = strings.CutPrefix(text, "optional:")
	scheme, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok || len(scheme) == 1: // none, or a drive letter
		at.path = text
	case scheme == "file":
		at.path = strings.TrimPrefix(rest, "//")
	case scheme == "classpath" || scheme == "resource":
		at.path, at.embedded = strings.TrimLeft(rest, "/"), true
	case scheme == "configtree":
		at.path, at.tree = rest, true
		if !strings.HasSuffix(rest, "/") {
			return at, l.badLocation(text, at, "a config tree is a folder and must end in /")
		}
	case at.optional:
		return location{optional: true}, nil
	default:
		return at, l.badLocation(text, at, fmt.Sprintf("imports of the kind %q are not supported", scheme+":"))
	}
	if !at.tree && at.path != "" && !strings.HasSuffix(at.path, "/") && !slices.ContainsFunc(extensions, func(e string) bool { return strings.HasSuffix(at.path, e) }) {
		return at, l.badLocation(text, at, "the extension is none of .yml, .yaml and .properties; a folder must end in /")
	}
	return at, nil
}

func (l *loader) badLocation(text string, at location, problem string) error {
	return &LoadError{
		Origin: at.origin, Problem: fmt.Sprintf("the location %q cannot be used: %s", text, problem),
		Advice: fmt.Sprintf("Correct %s, or write optional: before a location that may be missing.", at.key), keys: []string{at.key},
	}
}

func (at location) id() string { return fmt.Sprint(at.embedded, at.tree, at.path) }

// relativeTo places an import beside the file that declares it.
func (at location) relativeTo(declaring location) location {
	if at.path == "" || at.embedded || filepath.IsAbs(at.path) || declaring.path == "" {
		return at
	}
	folder := declaring.path[:strings.LastIndexByte(declaring.path, '/')+1]
	if at.tree {
		folder = ""
	}
	if declaring.embedded && !at.tree {
		at.embedded = true
	}
	slash := strings.HasSuffix(at.path, "/")
	at.path = path.Join(folder, at.path)
	if slash {
		at.path += "/"
	}
	return at
}

func (l *loader) checkFound(at location) error {
	if at.optional || at.path == "" || l.found[at.id()] {
		return nil
	}
	return &LoadError{
		Origin: at.origin, Problem: fmt.Sprintf("the configuration location %q does not exist", at.path),
		Advice: fmt.Sprintf("Check the value of %s, or write optional: before a location that may be missing.", at.key), keys: []string{at.key},
	}
}

// documentsOf reads the documents at a location, low to high: those of the base files, or those of one profile.
func (l *loader) documentsOf(at location, profile string) ([]*document, error) {
	id := at.id() + "#" + profile
	if known, ok := l.read[id]; ok {
		l.found[at.id()] = l.found[at.id()] || len(known) > 0
		return known, nil
	}
	var documents []*document
	files, err := l.files(at, profile)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		more, err := l.file(file, profile)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	l.read[id] = documents
	return documents, nil
}

// files lists what may be read at a location.
func (l *loader) files(at location, profile string) ([]location, error) {
	suffix := ""
	if profile != "" {
		suffix = "-" + profile
	}
	switch {
	case at.path == "" && !at.embedded:
		return nil, nil
	case at.tree:
		if profile != "" {
			return nil, nil
		}
		return []location{at}, nil
	case at.path != "" && !strings.HasSuffix(at.path, "/"):
		extension := path.Ext(at.path)
		file := at
		file.path = strings.TrimSuffix(at.path, extension) + suffix + extension
		return []location{file}, nil
	}
	folders := []string{at.path}
	if strings.HasSuffix(at.path, "/*/") {
		folders = l.children(strings.TrimSuffix(at.path, "*/"))
	}
	var files []location
	for _, folder := range folders {
		if l.exists(at, folder) {
			l.found[at.id()] = true
		}
		for _, name := range l.names {
			for _, extension := range extensions {
				file := at
				file.path, file.optional = folder+name+suffix+extension, true
				files = append(files, file)
			}
		}
	}
	return files, nil
}

func (l *loader) exists(at location, folder string) bool {
	if at.embedded {
		return true
	}
	info, err := os.Stat(l.osPath(folder))
	return err == nil && info.IsDir()
}

// children lists the folders directly below a folder, in alphabetical order.
func (l *loader) children(folder string) []string {
	entries, err := os.ReadDir(l.osPath(folder))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(l.osPath(folder), e.Name())); err == nil && info.IsDir() {
			names = append(names, folder+e.Name()+"/")
		}
	}
	slices.Sort(names)
	return names
}

func (l *loader) osPath(p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) || l.options.Dir == "" {
		return p
	}
	return filepath.Join(l.options.Dir, p)
}

// file reads one file; nil when it does not exist.
func (l *loader) file(at location, profile string) ([]*document, error) {
	if at.tree {
		return l.tree(at)
	}
	var documents []*document
	if at.embedded {
		for _, files := range l.options.Embedded {
			data, err := fs.ReadFile(files, at.path)
			if err != nil {
				continue
			}
			if documents, err = l.parsed("classpath:"+at.path, data, at, profile, documents); err != nil {
				return nil, err
			}
		}
		return documents, nil
	}
	if l.options.NoFiles {
		return nil, nil
	}
	data, err := os.ReadFile(l.osPath(at.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	name := strings.TrimPrefix(at.path, "./")
	if err != nil {
		return nil, &LoadError{Origin: Origin{Source: name}, Problem: "the file cannot be read: " + err.Error(), Advice: "Make " + name + " a readable file, or remove it.", cause: err}
	}
	return l.parsed(name, data, at, profile, nil)
}

func (l *loader) parsed(name string, data []byte, at location, profile string, documents []*document) ([]*document, error) {
	l.found[at.id()] = true
	parts, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	for i, entries := range parts {
		title := name
		if len(parts) > 1 {
			title = fmt.Sprintf("%s (document #%d)", name, i)
		}
		documents = append(documents, &document{source: newSource(title, entries), file: at, profile: profile})
	}
	return documents, nil
}

// tree reads a folder of files, one key each, as Kubernetes and Docker mount secrets.
func (l *loader) tree(at location) ([]*document, error) {
	root := l.osPath(at.path)
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, nil
	}
	l.found[at.id()] = true
	var entries []entry
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && strings.HasPrefix(d.Name(), "..") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := os.Stat(p) // through the links that Kubernetes makes
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		key := strings.ReplaceAll(filepath.ToSlash(relative), "/", ".")
		entries = append(entries, entry{key: key, value: trimNewline(string(data)), kind: literal, origin: Origin{Source: p}})
		return nil
	})
	if err != nil {
		return nil, &LoadError{Origin: Origin{Source: at.path}, Problem: "the config tree cannot be read: " + err.Error(), Advice: "Make it readable, or leave it out of " + at.key + ".", cause: err}
	}
	return []*document{{source: newSource("configtree:"+at.path, entries), file: at}}, nil
}

// trimNewline drops the one newline that ends a single line.
func trimNewline(s string) string {
	if strings.Count(s, "\n") != 1 || !strings.HasSuffix(s, "\n") {
		return s
	}
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}
