package health

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// The groups that an orchestrator asks for, and the indicators in them.
const (
	Liveness       = "liveness"
	Readiness      = "readiness"
	livenessState  = "livenessState"
	readinessState = "readinessState"
)

// Checks is all indicators of a program. It is safe for concurrent use.
type Checks struct {
	cfg        Config
	indicators map[string]Indicator
	groups     map[string]Group
	states     map[string]Indicator // of the two probes; parts of the whole only when a group is asked for
}

// Report is a health answer, ready for HTTP.
type Report struct {
	Result
	Groups         []string // names of the groups; only of the whole
	HTTPStatus     int      // what the status means in HTTP
	ShowDetails    bool
	ShowComponents bool
}

// New returns the checks over indicators. Two of one name, or a group with an unknown member, are errors.
func New(cfg Config, availability *Availability, indicators ...Indicator) (*Checks, error) {
	c := &Checks{cfg: cfg, indicators: map[string]Indicator{}, groups: maps.Clone(cfg.Group), states: map[string]Indicator{}}
	if c.groups == nil {
		c.groups = map[string]Group{}
	}
	for _, i := range indicators {
		if _, twice := c.indicators[i.Name()]; twice {
			return nil, fmt.Errorf("health: two indicators are called %q", i.Name())
		}
		c.indicators[i.Name()] = i
	}
	c.states[livenessState] = NewIndicator(livenessState, func(context.Context) Result {
		if availability.Live() {
			return Result{Status: Up}
		}
		return Result{Status: Down}
	})
	c.states[readinessState] = NewIndicator(readinessState, func(context.Context) Result {
		if availability.Ready() {
			return Result{Status: Up}
		}
		return Result{Status: OutOfService}
	})
	if cfg.Probes.Enabled {
		for group, state := range map[string]string{Liveness: livenessState, Readiness: readinessState} {
			if g := c.groups[group]; len(g.Include) == 0 {
				g.Include = []string{state}
				c.groups[group] = g
			}
		}
	}
	for name, g := range c.groups {
		for _, member := range g.Include {
			if member != "*" && c.named(member) == nil {
				return nil, &unknownMember{group: name, member: member, known: c.names()}
			}
		}
	}
	return c, nil
}

// unknownMember is a group of which a member does not exist.
type unknownMember struct {
	group, member string
	known         []string
}

func (e *unknownMember) Error() string {
	return fmt.Sprintf("health: the group %q includes %q, which is no indicator (known: %s)", e.group, e.member, strings.Join(e.known, ", "))
}
func (e *unknownMember) Description() string {
	return fmt.Sprintf("The health group %s includes %q, which is no indicator.", e.group, e.member)
}
func (e *unknownMember) Action() string {
	return "Name one of these: " + strings.Join(e.known, ", ") + "."
}
func (e *unknownMember) Keys() []string {
	return []string{"management.endpoint.health.group." + e.group + ".include"}
}

func (c *Checks) named(name string) Indicator {
	if i, ok := c.indicators[name]; ok {
		return i
	}
	return c.states[name]
}

func (c *Checks) names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(c.indicators)), maps.Keys(c.states))
	slices.Sort(names)
	return names
}

// Whole checks every indicator.
func (c *Checks) Whole(ctx context.Context) Report {
	all := make([]Indicator, 0, len(c.indicators))
	for _, i := range c.indicators {
		all = append(all, i)
	}
	report := c.report(ctx, all, c.cfg.Status, c.cfg.ShowDetails, c.cfg.ShowComponents)
	report.Groups = slices.Sorted(maps.Keys(c.groups))
	return report
}

// StatusWithout checks every indicator but those named, and returns the status of all.
func (c *Checks) StatusWithout(ctx context.Context, names ...string) Status {
	var members []Indicator
	for name, i := range c.indicators {
		if !slices.Contains(names, name) {
			members = append(members, i)
		}
	}
	return c.report(ctx, members, c.cfg.Status, "", "").Status
}

// At checks what a path below the whole names: a group, an indicator, or a part of either. It reports whether there is
// such a thing that may be shown.
func (c *Checks) At(ctx context.Context, path ...string) (Report, bool) {
	if len(path) == 0 {
		return c.Whole(ctx), true
	}
	if g, ok := c.groups[path[0]]; ok {
		report := c.group(ctx, g)
		if len(path) == 1 {
			return report, true
		}
		part, ok := descend(report.Result, path[1:])
		report.Result, report.HTTPStatus = part, g.Status.httpStatus(part.Status)
		return report, ok && report.ShowComponents
	}
	i := c.named(path[0])
	details, components := shown(c.cfg.ShowDetails, c.cfg.ShowComponents)
	if i == nil || !components {
		return Report{}, false
	}
	part, ok := descend(c.check(ctx, i), path[1:])
	return Report{Result: part, HTTPStatus: c.cfg.Status.httpStatus(part.Status), ShowDetails: details, ShowComponents: components}, ok
}

func (c *Checks) group(ctx context.Context, g Group) Report {
	var members []Indicator
	for _, name := range c.names() {
		_, state := c.states[name]
		included := slices.Contains(g.Include, name) || slices.Contains(g.Include, "*") && !state
		if included && !slices.Contains(g.Exclude, name) && !slices.Contains(g.Exclude, "*") {
			members = append(members, c.named(name))
		}
	}
	status := g.Status
	if len(status.Order) == 0 {
		status.Order = c.cfg.Status.Order
	}
	if len(status.HTTPMapping) == 0 {
		status.HTTPMapping = c.cfg.Status.HTTPMapping
	}
	details, components := g.ShowDetails, g.ShowComponents
	if details == "" {
		details = c.cfg.ShowDetails
		if components == "" {
			components = c.cfg.ShowComponents
		}
	}
	return c.report(ctx, members, status, details, components)
}

func shown(details, components Show) (bool, bool) {
	if components == "" {
		components = details
	}
	return details == ShowAlways, components == ShowAlways
}

// report checks indicators side by side.
func (c *Checks) report(ctx context.Context, members []Indicator, status StatusConfig, details, components Show) Report {
	results := make([]Result, len(members))
	var all sync.WaitGroup
	for i, member := range members {
		all.Go(func() { results[i] = c.check(ctx, member) })
	}
	all.Wait()
	whole := Result{Components: make(map[string]Result, len(members))}
	statuses := make([]Status, len(members))
	for i, member := range members {
		whole.Components[member.Name()] = results[i]
		statuses[i] = results[i].Status
	}
	whole.Status = status.worst(statuses)
	if len(members) == 0 {
		whole.Status = Up // nothing that could be wrong
	}
	report := Report{Result: whole, HTTPStatus: status.httpStatus(whole.Status)}
	report.ShowDetails, report.ShowComponents = shown(details, components)
	return report
}

func (c *Checks) check(ctx context.Context, i Indicator) Result {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	return safely(ctx, i)
}

func descend(r Result, path []string) (Result, bool) {
	for _, name := range path {
		part, ok := r.Components[name]
		if !ok {
			return Result{}, false
		}
		r = part
	}
	return r, true
}
