package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
)

// server is a settings struct as modules have them.
type server struct {
	Port    int             `config:"port"`
	Timeout time.Duration   `config:"timeout,unit=s"`
	Limit   config.DataSize `config:"limit"`
	Names   []string        `config:"names"`
	Extra   map[string]string
	TLS     struct {
		Enabled  bool
		Password config.Secret
	}
}

func (s server) Validate() error {
	if s.Port < 0 || s.Port > 65535 {
		return errors.Join(config.FieldError{Key: "port", Problem: "must be between 0 and 65535"})
	}
	return nil
}

func ExampleBind() {
	files := fstest.MapFS{"application.yml": {Data: []byte("server:\n  port: 8081\n  timeout: 5\n  limit: 2MB\n")}}
	c, _ := config.Load(config.Options{Embedded: []fs.FS{files}, NoFiles: true, Args: []string{"--server.names=a, b"}})
	s, err := config.Bind(c, "server", server{Port: 8080})
	origin, _ := c.Origin("server.port")
	fmt.Println(s.Port, s.Timeout, s.Limit, s.Names, err, origin)
	// Output: 8081 5s 2MB [a b] <nil> classpath:application.yml:2:9
}

// folder writes files and returns where.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

func load(t *testing.T, o config.Options) *config.Config {
	t.Helper()
	c, err := config.Load(o)
	require.NoError(t, err)
	return c
}

func value(t *testing.T, c *config.Config, key string) string {
	t.Helper()
	text, _, err := c.Value(key)
	require.NoError(t, err)
	return text
}

func TestHigherSourcesWin(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: file\nb: file\nc: file\nd: file\ne: file", "config/application.yml": "b: config folder"})
	c := load(t, config.Options{
		Dir: dir, Environ: []string{"C=variable", "D=variable", `SPRING_APPLICATION_JSON={"d":"json"}`}, Args: []string{"--e=argument", "--f=argument"},
		Properties: map[string]string{"f": "program"}, Defaults: map[string]string{"a": "default", "g": "default"},
		Embedded: []fs.FS{fstest.MapFS{"application.yml": {Data: []byte("a: embedded\nh: embedded")}}},
	})
	for key, want := range map[string]string{"a": "file", "b": "config folder", "c": "variable", "d": "json", "e": "argument", "f": "program", "g": "default", "h": "embedded"} {
		require.Equal(t, want, value(t, c, key), key)
	}
}

func TestEveryValueKnowsItsOrigin(t *testing.T) {
	c := load(t, config.Options{
		Dir:     folder(t, map[string]string{"application.yml": "server:\n  port: 1\n", "application.properties": "# x\na.b = 2\n"}),
		Environ: []string{"SERVER_ADDRESS=x"}, Args: []string{"--debug"},
	})
	for key, want := range map[string]string{
		"server.port": "application.yml:2:9", "a.b": "application.properties:2:7",
		"server.address": "environment variable SERVER_ADDRESS", "debug": "command line argument --debug",
	} {
		origin, ok := c.Origin(key)
		require.True(t, ok, key)
		require.Equal(t, want, origin.String())
	}
}

func TestNamesAreRelaxed(t *testing.T) {
	c := load(t, config.Options{NoFiles: true, Environ: []string{"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=x", "SPRING_MAIN_LOG_STARTUP_INFO=y", "LIST_0_HOST=h"}, Args: []string{"--eureka.instance.preferIpAddress=true"}})
	require.Equal(t, "x", value(t, c, "eureka.client.service-url.defaultZone"))
	require.Equal(t, "y", value(t, c, "spring.main.log-startup-info"))
	require.Equal(t, "h", value(t, c, "list[0].host"))
	require.Equal(t, "true", value(t, c, "eureka.instance.prefer-ip-address"))
}

