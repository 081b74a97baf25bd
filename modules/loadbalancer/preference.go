package loadbalancer

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// Preference is whom a call would rather reach than others. What it does not say is as configured.
type Preference struct {
	Zone     string // of instances
	Hint     string // metadata "hint" of instances
	Instance string // id of one instance: it gets the call if it can be called, whatever else is preferred
}

// noZone is the zone of what names none, as the Python client has it.
const noZone = "default"

// defaultHint is the hint of requests without one, as in Spring.
const defaultHint = "default"

// preference is whom a view prefers. Unlike Spring's filters, which look at what is listed, one ends when nobody is left that can
// be called.
type preference struct {
	zone, hint string
	version    string // "": any
}

// How far an instance is from what is preferred: a wrong hint is worse than another zone, and that is worse than to be outside of
// the subset.
const (
	outside = 1 << iota
	otherZone
	otherHint
	otherVersion
)

func (p preference) distance(i *discovery.Instance, subset map[string]bool) int32 {
	d := int32(0)
	if subset != nil && !subset[i.ID] {
		d |= outside
	}
	if p.zone != "" && !strings.EqualFold(p.zone, zoneOf(i)) {
		d |= otherZone
	}
	if i.Metadata.Get("hint") != p.hint {
		d |= otherHint
	}
	if p.version != "" && versionOf(i) != p.version {
		d |= otherVersion
	}
	return d
}

func zoneOf(i *discovery.Instance) string { return cmp.Or(i.Zone, noZone) }

// preference returns what is configured.
func (s *Service) preference(service string) preference {
	p := preference{hint: byService(s.Hint, service, defaultHint)}
	if s.has(zonePreference) {
		p.zone = s.Zone
	}
	return p
}

// subsetOf returns the ids of the instances that a caller uses, nil for all: those whose ids together with its own give the highest
// hashes (rendezvous hashing), so that neither order nor others matter.
func subsetOf(s *Service, all []*discovery.Instance) map[string]bool {
	if !s.has(subset) || s.Subset.Size <= 0 || len(all) <= s.Subset.Size {
		return nil
	}
	type score struct {
		value uint64
		id    string
	}
	own, scores := hash(s.Subset.InstanceID), make([]score, 0, len(all))
	for _, i := range all {
		scores = append(scores, score{mix(own ^ hash(i.ID)), i.ID})
	}
	slices.SortFunc(scores, func(a, b score) int { return cmp.Or(cmp.Compare(b.value, a.value), strings.Compare(a.id, b.id)) })
	chosen := make(map[string]bool, s.Subset.Size)
	for _, one := range scores[:s.Subset.Size] {
		chosen[one.id] = true
	}
	return chosen
}

// steered returns the view for what a request prefers, if that is another one.
func (s *service) steered(v *View, r *Request) (*View, error) {
	want := v.prefers
	byHeader := r.Prefer == nil && v.versions == nil // nothing else may say something
	switch {
	case byHeader:
		hint := headerOf(r.Header, v.settings.HintHeader)
		if hint == "" || hint == want.hint {
			return v, nil
		}
		if other, ok := v.hinted.get(hint); ok {
			return other, nil
		}
	case v.versions != nil:
		version, err := v.version(r)
		if err != nil {
			return nil, err
		}
		want.version = version
	}
	if r.Prefer != nil {
		want.zone, want.hint = cmp.Or(r.Prefer.Zone, want.zone), cmp.Or(r.Prefer.Hint, want.hint)
	}
	if v.hints != nil && (r.Prefer == nil || r.Prefer.Hint == "") {
		want.hint = cmp.Or(headerOf(r.Header, v.settings.HintHeader), want.hint)
	}
	if !v.hints[want.hint] {
		want.hint = v.prefers.hint // one that nobody has is none; views by words of strangers would be without number
	}
	if want.zone != v.prefers.zone && !v.zones()[strings.ToLower(want.zone)] {
		want.zone = v.prefers.zone
	}
	if want == v.prefers {
		return v, nil
	}
	if other, ok := v.others.get(want); ok {
		return other, nil
	}
	return s.steer(v, want, byHeader), nil
}

// steer makes the view of a set for another preference, which may be that of a header alone.
func (s *service) steer(v *View, want preference, header bool) *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	other, _ := s.newView(v.set, want)
	other.use(s.make(other.settings.Strategy, want))
	v.others.put(want, other)
	if header {
		v.hinted.put(want.hint, other)
	}
	return other
}

// headerOf returns the value of a header whose name is in its canonical form; "" is none.
func headerOf(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// cookieOf returns the value of a request's cookie, without parsing the others.
func cookieOf(h http.Header, name string) string {
	if name == "" {
		return ""
	}
	for _, line := range h["Cookie"] {
		for rest := line; ; {
			i := strings.Index(rest, name)
			if i < 0 {
				break
			}
			before := strings.TrimRight(line[:len(line)-len(rest)+i], " \t")
			rest = rest[i+len(name):]
			value, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t"), "=")
			if ok && (before == "" || before[len(before)-1] == ';') {
				value, _, _ = strings.Cut(value, ";")
				return strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return ""
}

// asked returns the instance that a request names, if it can be called.
func (v *View) asked(r *Request) *candidate {
	id := ""
	switch {
	case r.Prefer != nil && r.Prefer.Instance != "":
		id = r.Prefer.Instance
	case v.sticky:
		if name := v.settings.Sticky.Header; name != "" {
			id = headerOf(r.Header, name)
		}
		if id == "" {
			id = cookieOf(r.Header, v.settings.Sticky.Cookie)
		}
	}
	if id == "" {
		return nil
	}
	if c := v.inReach()[id]; c != nil && r.open(c.instance) {
		return c
	}
	return nil
}
