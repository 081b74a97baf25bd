package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"go.uber.org/fx/fxevent"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/logging"
)

// logStopping says why the program ends; a component that takes it along is an error.
func (a *App) logStopping(reason string, code int) {
	level := slog.LevelInfo
	if code != 0 {
		level = slog.LevelError
	}
	a.log.Log(context.Background(), level, "Stopping "+a.name, "reason", reason)
}

// profileLine is Spring's.
func profileLine(profiles []string) string {
	quoted := make([]string, len(profiles))
	for i, profile := range profiles {
		quoted[i] = fmt.Sprintf("%q", profile)
	}
	switch len(profiles) {
	case 0:
		return `No active profile set, falling back to 1 default profile: "default"`
	case 1:
		return "The following 1 profile is active: " + quoted[0]
	}
	return fmt.Sprintf("The following %d profiles are active: %s", len(profiles), strings.Join(quoted, ", "))
}

// logModules says in one line what the program consists of.
func (a *App) logModules() {
	on, off := modules(a.cfg.Conditions())
	if !a.logsStartup() || len(on)+len(off) == 0 {
		return
	}
	attrs := []any{"on", strings.Join(on, " ")}
	if len(off) > 0 {
		attrs = append(attrs, "off", strings.Join(off, " "))
	}
	a.log.Info("Modules are chosen", attrs...)
}

// modules returns the names of those that are on, and those that are off.
func modules(conditions []config.Condition) (on, off []string) {
	for _, c := range conditions {
		if c.On {
			on = append(on, c.Module)
		} else {
			off = append(off, c.Module)
		}
	}
	return on, off
}

// logConditions writes the report that --debug asks for.
func (a *App) logConditions() {
	if a.log == nil || !logging.Flag(a.cfg, "debug") {
		return
	}
	a.log.With("logger", "app.conditions").Info(conditionReport(a.cfg))
}

// conditionReport is Spring's condition evaluation report over the modules.
func conditionReport(c *config.Config) string {
	var b strings.Builder
	rule := strings.Repeat("=", len("CONDITIONS EVALUATION REPORT"))
	fmt.Fprintf(&b, "\n\n\n%s\nCONDITIONS EVALUATION REPORT\n%s\n", rule, rule)
	section := func(title string, on bool, line string) {
		fmt.Fprintf(&b, "\n\n%s:\n%s\n\n", title, strings.Repeat("-", len(title)+1))
		none := true
		for _, condition := range c.Conditions() {
			if condition.On == on {
				fmt.Fprintf(&b, line, condition.Module, mask(condition.Reason))
				none = false
			}
		}
		if none {
			b.WriteString("   None\n")
		}
	}
	section("Positive matches", true, "   %s matched:\n      - %s\n")
	section("Negative matches", false, "   %s:\n      Did not match:\n         - %s\n")
	list := func(title string, lines []string, none string) {
		fmt.Fprintf(&b, "\n\n%s:\n%s\n\n", title, strings.Repeat("-", len(title)+1))
		if len(lines) == 0 {
			lines = []string{none}
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "   %s\n", line)
		}
	}
	list("Profiles", c.Profiles(), "default")
	var sources []string
	for _, source := range c.Sources() {
		sources = append(sources, fmt.Sprintf("%s (%d keys)", source.Name, len(source.Keys())))
	}
	list("Sources, highest precedence first", sources, "None")
	return b.String()
}

// eventLogger writes what fx does to the logger "fx", at debug level: failures are reported once, by the failure report.
type eventLogger struct {
	log *slog.Logger
	to  *fxevent.SlogLogger
}

func newEventLogger(log *slog.Logger) fxevent.Logger {
	log = log.With("logger", "fx")
	to := &fxevent.SlogLogger{Logger: log}
	to.UseLogLevel(slog.LevelDebug)
	to.UseErrorLevel(slog.LevelDebug)
	return eventLogger{log, to}
}

// LogEvent implements [fxevent.Logger].
func (l eventLogger) LogEvent(event fxevent.Event) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.to.LogEvent(event)
	}
}

// quiet is a printer that prints nothing.
type quiet struct{}

// Printf implements [fx.Printer].
func (quiet) Printf(string, ...any) {}
