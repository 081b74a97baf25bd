// Command effective says what becomes of the configuration of the working directory: the twin of
// examples/spring-cloud/config-oracle, which asks Spring Boot the same.
//
//	EFFECTIVE_KEYS='[{"key":"server.port","as":"int"}]' effective --spring.profiles.active=dev
//	{"profiles":["dev"],"values":{"server.port":8080}}
//
// A load that fails, and a value that cannot be had, ends with the report of a failed start and exit code 1.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/archimedes-go/archimedes/app"
	"github.com/archimedes-go/archimedes/config"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Getenv("EFFECTIVE_KEYS"), os.Stdout, os.Stderr))
}

func run(args, environ []string, keys string, stdout, stderr io.Writer) int {
	c, err := config.Load(config.Options{Args: args, Environ: environ})
	var text []byte
	if err == nil {
		text, err = answer(c, keys)
	}
	if err != nil {
		fmt.Fprint(stderr, app.NewFailure(c, err).Report())
		return 1
	}
	fmt.Fprintf(stdout, "%s\n", text)
	return 0
}

func answer(c *config.Config, keys string) ([]byte, error) {
	var asked []struct{ Key, As string }
	if keys != "" {
		if err := json.Unmarshal([]byte(keys), &asked); err != nil {
			return nil, fmt.Errorf("EFFECTIVE_KEYS: %w", err)
		}
	}
	values := make(map[string]any, len(asked))
	for _, one := range asked {
		value, err := effective(c, one.Key, one.As)
		if err != nil {
			return nil, err
		}
		values[one.Key] = value
	}
	return json.Marshal(struct {
		Profiles []string       `json:"profiles"`
		Values   map[string]any `json:"values"`
	}{append([]string{}, c.Profiles()...), values})
}
