package config_test

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// read loads one file and reads everything back: nothing may panic or hang, whatever the text.
func read(name, text string) {
	c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{fstest.MapFS{name: {Data: []byte(text)}}}})
	if err != nil {
		_ = err.Error()
		return
	}
	for _, key := range c.Keys("") {
		_, _, _ = c.Value(key)
	}
	_ = c.Koanf()
	_, _ = config.Bind(c, "a", struct {
		B []string
		C map[string][]string
		D time.Duration
		E any
	}{})
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"a: {b: [1, 2], c: {d: [x]}, d: 5s, e: {f: 1}}", "a:\n\tb: 1", "a: &x [*x]", "? [a]\n: b", "<<: {a: 1}", "a: ${b}\nb: ${a}", "---\n---\n", "a: !!int x", "a[0]: 1\na[: 2\n[]: 3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { read("application.yml", text) })
}

func FuzzProperties(f *testing.F) {
	f.Add("a.b=1\\\n 2\n#---\nc: \\u0041")
	f.Fuzz(func(t *testing.T, text string) { read("application.properties", text) })
}

func FuzzPlaceholders(f *testing.F) {
	for _, seed := range []string{"${a:${b}}", "${", "\\${a}", "${${a}}", "${a:", "${random.int(5)}", "${random.int[", "${:}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(config.Options{NoFiles: true, Properties: map[string]string{"a": text, "b": "${a:x}"}})
		if err == nil {
			_, _, _ = c.Value("a")
			_, _, _ = c.Value("b")
		}
	})
}

func FuzzDurations(f *testing.F) {
	for _, seed := range []string{"10s", "PT1H30M", "-P1DT2H", "9223372036854775807d", "PT.5S"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { _, _ = config.ParseDuration(text, time.Second) })
}

func FuzzProfiles(f *testing.F) {
	f.Add("a & (b | !c)")
	f.Add("((((((")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = config.Load(config.Options{NoFiles: true, Properties: map[string]string{"spring.profiles.active": text}, Embedded: []fs.FS{
			fstest.MapFS{"application.yml": {Data: []byte("spring.config.activate.on-profile: '" + text + "'\na: 1")}}}})
	})
}
