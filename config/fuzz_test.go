package config_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
)

// read loads one file and reads everything back: nothing may panic or hang, whatever the text.
func read(t *testing.T, name, text string) {
	t.Helper()
	c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{fstest.MapFS{name: {Data: []byte(text)}}}})
	if err != nil {
		var report described
		require.ErrorAs(t, err, &report)
		require.NotEmpty(t, report.Description())
		return
	}
	for _, key := range c.Keys("") {
		_, _, _ = c.Value(key)
		_, _, _ = c.Property(key)
	}
	_ = c.Koanf()
	_, _ = config.Bind(c, "a", struct {
		B []string
		C map[string][]string
		D time.Duration
		E any
		F map[string]struct{ G int }
	}{})
	_, _ = config.Bind[map[string]any](c, "", nil)
	c.CheckUnknown()
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"a: {b: [1, 2], c: {d: [x]}, d: 5s, e: {f: 1}}", "a:\n\tb: 1", "a: &x [*x]", "? [a]\n: b", "<<: {a: 1}", "a: ${b}\nb: ${a}", "---\n---\n",
		"a: !!int x", "a[0]: 1\na[: 2\n[]: 3", "spring.config.activate.on-profile: (a\n---\nspring.profiles.include: [b]", "spring.config.import: [a.yml, 'classpath:application.yml']",
		"a.b[999999]: x", "a: {f: {g: {g: 1}, h.g: 0x7}}", "\ufeffa: 1\r\n", "a: |\n  x\n y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { read(t, "application.yml", text) })
}

func FuzzProperties(f *testing.F) {
	for _, seed := range []string{"a.b=1\\\n 2\n#---\nc: \\u0041", "a.b[]=1,2\\,3\n!---\n# x", "\\u", "=\n:\n \\", "k\\ \\=x = y\r\nz\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { read(t, "application.properties", text) })
}

func FuzzPlaceholders(f *testing.F) {
	for _, seed := range []string{"${a:${b}}", "${", "\\${a}", "${${a}}", "${a:", "${random.int(5)}", "${random.int[", "${:}", "${x\\:y:z}", "${b}${b:{}}", "${random.long[1,9223372036854775807]}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(config.Options{NoFiles: true, Properties: map[string]string{"a": text, "b": "${a:x}"}})
		if err != nil {
			return
		}
		value, _, err := c.Value("a")
		if err == nil && !strings.Contains(text, "${") {
			require.Equal(t, text, value, "a text without placeholders is itself")
		}
		_, _, _ = c.Property("b")
		_, _ = config.Bind(c, "b", "")
	})
}

// name is what a key usually looks like. Keys with a dot or the like at an end are compared as they stand.
var name = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// Whatever a key looks like, it finds itself, and so does each other spelling of a name.
func FuzzRelaxedNames(f *testing.F) {
	for _, seed := range []string{"server.max-threads", "a.B_c[0].d", "x[a.b]", "..", "a..b", "[", "]", "a[", "ü.ö", "a.-", "A_B", "a.[b]c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		c, err := config.Load(config.Options{NoFiles: true, Properties: map[string]string{key: "x", "other": "y"}})
		if err != nil || key == "other" || strings.HasPrefix(key, "spring.") {
			return
		}
		value, set, err := c.Value(key)
		require.NoError(t, err)
		require.True(t, set || strings.Trim(key, ".[]") == "", key)
		if !set {
			return
		}
		require.Contains(t, []string{"x", "y"}, value, "other in another spelling")
		literal, set, err := c.Property(key)
		require.NoError(t, err)
		require.True(t, set)
		require.Contains(t, []string{"x", "y"}, literal)
		if !strings.ContainsAny(key, "[]") {
			upper, set, err := c.Value(strings.ToUpper(key))
			require.NoError(t, err)
			require.True(t, set || !name.MatchString(key), key)
			require.True(t, !set || upper != "")
		}
	})
}

func FuzzDurations(f *testing.F) {
	for _, seed := range []string{"10s", "PT1H30M", "-P1DT2H", "9223372036854775807d", "PT.5S", "+1ms", "P", "pt0.000000001s", "1e3s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := config.ParseDuration(text, time.Second)
		if err != nil {
			require.Zero(t, d)
			require.NotEmpty(t, err.Error())
		}
		_, _ = config.ParseDataSize(text, config.Byte)
	})
}

func FuzzProfiles(f *testing.F) {
	for _, seed := range []string{"a & (b | !c)", "((((((", "!!a", "a b & c", ")(", "a | b & c", "&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
		files := fstest.MapFS{"application.yml": {Data: []byte("spring.config.activate.on-profile: " + quoted + "\na: 1")}}
		_, _ = config.Load(config.Options{NoFiles: true, Properties: map[string]string{"spring.profiles.active": text}, Embedded: []fs.FS{files}})
	})
}
