package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fileReader reads files and remembers where it looked, so that changes can be noticed.
type fileReader struct {
	options Options
	looked  map[string]stamp // files; folders of which everything counts end in a separator
	texts   map[string][]byte
}

func newFileReader(o Options) *fileReader {
	return &fileReader{options: o, looked: map[string]stamp{}, texts: map[string][]byte{}}
}

// stamp tells states of a file apart; zero when there is none.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// look notes that a path of the system counts, whether or not it exists.
func (r *fileReader) look(path string) { r.looked[path] = stampOf(path) }

func (r *fileReader) osPath(p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) || r.options.Dir == "" {
		return p
	}
	return filepath.Join(r.options.Dir, p)
}

func (r *fileReader) isFolder(folder string) bool {
	info, err := os.Stat(r.osPath(folder))
	return err == nil && info.IsDir()
}

// folders returns the folder of a location; for a * the folders that it stands for, in alphabetical order.
func (r *fileReader) folders(at location) []string {
	folder := at.path[:strings.LastIndexByte(at.path, '/')+1]
	parent, star := strings.CutSuffix(folder, "*/")
	if !star {
		return []string{folder}
	}
	if r.options.NoFiles || parent == "" { // to Spring, */ alone is in no folder
		return nil
	}
	r.look(r.osPath(parent) + string(filepath.Separator))
	entries, err := os.ReadDir(r.osPath(parent))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if child := parent + e.Name() + "/"; !strings.HasPrefix(e.Name(), "..") && r.isFolder(child) {
			names = append(names, child)
		}
	}
	slices.Sort(names)
	return names
}

// readFile returns the documents of a file, low to high; nil when it does not exist.
func (l *loader) readFile(at location) ([]*Source, error) {
	switch at.scheme {
	case configTree:
		return l.files.tree(at)
	case variable:
		value, set := l.config().variables()[at.path]
		if !set {
			return nil, nil
		}
		if at.format == "" {
			at.format = ".properties"
		}
		return l.parsed("environment variable "+at.path, []byte(value), at)
	case classpath:
		var documents []*Source
		for _, files := range l.options.Embedded {
			data, err := fs.ReadFile(files, path.Clean(at.path))
			if err != nil {
				continue
			}
			more, err := l.parsed("classpath:"+at.path, data, at)
			if err != nil {
				return nil, err
			}
			documents = append(documents, more...)
		}
		return documents, nil
	}
	if l.options.NoFiles {
		return nil, nil
	}
	l.files.look(l.files.osPath(at.path))
	data, err := os.ReadFile(l.files.osPath(at.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	name := strings.TrimPrefix(at.path, "./")
	if err != nil {
		return nil, &LoadError{Origin: Origin{Source: name}, Problem: "the file cannot be read: " + err.Error(), Advice: "Make " + name + " a readable file, or remove it.", cause: err}
	}
	return l.parsed(name, data, at)
}

// parsed makes a source of each document.
func (l *loader) parsed(name string, data []byte, at location) ([]*Source, error) {
	l.files.texts[name] = data
	var (
		parts [][]entry
		err   error
	)
	switch at.extension() {
	case ".properties":
		parts, err = l.properties(name, data, at.utf8)
	case ".xml":
		parts, err = readXML(name, data)
	default:
		parts, err = readYAML(name, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	}
	if err != nil {
		return nil, err
	}
	documents := make([]*Source, 0, len(parts))
	for i, entries := range parts {
		title := name
		if len(parts) > 1 {
			title = fmt.Sprintf("%s (document #%d)", name, i)
		}
		documents = append(documents, newSource(title, entries))
	}
	return documents, nil
}

// quote adds the line to an error that names one in a file.
func (r *fileReader) quote(err error) error {
	var failed *LoadError
	if !errors.As(err, &failed) || failed.Excerpt != "" || failed.Origin.Line == 0 {
		return err
	}
	if data, read := r.texts[failed.Origin.Source]; read {
		failed.Excerpt = excerpt(strings.Split(string(data), "\n"), failed.Origin.Line, failed.Origin.Column)
	}
	return err
}

// maxTreeDepth bounds how deep the folders of a config tree may lie.
const maxTreeDepth = 100

// tree reads a folder of files, one key each, as Kubernetes and Docker mount secrets.
func (r *fileReader) tree(at location) ([]*Source, error) {
	root := r.osPath(at.path)
	if info, err := os.Stat(root); r.options.NoFiles || err != nil || !info.IsDir() {
		return nil, nil //nolint:nilerr // it is missing
	}
	r.look(root + string(filepath.Separator))
	var entries []entry
	if err := r.branch(root, "", 1, &entries); err != nil {
		return nil, &LoadError{Origin: Origin{Source: at.path}, Problem: "the config tree cannot be read: " + err.Error(), Advice: "Make it readable, or leave it out of " + at.key + ".", cause: err}
	}
	return []*Source{newSource("configtree:"+at.path, entries)}, nil
}

// branch reads one folder, through the links that Kubernetes makes. What starts with ".." is its own bookkeeping.
func (r *fileReader) branch(folder, prefix string, depth int, to *[]entry) error {
	items, err := os.ReadDir(folder)
	if err != nil || depth > maxTreeDepth {
		return err
	}
	for _, item := range items {
		if strings.HasPrefix(item.Name(), "..") {
			continue
		}
		p := filepath.Join(folder, item.Name())
		key := join(prefix, item.Name())
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist): // a link to nothing, or gone since
		case err != nil:
			return err
		case info.IsDir():
			if err := r.branch(p, key, depth+1, to); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			*to = append(*to, entry{key: key, value: trimNewline(string(data)), kind: literal, origin: Origin{Source: p}})
		}
	}
	return nil
}

// trimNewline drops the one newline that ends a single line.
func trimNewline(s string) string {
	if strings.Count(s, "\n") != 1 || !strings.HasSuffix(s, "\n") {
		return s
	}
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}
