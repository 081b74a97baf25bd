// Command reference writes config/reference.md, config/application.schema.json and app/help.txt from the settings structs of the modules
// and their comments. `go generate ./config` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference ROOT")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the files by their path in the repository.
func generate(root string) (map[string][]byte, error) {
	all, err := collect(root)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(all)
	if err != nil {
		return nil, err
	}
	common, err := help(all)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"config/reference.md": markdown(all), "config/application.schema.json": schema, "app/help.txt": common}, nil
}