func TestPlaceholdersAreResolvedOverAllSources(t *testing.T) {
	c := configtest.FromYAML(t, "a: ${b:x}-${c:${d}}\nd: deep\ne: \\${a}\nf: ${g:}\nname: b\nb2: two\nh: ${${name}2}\n")
	require.Equal(t, "x-deep", value(t, c, "a"))
	require.Equal(t, "${a}", value(t, c, "e"))
	require.Empty(t, value(t, c, "f"))
	require.Equal(t, "two", value(t, c, "h"))
}

func TestAPlaceholderThatStandsForNothingIsNamedWithItsKey(t *testing.T) {
	c := configtest.FromYAML(t, "server:\n  port: ${nowhere}\n")
	_, err := config.Bind(c, "server", server{})
	var fault *config.ValueError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, []string{"server.port"}, fault.Keys())
	require.Contains(t, fault.Description(), "${nowhere}")
	require.Contains(t, fault.Action(), "Set nowhere")
}

func TestTheKeyBehindAPlaceholderIsTheOneToChange(t *testing.T) {
	c := configtest.FromYAML(t, "server.port: ${shop.port}\nshop.port: ${PORT:8080}\na: x${b}\nc: ${c}\n")
	require.Equal(t, "PORT", c.Behind("server.port"))
	require.Equal(t, "a", c.Behind("a"))
	require.Equal(t, "none", c.Behind("none"))
	require.Equal(t, "c", c.Behind("c"))
}

func TestACircleOfPlaceholdersIsNamed(t *testing.T) {
	c := configtest.FromYAML(t, "a: ${b}\nb: ${c:x}\nc: ${a}\n")
	_, _, err := c.Value("a")
	require.ErrorContains(t, err, "a → b → c → a")
}

func TestBindReportsAllFaultsAtOnce(t *testing.T) {
	c := configtest.FromYAML(t, "server: {port: abc, timeout: soon, limit: 10MiB, tls: {enabled: maybe}}")
	_, err := config.Bind(c, "server", server{})
	var all *config.BindError
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Faults, 4)
	require.ErrorContains(t, err, `server.port = abc (classpath:application.yml:1:16): "abc" is not a whole number`)
}

func TestBindAddsPrefixAndOriginToWhatValidateFinds(t *testing.T) {
	c := configtest.FromYAML(t, "server.port: 70000")
	_, err := config.Bind(c, "server", server{})
	require.ErrorContains(t, err, "server.port = 70000 (classpath:application.yml:1:14): must be between 0 and 65535")
}

func TestListsAreReplacedAndMapsMerged(t *testing.T) {
	c := load(t, config.Options{
		Dir:  folder(t, map[string]string{"application.yml": "server:\n  names: [a, b, c]\n  extra: {one: 1, a.b: 2}\n", "application-x.yml": "server:\n  names: [d]\n  extra: {two: 2}\n"}),
		Args: []string{"--spring.profiles.active=x"},
	})
	s, err := config.Bind(c, "server", server{})
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, s.Names)
	require.Equal(t, map[string]string{"one": "1", "a.b": "2", "two": "2"}, s.Extra)
}

func TestBracketedKeysAreTakenAsTheyStand(t *testing.T) {
	c := configtest.FromYAML(t, "server.extra:\n  '[a-b/C.d]': 1\n  e-f: 2\n  '[e f]': 3\n")
	s, err := config.Bind(c, "server", server{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a-b/C.d": "1", "e-f": "2", "e f": "3"}, s.Extra)
}

func TestStructsInListsAndMapsAreBound(t *testing.T) {
	c := configtest.FromYAML(t, "x:\n  by-name:\n    Some-Key: [{uri: u1}, {uri: u2}]\n")
	type target struct{ URI string }
	got, err := config.Bind(c, "x", struct{ ByName map[string][]target }{})
	require.NoError(t, err)
	require.Equal(t, map[string][]target{"Some-Key": {{"u1"}, {"u2"}}}, got.ByName)
}

func TestSecretsDoNotPrint(t *testing.T) {
	s, err := config.Bind(configtest.FromYAML(t, "server.tls.password: hunter2"), "server", server{})
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(s.TLS.Password))
	for _, form := range []string{"%v", "%+v", "%s", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(form, s), "hunter2")
	}
}

