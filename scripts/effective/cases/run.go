package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Outcome is what a program made of a case.
type Outcome struct {
	Answer
	Stdout, Stderr string
}

// Run starts a program in the folder of the case, with the arguments and variables of the case and those of environ, and
// none of this process. A key that is asked as several kinds is asked in as many runs, since answers are told apart by key.
func (c *Case) Run(ctx context.Context, folder string, environ []string, command ...string) (Outcome, error) {
	total := Outcome{Answer: Answer{Values: map[string]any{}}}
	for i, keys := range c.rounds() {
		one, err := c.run(ctx, folder, append(slices.Clone(environ), "EFFECTIVE_KEYS="+asked(keys)), command)
		if err != nil {
			return total, err
		}
		total.Stdout, total.Stderr = total.Stdout+one.Stdout, total.Stderr+one.Stderr
		if one.Fails {
			total.Answer = Answer{Fails: true}
			return total, nil
		}
		if i > 0 && !slices.Equal(total.Profiles, one.Profiles) {
			return total, fmt.Errorf("profiles are %v in one run and %v in the next", total.Profiles, one.Profiles)
		}
		total.Profiles = one.Profiles
		for _, text := range keys {
			key, _, _ := strings.Cut(text, " as ")
			value, answered := one.Values[key]
			if !answered {
				return total, fmt.Errorf("no answer for %s: %s", key, one.Stdout)
			}
			total.Values[text] = value
		}
	}
	return total, nil
}

// rounds distributes the keys so that none comes twice in one.
func (c *Case) rounds() [][]string {
	rounds := [][]string{nil}
	seen := map[string]int{}
	for _, text := range c.Keys {
		key, _, _ := strings.Cut(text, " as ")
		n := seen[key]
		seen[key]++
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], text)
	}
	return rounds
}

// asked is the value of EFFECTIVE_KEYS.
func asked(keys []string) string {
	list := make([]map[string]string, len(keys))
	for i, text := range keys {
		key, kind, typed := strings.Cut(text, " as ")
		list[i] = map[string]string{"key": key}
		if typed {
			list[i]["as"] = kind
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // texts only
	}
	return string(text)
}

func (c *Case) run(ctx context.Context, folder string, environ, command []string) (Outcome, error) {
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), c.Args...)...)
	cmd.Dir, cmd.Env = folder, environ
	for name, value := range c.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := Outcome{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return o, fmt.Errorf("it hangs: %w", ctx.Err())
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		if o.Stdout != "" || o.Stderr == "" {
			return o, fmt.Errorf("a failure belongs on stderr, and nothing on stdout; stdout:\n%s\nstderr:\n%s", o.Stdout, o.Stderr)
		}
		o.Fails = true
		return o, nil
	case err != nil:
		return o, fmt.Errorf("%w; stderr:\n%s", err, o.Stderr)
	}
	decoder := json.NewDecoder(&stdout)
	decoder.UseNumber() // 64 bits of them
	if err := decoder.Decode(&o.Answer); err != nil {
		return o, fmt.Errorf("stdout is not one JSON object: %w: %s", err, o.Stdout)
	}
	if o.Profiles == nil {
		return o, fmt.Errorf("no profiles: %s", o.Stdout)
	}
	return o, nil
}
