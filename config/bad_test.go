package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
)

// described is what the report of a failed start is made of.
type described interface {
	Description() string
	Action() string
	Keys() []string
}

func TestBadInputIsPointedAt(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for name, one := range map[string]struct {
		files map[string]string
		args  []string
		want  []string // in the report
	}{
		"tab before a key":            {files: map[string]string{"application.yml": "a:\n  b: 1\n\tc: 2\n"}, want: []string{"application.yml:3:1", "a tab cannot indent", "3 | →c: 2"}},
		"tab before a value":          {files: map[string]string{"application.yml": "a:\t1\n"}, want: []string{"application.yml:1:4", "a tab cannot stand before a value"}},
		"duplicate key in depth":      {files: map[string]string{"application.yml": "a:\n  b: 1\n  c: 2\n  b: 3\n"}, want: []string{"application.yml:4:3", `"b" stands here twice (first in line 2)`, "4 |   b: 3"}},
		"true twice":                  {files: map[string]string{"application.yml": "on: 1\nyes: 2\n"}, want: []string{"application.yml:2:1", "twice"}},
		"unknown anchor":              {files: map[string]string{"application.yml": "a: 1\nb: *gone\n"}, want: []string{"application.yml:2:4", "unknown anchor", "2 | b: *gone"}},
		"merge of a text":             {files: map[string]string{"application.yml": "a:\n  <<: text\n"}, want: []string{"application.yml:2", "<< takes a map"}},
		"anchor inside itself":        {files: map[string]string{"application.yml": "a: &a [*a]\n"}, want: []string{"application.yml:1"}},
		"64 KB of one broken line":    {files: map[string]string{"application.yml": "a: [" + long + "\n"}, want: []string{"application.yml:", "…"}},
		"not UTF-8":                   {files: map[string]string{"application.yml": "a: 1\nb: caf\xe9\n"}, want: []string{"application.yml:2:7", "not UTF-8"}},
		"a control character":         {files: map[string]string{"application.yml": "a: \x01\n"}, want: []string{"application.yml", "control characters"}},
		"two documents, second bad":   {files: map[string]string{"application.yml": "a: 1\n---\nb: [\n"}, want: []string{"application.yml:"}},
		"unclosed brace of YAML":      {files: map[string]string{"application.yml": "a: {b: 1\n"}, want: []string{"application.yml:"}},
		"profile in a profile's file": {files: map[string]string{"application-x.yml": "a: 1\nspring.profiles.include: y\n"}, args: []string{"--spring.profiles.active=x"}, want: []string{"application-x.yml:2:26", "spring.profiles.include"}},
		"profile in its document":     {files: map[string]string{"application.yml": "spring: {profiles.active: y, config.activate.on-profile: x}\n"}, want: []string{"application.yml:1:27", "spring.profiles.active"}},
		"a broken expression":         {files: map[string]string{"application.yml": "spring.config.activate.on-profile: a & b | c\n"}, want: []string{"application.yml:1:36", "a & b | c"}},
		"import that is missing":      {files: map[string]string{"application.yml": "a: 1\nspring.config.import: [optional:x.yml, y.yml]\n"}, want: []string{"application.yml:2:40", `"y.yml" does not exist`, "2 | spring.config.import"}},
		"import of a strange kind":    {files: map[string]string{"application.yml": "spring.config.import: vault:x\n"}, want: []string{"application.yml:1:23", "vault:"}},
		"import without extension":    {files: map[string]string{"application.yml": "spring.config.import: x\n"}, want: []string{"application.yml:1:23", "a folder must end in /"}},
		"tree that is missing":        {args: []string{"--spring.config.import=configtree:none/"}, want: []string{"configtree:none/", "--spring.config.import"}},
		"tree without slash":          {args: []string{"--spring.config.import=configtree:none"}, want: []string{"must end in /"}},
		"two stars":                   {args: []string{"--spring.config.location=*/*/"}, want: []string{"one *"}},
		"star in a name":              {args: []string{"--spring.config.name=app*"}, want: []string{"app*", "--spring.config.name"}},
		"folder in place of a file":   {files: map[string]string{"application.yml/x": ""}, want: []string{"application.yml", "cannot be read"}},
		"file in place of a folder":   {files: map[string]string{"x": ""}, args: []string{"--spring.config.location=x/"}, want: []string{"x/", "cannot be read"}},
		"argument without a name":     {args: []string{"--=x"}, want: []string{"--=x", "no name"}},
		"JSON":                        {args: []string{`--spring.application.json={"a": 1,}`}, want: []string{"--spring.application.json", "JSON"}},
		"properties escape":           {files: map[string]string{"application.properties": "a=1\nb=\\u12\n"}, want: []string{"application.properties:2:3", "four hexadecimal digits", "2 | b="}},
		"XML":                         {files: map[string]string{"application.xml": "<properties><entry>"}, want: []string{"application.xml", "XML"}},
		"unknown platform":            {files: map[string]string{"application.yml": "spring.config.activate.on-cloud-platform: nimbus\n"}, want: []string{"application.yml:1:43", "nimbus", "kubernetes"}},
		"placeholder in a circle":     {files: map[string]string{"application.yml": "spring.profiles.active: ${a}\na: ${b}\nb: ${a}\n"}, want: []string{"application.yml:2:4", "a → b → a"}},
		"list of profiles as a map":   {files: map[string]string{"application.yml": "spring.profiles.group: x\n"}, want: []string{"application.yml:1:24", "a map is expected"}},
		"on-not-found":                {args: []string{"--spring.config.on-not-found=shrug"}, want: []string{"shrug", "fail, ignore"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.Options{Dir: folder(t, one.files), Args: one.args})
			require.Error(t, err)
			var report described
			require.ErrorAs(t, err, &report)
			require.NotEmpty(t, report.Action())
			text := err.Error() + "\n" + report.Description()
			for _, want := range one.want {
				require.Contains(t, text, want)
			}
			for _, line := range strings.Split(text, "\n") {
				require.Less(t, len(line), 2000)
			}
		})
	}
}

