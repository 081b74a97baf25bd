package config_test

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
)

// Common is embedded in other settings.
type Common struct {
	Name string
}

// every holds each kind of field that there is.
type every struct {
	Common

	Text     string
	On       bool
	Small    int8
	Big      uint64
	Ratio    float64
	Wait     time.Duration
	Lease    time.Duration `config:"lease,unit=s"`
	Size     config.DataSize
	Password config.Secret
	Address  *url.URL
	Home     url.URL
	IP       netip.Addr
	Maybe    *int
	Nested   *Common
	List     []time.Duration
	Structs  []Common
	ByName   map[string]Common
	Dotted   map[string]string
	Lists    map[string][]int
	Tree     map[string]any
	Ignored  string `config:"-"`
	private  string
}

func TestEveryKindOfFieldIsBound(t *testing.T) {
	c := configtest.FromYAML(t, `
x:
  name: embedded
  text: ${x.name} text
  "on": yes
  small: -0x7F
  big: 18446744073709551615
  ratio: 1e-3
  wait: 250
  lease: 90
  size: 10 MB
  password: hunter2
  address: http://u:p@h/
  home: https://go.dev
  ip: 10.0.0.1
  maybe: 0
  nested: {name: n}
  list: 1s, 2, PT3S
  structs: [{name: a}, {name: b}]
  by-name: {First: {name: f}, second: {name: s}}
  dotted: {a.b: 1, c: {d: 2}, "[e/f g]": 3, "h i": 4}
  lists: {one: [1, 2], two: "3,4"}
  tree: {n: 1, f: 1.5, b: true, t: x, list: [1, a], deep: {er: null}}
  ignored: x
  private: x
`)
	got, err := config.Bind(c, "x", every{Ignored: "mine", private: "mine"})
	require.NoError(t, err)
	require.Equal(t, uint64(math.MaxUint64), got.Big)
	require.Equal(t, []any{"embedded", "embedded text", true, int8(-127), 0.001, 250 * time.Millisecond, 90 * time.Second, 10 * config.Megabyte, "hunter2"},
		[]any{got.Name, got.Text, got.On, got.Small, got.Ratio, got.Wait, got.Lease, got.Size, string(got.Password)})
	require.Equal(t, []string{"h", "https://go.dev", "10.0.0.1", "n"}, []string{got.Address.Host, got.Home.String(), got.IP.String(), got.Nested.Name})
	require.Zero(t, *got.Maybe)
	require.Equal(t, []time.Duration{time.Second, 2 * time.Millisecond, 3 * time.Second}, got.List)
	require.Equal(t, []Common{{"a"}, {"b"}}, got.Structs)
	require.Equal(t, map[string]Common{"First": {"f"}, "second": {"s"}}, got.ByName)
	require.Equal(t, map[string]string{"a.b": "1", "c.d": "2", "e/f g": "3", "hi": "4"}, got.Dotted)
	require.Equal(t, map[string][]int{"one": {1, 2}, "two": {3, 4}}, got.Lists)
	require.Equal(t, map[string]any{
		"n": int64(1), "f": 1.5, "b": true, "t": "x", "list": map[string]any{"0": int64(1), "1": "a"}, "deep": map[string]any{"er": ""},
	}, got.Tree)
	require.Equal(t, []string{"mine", "mine"}, []string{got.Ignored, got.private})
}

func TestWhatIsNotSetKeepsItsDefault(t *testing.T) {
	seven := 7
	defaults := every{Common: Common{"d"}, Small: 3, Maybe: &seven, List: []time.Duration{1}, Dotted: map[string]string{"k": "v"}}
	got, err := config.Bind(configtest.FromYAML(t, "x: {small: '', maybe: '', wait: , 'on': '', dotted: {l: w}}"), "x", defaults)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"k": "v", "l": "w"}, got.Dotted)
	require.Equal(t, map[string]string{"k": "v"}, defaults.Dotted, "the defaults themselves are not touched")
	got.Dotted = defaults.Dotted
	require.Equal(t, defaults, got)
}

func TestOneKeyIsBoundAsAnything(t *testing.T) {
	c := configtest.FromYAML(t, "n: 5\nempty: ''\nlist: [a]\nnone: []\nflag: 'on'\nrest: ${nowhere}/x\n")
	n, err := config.Bind[*int](c, "n", nil)
	require.NoError(t, err)
	require.Equal(t, 5, *n)
	for _, key := range []string{"empty", "list", "absent"} {
		n, err = config.Bind[*int](c, key, nil)
		require.NoError(t, err)
		require.Nil(t, n, key)
	}
	none, err := config.Bind[[]string](c, "none", nil)
	require.NoError(t, err)
	require.NotNil(t, none)
	require.Empty(t, none)
	absent, err := config.Bind[[]string](c, "absent", nil)
	require.NoError(t, err)
	require.Nil(t, absent)
	rest, err := config.Bind(c, "rest", "")
	require.NoError(t, err)
	require.Equal(t, "${nowhere}/x", rest)
	require.Contains(t, c.Diagnostics()[0].Message, "${nowhere}")
	_, _, err = c.Property("rest")
	require.ErrorContains(t, err, "${nowhere}")
}

