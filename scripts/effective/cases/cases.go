// Package cases reads the configurations that Spring Boot and we must make the same of, and what Spring Boot made of them.
//
// A file of testdata, in the format of golang.org/x/tools/txtar, holds the cases of one subject. The first element of a
// path is the case's name; case.json beside its files says how the program is started and what it is asked:
//
//	-- arguments-beat-variables/case.json --
//	{"args": ["--a.b=1"], "env": {"A_B": "2"}, "keys": ["a.b", "a.b.list as ints"]}
//	-- arguments-beat-variables/application.yml --
//	a.b: 3
//	-- arguments-beat-variables/spring.json --
//	{"profiles": [], "values": {"a.b": "1", "a.b.list": null}}
//
// spring.json is what Spring Boot answered; {"fails": true} when it did not start. A file whose name ends in .tmpl is a
// text/template, for what a text file cannot hold: {{"\ufeff"}}, {{repeat 70000 "x"}}.
package cases

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"golang.org/x/tools/txtar"
)

// Case is one configuration and what is asked of it.
type Case struct {
	Group string // name of the file without extension
	Name  string
	Spec
	Files  []txtar.File // with paths relative to the folder of the case
	Spring *Answer      // what Spring Boot answered; nil when it was never asked
	Served []Exchange   // what the config server was asked and answered
}

// Spec is case.json.
type Spec struct {
	Args    []string          `json:"args"`
	Env     map[string]string `json:"env"`
	Keys    []string          `json:"keys"` // "key" or "key as kind"
	Links   map[string]string `json:"links"`
	Folders []string          `json:"folders"`
	Names   []string          `json:"names"`   // what our failure report must say
	Hides   []string          `json:"hides"`   // what no output may say
	Server  string            `json:"server"`  // what CONFIG_HOST is: "spring", "html", "slow" or "broken"
	Differs string            `json:"differs"` // why we fail, or do not, where Spring does otherwise
}

// Answer is what both programs print.
type Answer struct {
	Fails    bool           `json:"fails,omitempty"`
	Profiles []string       `json:"profiles"`
	Values   map[string]any `json:"values"` // by what was asked: "key as kind"
}

// ID is "group/name".
func (c *Case) ID() string { return c.Group + "/" + c.Name }

// Same compares what was answered, numbers by value: 1.0E8 is 100000000.
func (a Answer) Same(b Answer) bool {
	return a.canonical() == b.canonical()
}

func (a Answer) canonical() string {
	if a.Fails {
		return "fails"
	}
	text, err := json.Marshal(map[string]any{"profiles": append([]string{}, a.Profiles...), "values": plain(a.Values)})
	if err != nil {
		panic(err) // it was JSON
	}
	return string(text)
}

// plain gives numbers one spelling.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, one := range v {
			m[key] = plain(one)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = plain(one)
		}
		return list
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return v
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return value
}

// Load reads all groups of a folder.
func Load(folder string) ([]*Case, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var all []*Case
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			return nil, err
		}
		group := strings.TrimSuffix(filepath.Base(file), ".txtar")
		byName := map[string]*Case{}
		for _, f := range archive.Files {
			name, rest, ok := strings.Cut(f.Name, "/")
			if !ok {
				return nil, fmt.Errorf("%s: %s belongs to no case", file, f.Name)
			}
			if name == Repository {
				continue
			}
			c := byName[name]
			if c == nil {
				c = &Case{Group: group, Name: name}
				byName[name] = c
				all = append(all, c)
			}
			switch rest {
			case "case.json":
				decoder := json.NewDecoder(bytes.NewReader(f.Data))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(&c.Spec); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, f.Name, err)
				}
			case "spring.json":
				decoder := json.NewDecoder(bytes.NewReader(f.Data))
				decoder.UseNumber()
				c.Spring = new(Answer)
				if err := decoder.Decode(c.Spring); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, f.Name, err)
				}
			case "server.json":
				if err := json.Unmarshal(f.Data, &c.Served); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, f.Name, err)
				}
			default:
				c.Files = append(c.Files, txtar.File{Name: rest, Data: f.Data})
			}
		}
	}
	return all, nil
}

// Repository is the folder of a group that a config server serves.
const Repository = "repository"

// WriteRepository writes what the config server of a group serves.
func WriteRepository(group, folder string) error {
	archive, err := txtar.ParseFile(group)
	if err != nil {
		return err
	}
	for _, f := range archive.Files {
		if rest, ok := strings.CutPrefix(f.Name, Repository+"/"); ok {
			if err := write(filepath.Join(folder, rest), f.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write makes the folder that the case is run in.
func (c *Case) Write(folder string) error {
	for _, f := range c.Files {
		name, data := f.Name, f.Data
		if plain, ok := strings.CutSuffix(name, ".tmpl"); ok {
			parsed, err := template.New(name).Funcs(template.FuncMap{"repeat": func(n int, s string) string { return strings.Repeat(s, n) }}).Parse(string(data))
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := parsed.Execute(&b, nil); err != nil {
				return err
			}
			name, data = plain, b.Bytes()
		}
		if err := write(filepath.Join(folder, filepath.FromSlash(name)), data); err != nil {
			return err
		}
	}
	for _, name := range c.Folders {
		if err := os.MkdirAll(filepath.Join(folder, filepath.FromSlash(name)), 0o755); err != nil {
			return err
		}
	}
	for name, target := range c.Links {
		if err := os.Symlink(target, filepath.Join(folder, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// Record writes what Spring Boot answered, and the config server, back to the file of a group.
func Record(file string, spring map[string]Answer, served map[string][]Exchange) error {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool {
		name, rest, _ := strings.Cut(f.Name, "/")
		_, known := spring[name]
		return known && (rest == "spring.json" || rest == "server.json")
	})
	archive.Files = nil
	for i, f := range files {
		archive.Files = append(archive.Files, f)
		name, _, _ := strings.Cut(f.Name, "/")
		if i+1 < len(files) && strings.HasPrefix(files[i+1].Name, name+"/") {
			continue
		}
		if exchanges := served[name]; len(exchanges) > 0 {
			archive.Files = append(archive.Files, txtar.File{Name: name + "/server.json", Data: []byte(Lines(exchanges))})
		}
		if answer, ok := spring[name]; ok {
			text, err := answer.line()
			if err != nil {
				return err
			}
			archive.Files = append(archive.Files, txtar.File{Name: name + "/spring.json", Data: text})
		}
	}
	return os.WriteFile(file, txtar.Format(archive), 0o644)
}

func (a Answer) line() ([]byte, error) {
	if a.Fails {
		return []byte(`{"fails": true}` + "\n"), nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(a)
	return b.Bytes(), err
}