func TestScalarsFollowYAML11(t *testing.T) {
	c := configtest.FromYAML(t, "a: on\nb: 010\nc: 0x10\nd: 1_000\ne: 1.50\nf: 1e3\ng: 22:22\nh: 100000000.0\ni: y\nj: '010'\nk: ~\nl: 08\nm: 10.0.0.1\nn: 2024-01-01\n")
	for key, want := range map[string]string{"a": "true", "b": "8", "c": "16", "d": "1000", "e": "1.5", "f": "1000.0", "g": "1342", "h": "1.0E8", "i": "y", "j": "010", "k": "", "l": "08", "m": "10.0.0.1", "n": "2024-01-01"} {
		require.Equal(t, want, value(t, c, key), key)
	}
}

func TestProfilesChooseFilesAndDocuments(t *testing.T) {
	dir := folder(t, map[string]string{
		"application.yml":      "spring.profiles.group.prod: [db]\na: base\nb: base\n---\nspring.config.activate.on-profile: prod & !test\nb: document\n",
		"application-prod.yml": "c: prod\n", "application-db.yml": "c: db\n", "application-default.yml": "d: default\n",
	})
	c := load(t, config.Options{Dir: dir, Environ: []string{"SPRING_PROFILES_ACTIVE=prod"}})
	require.Equal(t, []string{"prod", "db"}, c.Profiles())
	require.Equal(t, []string{"base", "document", "db", ""}, []string{value(t, c, "a"), value(t, c, "b"), value(t, c, "c"), value(t, c, "d")})
	none := load(t, config.Options{Dir: dir})
	require.Empty(t, none.Profiles())
	require.Equal(t, []string{"base", "", "default"}, []string{value(t, none, "b"), value(t, none, "c"), value(t, none, "d")})
}

func TestImportsStandAboveTheirDocument(t *testing.T) {
	dir := folder(t, map[string]string{
		"application.yml": "spring.config.import: [more/x.yml, 'optional:none.yml', 'configtree:secrets/']\na: own\n", "more/x.yml": "a: imported\nspring.config.import: y.yml", "more/y.yml": "b: beside",
		"secrets/db/password": "s3cret\n",
	})
	c := load(t, config.Options{Dir: dir})
	require.Equal(t, []string{"imported", "beside", "s3cret"}, []string{value(t, c, "a"), value(t, c, "b"), value(t, c, "db.password")})
}

func TestLocationsCanBeReplacedAndAdded(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1", "other/application.yml": "a: 2", "more.yml": "b: 3"})
	c := load(t, config.Options{Dir: dir, Args: []string{"--spring.config.location=other/", "--spring.config.additional-location=more.yml"}})
	require.Equal(t, []string{"2", "3"}, []string{value(t, c, "a"), value(t, c, "b")})
}

func TestWhatCannotBeLoadedIsPointedAt(t *testing.T) {
	for name, one := range map[string]struct {
		files map[string]string
		args  []string
		want  []string
	}{
		"tab":                {files: map[string]string{"application.yml": "server:\n\tport: 1\n"}, want: []string{"application.yml:2:1", "tab", "→port: 1"}},
		"unclosed bracket":   {files: map[string]string{"application.yml": "a: 1\nb: [1, 2\n"}, want: []string{"application.yml:", "not valid YAML"}},
		"duplicate key":      {files: map[string]string{"application.yml": "a: 1\na: 2\n"}, want: []string{"application.yml:2:1", `"a"`, "twice"}},
		"invalid UTF-8":      {files: map[string]string{"application.yml": "a: \xff\n"}, want: []string{"application.yml:1:4", "UTF-8"}},
		"missing location":   {args: []string{"--spring.config.location=nowhere/"}, want: []string{"nowhere/", "does not exist", "--spring.config.location"}},
		"missing import":     {files: map[string]string{"application.yml": "spring.config.import: no.yml"}, want: []string{"no.yml", "application.yml:1:23"}},
		"profile in profile": {files: map[string]string{"application-x.yml": "spring.profiles.active: y"}, args: []string{"--spring.profiles.active=x"}, want: []string{"application-x.yml:1:25", "spring.profiles.active"}},
		"old profile form":   {files: map[string]string{"application.yml": "spring.profiles: dev"}, want: []string{"application.yml:1:18"}},
		"bad profile name":   {args: []string{"--spring.profiles.active=a/b"}, want: []string{"a/b", "letter"}},
		"folder":             {files: map[string]string{"application.yml/x": ""}, want: []string{"application.yml", "cannot be read"}},
		"bad json":           {args: []string{"--spring.application.json={"}, want: []string{"--spring.application.json", "JSON"}},
		"deep":               {files: map[string]string{"application.yml": "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"}, want: []string{"application.yml", "aliases"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.Options{Dir: folder(t, one.files), Args: one.args})
			var failed *config.LoadError
			require.ErrorAs(t, err, &failed)
			require.NotEmpty(t, failed.Action())
			text := failed.Error() + failed.Description() + failed.Origin.String()
			for _, want := range one.want {
				require.Contains(t, text, want)
			}
		})
	}
}

