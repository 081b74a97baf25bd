package app_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/app"
)

// BenchmarkStart is what an application costs before it has a module.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		a := app.New(app.Spec{NoFiles: true, Stdout: io.Discard})
		require.NoError(b, a.Start(b.Context()))
		require.NoError(b, a.Stop(b.Context()))
	}
}