func TestElementsOfAListComeFromOneSource(t *testing.T) {
	c := load(t, config.Options{
		Dir: folder(t, map[string]string{"application.yml": "x: {structs: [{name: a}, {name: b}], list: [1, 2]}"}), Environ: []string{"X_STRUCTS_0_NAME=v", "X_LIST=7"},
	})
	got, err := config.Bind(c, "x", every{})
	require.NoError(t, err)
	require.Equal(t, []Common{{"v"}}, got.Structs)
	require.Len(t, got.List, 1)
}

func TestFaultsNameKeyValueOriginAndProblem(t *testing.T) {
	for text, want := range map[string]string{
		"small: 300":            `x.small = 300 (classpath:application.yml:1:12): "300" is out of range`,
		"small: 1_0.5e9":        `out of range`,
		"small: [1]":            `x.small = `,
		"big: -1":               `"-1" is out of range`,
		"ratio: much":           `"much" is not a number`,
		"'on': 1":               `the number 1 is neither true nor false`,
		"wait: 1.5s":            `is not a duration`,
		"wait: 99999999999999d": `is too long for a duration`,
		"size: 10MiB":           `is not a size`,
		"size: 9999999999TB":    `is too large for a size`,
		"ip: 10.0.0.300":        `x.ip = 10.0.0.300`,
		"list: [1s, soon]":      `x.list[1] = soon (classpath:application.yml:1:16)`,
		"list: '1s,soon'":       `"soon" is not a duration`,
		"dotted: text":          `a map is expected here, not a single value`,
		"structs: text":         `a list is expected here, not a single value`,
		"nested: text":          `only settings below it`,
		"'list[2]': 1s":         `the list has a gap: x.list[0] has no value`,
		"maybe: '${nowhere}'":   `the placeholder ${nowhere} stands for nothing`,
		"text: '${x.text}'":     `x.text → x.text`,
		"lists: {a: [1, b]}":    `x.lists.a[1] = b`,
	} {
		_, err := config.Bind(configtest.FromYAML(t, "x: {"+text+"}"), "x", every{})
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "classpath:application.yml:1:", text)
	}
}

func TestCredentialsOfAURLStayOutOfFaults(t *testing.T) {
	_, err := config.Bind(configtest.FromYAML(t, `x.address: "http://u:hunter2@h:port/"`), "x", every{})
	var fault *config.ValueError
	require.ErrorAs(t, err, &fault)
	require.NotContains(t, fault.Problem+fault.Description()+fault.Action(), "hunter2")
}

func TestChoicesIgnoreCaseAndPunctuation(t *testing.T) {
	for text, want := range map[string]string{"if_required": "IF-REQUIRED", " IfRequired ": "IF-REQUIRED", "true": "on", "False": "off"} {
		got, err := config.Choice(text, "IF-REQUIRED", "on", "off")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := config.Choice("maybe", "on", "off")
	require.EqualError(t, err, `"maybe" is none of on, off`)
}

func TestOlderNamesCountWithAWarning(t *testing.T) {
	c := load(t, config.Options{
		Dir:     folder(t, map[string]string{"application.yml": "spring.http.client: {connect-timeout: 3s, read-timeout: 4s}\nspring.http.clients.read-timeout: 5s\n"}),
		Environ: []string{"MANAGEMENT_OTLP_TRACING_HEADERS_AUTH=x"},
	})
	got, err := config.Bind(c, "spring.http.clients", struct{ ConnectTimeout, ReadTimeout time.Duration }{})
	require.NoError(t, err)
	require.Equal(t, "{3s 5s}", fmt.Sprint(got))
	headers, err := config.Bind[map[string]string](c, "management.opentelemetry.tracing.export.otlp.headers", nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"auth": "x"}, headers)
	require.Len(t, c.Diagnostics(), 2)
	require.Contains(t, fmt.Sprint(c.Diagnostics()), "write spring.http.clients.connect-timeout spring.http.client.connect-timeout application.yml:1:39")
	_, set, err := c.Property("spring.http.clients.connect-timeout")
	require.NoError(t, err)
	require.False(t, set, "Spring itself does not see it")
	require.NotContains(t, c.Keys(""), "spring.http.clients.connect-timeout")
}

func TestAKeyThatNothingReadsBelowAModulesPrefixIsNoticed(t *testing.T) {
	c := configtest.FromYAML(t, "server: {whatever: 1, tomcat.threads.max: 2, port: 1, extra: {a: b}}\nown: {key: 1}\nlisted: {other: 1}\n")
	_, err := config.Bind(c, "server", server{})
	require.NoError(t, err)
	_, _, _ = c.Value("server.asked")
	c.CheckUnknown()
	c.CheckUnknown()
	require.Len(t, c.Diagnostics(), 1)
	require.Equal(t, "server.whatever", c.Diagnostics()[0].Key)
	require.Contains(t, c.Diagnostics()[0].Message, "the nearest that is read is server.")
}