func TestWhatLooksBadButIsNot(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	c := load(t, config.Options{Dir: folder(t, map[string]string{"application.yml": "\ufeffa: &a {b: 1, c: 2}\r\nd: {<<: *a, c: 3}\r\nlong: " + long + "\r\nopen: ${a\r\nnested: '${a.b} ${ ${a.c}'\r\n---\r\n---\r\n# nothing\r\n"})})
	for key, want := range map[string]string{"d.b": "1", "d.c": "3", "long": long, "open": "${a", "nested": "1 ${ 2"} {
		require.Equal(t, want, value(t, c, key), key)
	}
	require.Equal(t, "-5s", value(t, configtest.FromYAML(t, "a: -5s"), "a"))
}

func TestTheLineThatIsShownHidesSecrets(t *testing.T) {
	_, err := config.Load(config.Options{Dir: folder(t, map[string]string{"application.yml": "a: 1\ndb.password: @hunter2\n"})})
	var failed *config.LoadError
	require.ErrorAs(t, err, &failed)
	require.Contains(t, failed.Excerpt, "2 | db.password: ******")
	require.NotContains(t, failed.Error()+failed.Description()+failed.Action(), "hunter2")
}

func TestAFileThatMayNotBeReadIsNamed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights on Windows")
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink("application.yml", filepath.Join(dir, "application.yml"))) // to itself: not even root reads it
	_, err := config.Load(config.Options{Dir: dir})
	require.ErrorContains(t, err, "application.yml: the file cannot be read")
	var path *os.PathError
	require.True(t, errors.As(err, &path))
}

func TestPlaceholdersThatUnfoldWithoutEndAreStopped(t *testing.T) {
	var b strings.Builder
	for i := range 90 {
		b.WriteString("k" + strings.Repeat("x", i) + ": ${k" + strings.Repeat("x", i+1) + "}${k" + strings.Repeat("x", i+1) + "}\n")
	}
	b.WriteString("k" + strings.Repeat("x", 90) + ": ''\n")
	_, _, err := configtest.FromYAML(t, b.String()).Value("k")
	require.ErrorContains(t, err, "too many")
}
