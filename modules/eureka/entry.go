package eureka

import (
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// entry is one instance with the names it is found by.
type entry struct {
	instance *discovery.Instance
	names    *names
	dirty    int64 // lastDirtyTimestamp
}

// names are what an instance is found by, in lower case. Those of one application mostly share them.
type names struct {
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
	n := &names{services: []string{lower(s.app)}, vips: split(s.vip), secure: split(s.secure)}
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

func (t translation) entry(i *wire.Instance) *entry {
	host := i.HostName
	if t.preferIP && i.IPAddr != "" {
		host = i.IPAddr
	}
	reachable := isHost(host)
	if !reachable {
		host = i.IPAddr
		reachable = isHost(host)
	}
	to := &discovery.Instance{
		ID: i.ID(), IP: i.IPAddr, Status: i.Status, Metadata: i.Metadata, Zone: firstOf(zoneOf(i), i.Metadata.Get("zone")),
	}
	if reachable && i.Port.Enabled && i.Port.Number > 0 {
		to.Address = net.JoinHostPort(host, strconv.Itoa(i.Port.Number))
	}
	if reachable && i.SecurePort.Enabled && i.SecurePort.Number > 0 {
		to.SecureAddress = net.JoinHostPort(host, strconv.Itoa(i.SecurePort.Number))
	}
	n := t.names.of(spelling{i.App, i.VIPAddress, i.SecureVIPAddress})
	to.Service = n.services[0]
	return &entry{instance: to, names: n, dirty: i.LastDirty}
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

// after returns e for a snapshot that follows one with old, which may be nil. Where nothing changed that callers see they share
// the instance, so that sets stay the same.
func (e *entry) after(old *entry) *entry {
	switch {
	case old == nil || !old.same(e):
		return e
	case old.dirty == e.dirty:
		return old
	}
	e.instance = old.instance
	return e
}

func (e *entry) same(o *entry) bool {
	a, b := e.instance, o.instance
	return e.names.same(o.names) && a.ID == b.ID && a.Address == b.Address && a.SecureAddress == b.SecureAddress && a.Doubtful == b.Doubtful &&
		a.IP == b.IP && a.Zone == b.Zone && a.Status == b.Status && slices.Equal(a.Metadata, b.Metadata)
}

// lower and upper fold the case of names; mostly they have it.
func lower(s string) string { return strings.ToLower(s) }
func upper(s string) string { return strings.ToUpper(s) }
