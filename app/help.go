package app

import (
	_ "embed" // the settings most used
	"fmt"
	"io"
	"slices"
)

// settings are the most used ones, with their defaults; go generate ./config writes them.
//
//go:embed help.txt
var settings string

// wantsHelp reports whether arguments ask for --help.
func wantsHelp(args []string) bool {
	return slices.Contains(args, "--help") || slices.Contains(args, "-h")
}

func printHelp(w io.Writer) {
	fmt.Fprintf(w, `Usage: %s [--key=value ...]

Settings come, from high to low, from arguments, environment variables (SERVER_PORT for server.port), application-{profile}.yml and
application.yml, here and in config/. Those most used:

%s
All settings: https://github.com/archimedes-go/archimedes/blob/main/config/reference.md
`, programName(), settings)
}