func TestEnabledTellsWhy(t *testing.T) {
	c := configtest.FromYAML(t, "eureka.client.enabled: false\nspring.autoconfigure.exclude: [web]\n")
	require.False(t, c.Enabled("eureka", "eureka.client.enabled", true))
	require.False(t, c.Enabled("web", "server.enabled", true))
	require.True(t, c.Enabled("logging", "logging.enabled", true))
	conditions := c.Conditions()
	require.Equal(t, "eureka.client.enabled = false from classpath:application.yml:1:24", conditions[0].Reason)
	require.Contains(t, conditions[1].Reason, "spring.autoconfigure.exclude")
}

func TestAMisspeltKeyIsNoticed(t *testing.T) {
	c := configtest.FromYAML(t, "server.prot: 8080\nserver.names: x\norders.limit: 5\n")
	_, err := config.Bind(c, "server", server{})
	require.NoError(t, err)
	c.CheckUnknown()
	require.Len(t, c.Diagnostics(), 1)
	require.Equal(t, "server.prot", c.Diagnostics()[0].Key)
	require.Contains(t, c.Diagnostics()[0].Message, "server.port")
}

func TestComputedValuesAreMadeOnceWhenNeeded(t *testing.T) {
	c := configtest.FromYAML(t, "a: ${host.name}:${host.name}")
	calls := 0
	c.Compute("host.name", func() (string, error) { calls++; return "h", nil })
	require.Equal(t, "h:h", value(t, c, "a"))
	require.Equal(t, 1, calls)
}

func TestKoanfSeesTheResolvedValues(t *testing.T) {
	c := configtest.FromYAML(t, "orders: {limit: 5, note: '${orders.limit} a day'}")
	require.Equal(t, 5, c.Koanf().Int("orders.limit"))
	require.Equal(t, "5 a day", c.Koanf().String("orders.note"))
}

func TestRandomValues(t *testing.T) {
	c := configtest.FromYAML(t, "a: ${random.uuid}\nb: ${random.int[5,6]}\nc: ${random.value}\n")
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4`, value(t, c, "a"))
	require.Equal(t, "5", value(t, c, "b"))
	require.Len(t, value(t, c, "c"), 32)
}

func TestDurationsAreSprings(t *testing.T) {
	for text, want := range map[string]time.Duration{"500": 500 * time.Millisecond, "10s": 10 * time.Second, "2d": 48 * time.Hour, "PT1M30.5S": 90*time.Second + 500*time.Millisecond, "P1D": 24 * time.Hour, "-5M": -5 * time.Minute} {
		got, err := config.ParseDuration(text, time.Millisecond)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "1m30s", "1.5s", " 10s", "P", "PT", "99999999999d", "x", "5 s"} {
		_, err := config.ParseDuration(text, time.Millisecond)
		require.Error(t, err, text)
	}
}
