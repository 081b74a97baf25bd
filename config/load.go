package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
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
func Load(o Options) (*Config, error) { return LoadContext(context.Background(), o) }

// LoadContext is [Load] that gives up when ctx ends: a config server may be slow.
func LoadContext(ctx context.Context, o Options) (*Config, error) {
	l, err := newLoader(ctx, o)
	if err != nil {
		return nil, err
	}
	return l.load()
}

// newLoader reads what stands above the files.
func newLoader(ctx context.Context, o Options) (*loader, error) {
	args, err := argumentSource(o.Args)
	if err != nil {
		return nil, err
	}
	environ := environmentSource(o.Environ)
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
	return &loader{ctx: ctx, options: o, above: above, lowest: lowest, files: newFileReader(o)}, nil
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
	var entries []entry
	opening, err := decoder.Token()
	if err == nil && opening != json.Delim('{') {
		err = errors.New("it starts with something else than {")
	}
	if err == nil {
		err = flattenJSON("", opening, decoder, e.origin, &entries)
	}
	if err != nil {
		return nil, &LoadError{
			Origin: e.origin, Problem: "this is not a JSON object: " + err.Error(), cause: err,
			Advice: "Correct " + place(e.origin) + ".",
		}
	}
	return newSource("spring.application.json", entries), nil
}

// maxJSONDepth is deeper than any settings nest.
const maxJSONDepth = 200

// flattenJSON adds what a value holds that begins with token, in the order in which it is written: of one key twice the last
// counts.
func flattenJSON(key string, token json.Token, rest *json.Decoder, origin Origin, to *[]entry) error {
	add := func(value string, k kind) { *to = append(*to, entry{key: key, value: value, kind: k, origin: origin}) }
	switch v := token.(type) {
	case json.Delim:
		if len(split(key)) > maxJSONDepth {
			return errors.New("it is nested too deeply")
		}
		n, known := 0, map[string][2]int{} // which entries a name has
		for ; rest.More(); n++ {
			below := indexed(key, n)
			if v == '{' {
				name, err := rest.Token()
				if err != nil {
					return err
				}
				if below = fmt.Sprint(name); key != "" {
					below = key + "." + below
				}
				if old, twice := known[below]; twice {
					*to = remove(*to, known, old)
				}
			}
			next, err := rest.Token()
			if err != nil {
				return err
			}
			start := len(*to)
			if err := flattenJSON(below, next, rest, origin, to); err != nil {
				return err
			}
			known[below] = [2]int{start, len(*to)}
		}
		switch {
		case n > 0 || key == "":
		case v == '{':
			add("", noEntries)
		default:
			add("", noElements)
		}
		_, err := rest.Token() // its end
		return err
	case nil:
		add("", absent)
	case bool:
		add(fmt.Sprint(v), boolean)
	case json.Number:
		digits := v.String()
		if f, err := v.Float64(); strings.ContainsAny(digits, ".eE") && (err == nil || errors.Is(err, strconv.ErrRange)) {
			digits = javaDouble(f)
		} else if digits == "-0" {
			digits = "0"
		}
		add(digits, number)
	default:
		add(fmt.Sprint(v), text)
	}
	return nil
}

// loader takes the phases of Spring's ConfigDataEnvironment: files without profiles, the profiles that they and the other
// sources name, then everything with profiles.
type loader struct {
	ctx     context.Context //nolint:containedctx // lives for one load
	options Options
	above   []*Source
	lowest  *Source
	files   *fileReader
	root    []*contributor // initial locations, highest first

	names         []string // base names of files
	ignoreMissing bool
	cloud         string
	profiles      []string // nil until they are known
	warnings      []Diagnostic

	loaded    map[string]bool      // resources that stand somewhere already
	found     map[string]bool      // locations that exist
	mandatory []location           // locations that must exist
	remote    map[string][]*Source // what importers gave, for a reload that cannot reach them
	before    map[string][]*Source // what they gave the last time
}

func (l *loader) load() (*Config, error) {
	c, err := l.all()
	if err != nil {
		return nil, l.files.quote(err)
	}
	return c, nil
}

func (l *loader) all() (*Config, error) {
	l.loaded, l.found, l.remote = map[string]bool{}, map[string]bool{}, map[string][]*Source{}
	if err := l.locate(); err != nil {
		return nil, err
	}
	if err := l.importAll(initialPhase); err != nil {
		return nil, err
	}
	var err error
	if l.cloud, err = l.cloudPlatform(); err != nil {
		return nil, err
	}
	if err := l.importAll(cloudPhase); err != nil {
		return nil, err
	}
	active, byDefault, err := l.deduceProfiles()
	if err != nil {
		return nil, err
	}
	if l.profiles = active; len(active) == 0 {
		l.profiles = byDefault
	}
	if err := l.importAll(profilePhase); err != nil {
		return nil, err
	}
	if err := l.checkExpressions(); err != nil {
		return nil, err
	}
	for _, at := range l.mandatory {
		if err := l.checkFound(at); err != nil {
			return nil, err
		}
	}
	c := l.config()
	c.state.Load().profiles = active
	c.origin = &reload{options: l.options, remote: l.remote, looked: l.files.looked}
	c.diagnostics = l.warnings
	c.warnOfAliases()
	return c, nil
}

// config is what is known so far: the active documents among the other sources.
func (l *loader) config() *Config {
	return l.known(func(c *contributor) bool { return c.active(l) })
}

// known is what the documents say that are wanted, among the other sources.
func (l *loader) known(wanted func(*contributor) bool) *Config {
	sources := slices.Clone(l.above)
	for _, c := range l.root {
		c.each(func(c *contributor) {
			if c.source == nil || !wanted(c) {
				return
			}
			if c.source.once {
				sources = slices.DeleteFunc(sources, func(above *Source) bool { return above.once && above.Name == c.source.Name })
			}
			sources = append(sources, c.source)
		})
	}
	if len(l.lowest.entries) > 0 {
		sources = append(sources, l.lowest)
	}
	return newConfig(sources)
}
