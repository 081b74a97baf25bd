package dashboard

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// What a page shows at most.
const (
	maxShown  = 500
	maxEvents = 30
)

// view is what the page shows.
type view struct {
	frame
	Actions  bool
	Stats    registry.Stats
	Statuses []figure
	Services []*service
	Found    int // instances that the query names
	Shown    int // of these
	Events   []event
}

type figure struct {
	Name   string
	Number int
}

type service struct {
	Name      string
	Up, All   int        // whatever is looked for: one that is down among many is no outage
	Instances []instance // those found
}

type instance struct {
	App, ID             string
	Status              string
	Overridden          bool // somebody set the status from outside
	Restored            bool
	Zone, Version, Host string
	Actuator            string // "" when it gave no address that a browser may open
	Since               *age   // when it first took traffic
	Renewed             age
}

// age is a time as people read it, and in full.
type age struct {
	Seconds int64
	At      string
}

func (h *Handler) age(at time.Time) age {
	return age{max(0, int64(h.now().Sub(at)/time.Second)), at.UTC().Format(time.RFC3339)}
}

type event struct {
	When    age
	Kind    string
	App, ID string // "" when it is about the whole registry
	Status  string
}

// look reads the registry. A query finds what has it in its service, id, host, status, zone or version.
func (h *Handler) look(query string) view {
	events := h.registry.Events()
	v := view{frame: frame{Version: version(events), Query: query}, Actions: h.cfg.Actions, Stats: h.registry.Stats()}
	for _, status := range []discovery.Status{discovery.Up, discovery.Starting, discovery.Down, discovery.OutOfService, discovery.Unknown} {
		if n := v.Stats.Instances[status]; n > 0 || status == discovery.Up {
			v.Statuses = append(v.Statuses, figure{status.String(), n})
		}
	}
	words := strings.Fields(strings.ToLower(query))
	counted := &service{}
	for _, l := range h.registry.Leases() { // by service
		if l.Instance.App != counted.Name {
			counted = &service{Name: l.Instance.App}
		}
		counted.All++
		if l.Instance.Status == discovery.Up {
			counted.Up++
		}
		if !matches(l.Instance, words) {
			continue
		}
		if v.Found++; v.Shown == maxShown {
			continue
		}
		v.Shown++
		if len(counted.Instances) == 0 {
			v.Services = append(v.Services, counted)
		}
		counted.Instances = append(counted.Instances, h.instance(l))
	}
	for _, e := range events[:min(len(events), maxEvents)] {
		v.Events = append(v.Events, h.event(e))
	}
	return v
}

// lookBack reads what happened. A query finds what has it in its service, id, status or kind.
func (h *Handler) lookBack(query string) view {
	events := h.registry.Events()
	v := view{frame: frame{Version: version(events), Query: query}}
	words := strings.Fields(strings.ToLower(query))
	for _, e := range events {
		if shown := h.event(e); contains(strings.Join([]string{shown.App, shown.ID, shown.Status, shown.Kind}, " "), words) {
			v.Events = append(v.Events, shown)
		}
	}
	return v
}

func (h *Handler) event(e registry.Event) event {
	return event{h.age(e.At), e.Kind.String(), e.App, e.ID, e.Status.String()}
}

func (h *Handler) instance(l registry.Lease) instance {
	i := l.Instance
	shown := instance{
		App: i.App, ID: i.ID(), Status: i.Status.String(), Overridden: i.OverriddenStatus != discovery.Unknown, Restored: l.Restored,
		Zone: i.Metadata.Get("zone"), Version: i.Metadata.Get("version"), Host: i.HostName, Renewed: h.age(l.Renewed),
		Actuator: cmp.Or(actuator(i.StatusPageURL), actuator(i.HealthCheckURL), actuator(i.SecureHealthCheckURL)),
	}
	if i.Lease.ServiceUp > 0 {
		since := h.age(time.UnixMilli(i.Lease.ServiceUp))
		shown.Since = &since
	}
	return shown
}

func matches(i *wire.Instance, words []string) bool {
	if len(words) == 0 {
		return true
	}
	return contains(strings.Join([]string{i.App, i.ID(), i.HostName, i.Status.String(), i.Metadata.Get("zone"), i.Metadata.Get("version")}, " "), words)
}

// contains reports whether a text has every word, whatever its case.
func contains(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// actuator returns the address above an instance's status page, such as http://localhost:8080/actuator. An instance may send
// anything: what is not plain http or https, or hides its host behind a user, is no address.
func actuator(page string) string {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: path.Dir(path.Clean("/" + u.Path))}).String()
}

// ago is how long something has been, in the two largest units. script.js says the same.
func ago(seconds int64) string {
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min", seconds/60)
	case seconds < 86400:
		return fmt.Sprintf("%d h %d min", seconds/3600, seconds%3600/60)
	}
	return fmt.Sprintf("%d d %d h", seconds/86400, seconds%86400/3600)
}
