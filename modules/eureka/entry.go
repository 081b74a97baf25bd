package eureka

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// names are what an instance is found by, in lower case. Those of one application mostly share them.
type names struct {
	spelling
	services     []string // the application, then VIPs
	vips, secure []string // plain and secure VIPs
}

// has reports whether a service is among the names, and whether as a VIP.
func (n *names) has(service string) (is, byVIP bool) {
	byVIP = slices.Contains(n.vips, service) || slices.Contains(n.secure, service)
	return byVIP || n.services[0] == service, byVIP
}

func (n *names) same(o *names) bool {
	return n == o || n.services[0] == o.services[0] && slices.Equal(n.vips, o.vips) && slices.Equal(n.secure, o.secure)
}

// spelling is the names as they stand on the wire.
type spelling struct{ app, vip, secure string }

func (s spelling) names() *names {
	n := &names{spelling: s, services: []string{lower(s.app)}, vips: split(s.vip), secure: split(s.secure)}
	for _, vip := range slices.Concat(n.vips, n.secure) {
		if !slices.Contains(n.services, vip) {
			n.services = append(n.services, vip)
		}
	}
	return n
}

// split returns the names of a comma-separated list, in lower case.
func split(list string) []string {
	var all []string
	for _, name := range strings.Split(list, ",") {
		if name = lower(strings.TrimSpace(name)); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// translation says how a wire instance becomes one that is called.
type translation struct {
	preferIP bool
	onlyUp   bool // sets hold nothing else
	names    *spellings
}

// spellings is the names of the entries so far, which share them. It belongs to one goroutine.
type spellings struct{ known map[spelling]*names }

// mostSpellings bounds what is kept for a registry whose names change all the time.
const mostSpellings = 10_000

func (s *spellings) of(as spelling) *names {
	if s == nil {
		return as.names()
	}
	n := s.known[as]
	if n == nil {
		if s.known == nil || len(s.known) >= mostSpellings {
			s.known = map[spelling]*names{}
		}
		n = as.names()
		s.known[as] = n
	}
	return n
}

// entry makes of an instance what is listed after old. Where nothing changed that callers see they share the instance, so that sets stay
// the same.
func (t translation) entry(i *wire.Instance, old entry) entry {
	e := entry{names: t.namesOf(i, old.names)}
	was := old.instance
	if was == nil {
		was = &nothing
	}
	host := i.HostName
	if t.preferIP && i.IPAddr != "" {
		host = i.IPAddr
	}
	reachable := isHost(host)
	if !reachable {
		host = i.IPAddr
		reachable = isHost(host)
	}
	now := discovery.Instance{
		Service: e.names.services[0], ID: i.ID(), IP: i.IPAddr, Zone: firstOf(zoneOf(i), i.Metadata.Get("zone")), Status: i.Status, Revision: i.LastDirty, Metadata: i.Metadata,
	}
	if reachable {
		now.Address, now.SecureAddress = address(host, i.Port, was.Address), address(host, i.SecurePort, was.SecureAddress)
	}
	if e.instance = old.instance; old.names != e.names || !alike(&now, was) {
		e.instance = new(discovery.Instance)
		*e.instance = now
	}
	return e
}

var nothing discovery.Instance

// namesOf returns the names of an instance, those of before if they are the same.
func (t translation) namesOf(i *wire.Instance, before *names) *names {
	as := spelling{i.App, i.VIPAddress, i.SecureVIPAddress}
	if before != nil && before.spelling == as {
		return before
	}
	n := t.names.of(as)
	if before != nil && before.same(n) {
		return before
	}
	return n
}

// address joins a host and a port that is on. Mostly it is that of before.
func address(host string, port wire.Port, before string) string {
	if !port.Enabled || port.Number <= 0 {
		return ""
	}
	number := strconv.AppendInt(make([]byte, 0, 20), int64(port.Number), 10)
	if n := len(host); len(before) == n+1+len(number) && before[:n] == host && before[n] == ':' && before[n+1:] == string(number) {
		return before
	}
	return net.JoinHostPort(host, string(number))
}

// isHost reports whether text may stand for a host in a URL and in a header: whoever registers may write anything.
func isHost(text string) bool {
	for i := range len(text) {
		if notInHosts[text[i]] {
			return false
		}
	}
	return text != ""
}

var notInHosts = func() (not [256]bool) {
	for c := range not {
		not[c] = c <= ' ' || c == 0x7f || strings.IndexByte(`/\@?#[]`, byte(c)) >= 0
	}
	return not
}()

// zoneOf is the zone that Amazon's data centre tells.
func zoneOf(i *wire.Instance) string {
	if i.DataCenter.Name == wire.Amazon {
		return i.DataCenter.Metadata.Get("availability-zone")
	}
	return ""
}

// alike reports whether callers see no difference between an instance and how it was: a later revision that changes nothing is none.
func alike(a, b *discovery.Instance) bool {
	return a.ID == b.ID && a.Revision >= b.Revision && a.Address == b.Address && a.SecureAddress == b.SecureAddress && a.Doubtful == b.Doubtful &&
		a.IP == b.IP && a.Zone == b.Zone && a.Status == b.Status && slices.Equal(a.Metadata, b.Metadata)
}

// lower and upper fold the case of names; mostly they have it.
func lower(s string) string { return strings.ToLower(s) }
func upper(s string) string { return strings.ToUpper(s) }
