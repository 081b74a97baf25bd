package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// program returns the path of the program in a folder, which is built when first asked for, in its own module.
func program(folder string) func() string {
	return sync.OnceValue(func() string {
		path := filepath.Join(must(os.MkdirTemp("", "benchmarks")), filepath.Base(folder))
		run(folder, "env", "CGO_ENABLED=0", "go", "build", "-o", path, ".")
		return path
	})
}

// run runs a program in a folder and returns what it prints.
func run(dir, program string, args ...string) string {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("%s: %v\n%s", program, err, out))
	}
	return string(out)
}
