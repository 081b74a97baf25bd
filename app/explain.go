package app

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.uber.org/dig"

	"github.com/archimedes-go/archimedes/config"
)

// explanation is a failure that nobody foresaw, put into words as well as can be.
type explanation struct{ description, action string }

func (e explanation) Description() string { return e.description }
func (e explanation) Action() string      { return e.action }
func (e explanation) Keys() []string      { return nil }

// askForMore ends the reports that may leave a question open.
const askForMore = "Start it with --debug to see which modules are on and why, and with --logging.level.fx=debug to see each step."

// explain puts an error into words. dig exports no types for what goes wrong in a container, so its texts are matched, and
// shown as they are where they do not match.
func explain(err error, cfg *config.Config) described {
	var (
		inConstructor dig.PanicError
		elsewhere     *panicError
		runner        *runnerError
	)
	text := mask(err.Error())
	switch {
	case errors.As(err, &inConstructor):
		return explanation{mask(inConstructor.Error()) + ".", "Correct the constructor. " + askForMore}
	case errors.As(err, &elsewhere):
		return explanation{upperFirst(mask(elsewhere.Error())) + ".", askForMore}
	case errors.As(err, &runner):
		return explanation{upperFirst(mask(runner.Error())) + ".", "Correct what it says, and start the program again. Nothing was registered, and no call was taken."}
	case errors.Is(err, errInterrupted):
		return explanation{upperFirst(text) + ".", "Start it again when it may run."}
	case dig.IsCycleDetected(err):
		return explainCycle(err)
	}
	if e, ok := explainMissing(text, cfg); ok {
		return e
	}
	if found := duplicate.FindStringSubmatch(text); found != nil {
		return explanation{
			fmt.Sprintf("%s is provided twice: by %s and by %s.", found[2], function(found[1]), function(found[3])),
			"Leave one of them out. To replace what a module provides, use fx.Decorate instead of fx.Provide.",
		}
	}
	return explainConstructor(err, text)
}

// The texts of dig 1.19.
var (
	missing     = regexp.MustCompile(`missing dependencies for function (.*?\(\S+?:\d+\))[^:]*: missing types?: (.+)$`)
	duplicate   = regexp.MustCompile(`cannot provide function (.*?\(\S+?:\d+\)): cannot provide (\S+) from \S+: already provided by (.*?\(\S+?:\d+\))`)
	constructor = regexp.MustCompile(`received non-nil error from function (.*?\(\S+?:\d+\))`)
	place       = regexp.MustCompile(`^"?([^"]*)"?\.(\S+) \((\S+)\)$`)
	hint        = regexp.MustCompile(` \((did you mean .*?)\?\)$`)
)

// function shortens dig's `"github.com/me/orders".New (/src/orders.go:14)` to `orders.New (/src/orders.go:14)`.
func function(text string) string {
	found := place.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	return fmt.Sprintf("%s.%s (%s)", found[1][strings.LastIndexByte(found[1], '/')+1:], found[2], found[3])
}

// providers names the module for the package of a type that it provides.
var providers = map[string]string{
	"echo": "web", "web": "web",
	"eureka": "eureka", "loadbalancer": "loadbalancer", "invoker": "invoker", "discovery": "discovery",
	"health": "health", "actuator": "actuator", "endpoint": "actuator", "logging": "logging",
	"eurekaserver": "eurekaserver", "registry": "eurekaserver", "dashboard": "eurekaserver",
	"telemetry": "telemetry", "trace": "telemetry", "metric": "telemetry", "propagation": "telemetry",
}

// explainMissing is for a type that something needs and nothing provides.
func explainMissing(text string, cfg *config.Config) (described, bool) {
	found := missing.FindStringSubmatch(text)
	if found == nil {
		return nil, false
	}
	var descriptions, actions []string
	for _, one := range strings.Split(found[2], "; ") {
		typ, meant := hint.ReplaceAllString(one, ""), ""
		if h := hint.FindStringSubmatch(one); h != nil {
			meant = " The container has a similar type: " + h[1] + "?"
		}
		description := fmt.Sprintf("%s needs %s, which nothing provides.%s", function(found[1]), typ, meant)
		action := fmt.Sprintf("Add a constructor that returns %s to the options: fx.Provide(…).", typ)
		if module := providerOf(typ); module != "" {
			description += fmt.Sprintf(" The module %q does", module)
			if reason, off := offReason(cfg, module); off {
				description += ", but it is off: " + mask(reason)
				action = fmt.Sprintf("Switch the module %s on, or do without: a field of a parameter struct (fx.In) tagged `optional:\"true\"`.", module)
			} else {
				description += ", but it is not in the bundle"
				action = fmt.Sprintf("Use a bundle with the module %s, such as starter.Service, or add %s.Module to yours.", module, module)
			}
			description += "."
		}
		descriptions, actions = append(descriptions, description), append(actions, action)
	}
	return explanation{strings.Join(descriptions, "\n"), strings.Join(actions, "\n")}, true
}

func providerOf(typ string) string {
	pkg, _, _ := strings.Cut(strings.TrimLeft(typ, "*[]"), ".")
	return providers[pkg]
}

func offReason(cfg *config.Config, module string) (string, bool) {
	for _, condition := range cfg.Conditions() {
		if condition.Module == module && !condition.On {
			return condition.Reason, true
		}
	}
	return "", false
}

// explainCycle is for constructors that wait for each other.
func explainCycle(err error) described {
	var b strings.Builder
	b.WriteString("Constructors depend on each other in a circle:\n")
	for i, step := range strings.Split(dig.RootCause(err).Error(), "\n") {
		step = strings.TrimPrefix(strings.TrimSpace(step), "depends on ")
		if typ, by, ok := strings.Cut(step, " provided by "); ok {
			step = typ + " by " + function(by)
		}
		fmt.Fprintf(&b, "\n    %s%s", map[bool]string{true: "→ "}[i > 0], step)
	}
	return explanation{b.String(), "Break the circle: let one of them ask for what it needs when it is used, not when it is made."}
}

// explainConstructor is for any other error: the cause first, then whose it is.
func explainConstructor(err error, text string) described {
	cause := mask(dig.RootCause(err).Error())
	if at := constructor.FindAllStringSubmatch(text, -1); at != nil {
		return explanation{fmt.Sprintf("%s\n    in %s", upperFirst(cause), function(at[len(at)-1][1])), askForMore}
	}
	return explanation{upperFirst(text), askForMore}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
