// Package configtest makes configurations for tests.
package configtest

import (
	"testing"

	"github.com/archimedes-go/archimedes/config"
)

// FromYAML returns the configuration that text alone gives: no file, variable or argument counts.
func FromYAML(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Load(config.Options{NoFiles: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
