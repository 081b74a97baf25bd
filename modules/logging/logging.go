package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Program is what lines say about the program that writes them.
type Program struct {
	Name    string // spring.application.name
	Version string // spring.application.version
	PID     int    // default: this process
}

// New returns the logger of a program and the control of its levels. Lines go to out, one Write each; isTerminal says
// whether it understands colours. An invalid cfg is an error.
func New(cfg Config, program Program, out io.Writer, isTerminal bool) (*slog.Logger, *Levels, error) {
	if err := cfg.Validate(); err != nil {
		return nil, nil, fmt.Errorf("logging: %w", err)
	}
	levels, err := newLevels(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("logging: %w", err)
	}
	if program.PID == 0 {
		program.PID = os.Getpid()
	}
	if !cfg.Console.Enabled {
		out = io.Discard
	}
	form := forms[strings.ToLower(cfg.Structured.Format.Console)](formOptions{
		Config: cfg, Program: program, out: out,
		colour: cfg.colour == "always" || cfg.colour != "never" && isTerminal,
	})
	return slog.New(&handler{levels: levels, node: levels.node(Root), form: form, lines: form.lines()}), levels, nil
}

// LevelsOf returns the control of a logger that [New] made. For any other logger it returns one that controls nothing.
func LevelsOf(log *slog.Logger) *Levels {
	if h, ok := log.Handler().(*handler); ok {
		return h.levels
	}
	detached, err := newLevels(DefaultConfig())
	if err != nil {
		panic(err) // the defaults are valid
	}
	return detached
}

// formOptions is what a form of lines is made from.
type formOptions struct {
	Config
	Program
	out    io.Writer
	colour bool
}

// form is what the lines of an output look like.
type form interface {
	// lines returns the handler that writes them.
	lines() slog.Handler
	// attr gives an attribute that stands at the top of a line the name it has there.
	attr(slog.Attr) slog.Attr
	// write completes a line, of which the attributes are known, and hands it to lines.
	write(ctx context.Context, lines slog.Handler, line slog.Record, f facts) error
}

// facts are what a line says beside its message and attributes.
type facts struct {
	logger      string // as given to With; may be empty
	trace, span string // ids of the span that the line belongs to; empty outside any
	stack       string // a text of many lines
}

// forms is the forms by their names in application.yml.
var forms = map[string]func(formOptions) form{
	"":         newConsole,
	"ecs":      newECS,
	"gelf":     newGELF,
	"logstash": newLogstash,
}
