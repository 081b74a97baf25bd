// Package configtest makes configurations for tests.
package configtest

import (
	"testing"
	"testing/fstest"

	"io/fs"

	"github.com/archimedes-go/archimedes/config"
)

// FromYAML returns the configuration that text alone gives: no file, variable or argument counts. Its origin reads
// "classpath:application.yml".
func FromYAML(t testing.TB, text string) *config.Config {
	t.Helper()
	files := fstest.MapFS{"application.yml": &fstest.MapFile{Data: []byte(text)}}
	c, err := config.Load(config.Options{Embedded: []fs.FS{files}, NoFiles: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
