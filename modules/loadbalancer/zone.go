package loadbalancer

import (
	"cmp"
	"strings"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// The values of spring.cloud.loadbalancer.configurations.
const (
	defaultConfiguration = "default"
	zonePreference       = "zone-preference"
)

// noZone is the zone of what names none, as the Python client has it.
const noZone = "default"

// zone is the zone whose instances are preferred; "" prefers none. Unlike Spring's, the preference ends when none of them is
// left that can be called, and not only when none is listed.
type zone string

func (c Config) zone() zone {
	if c.Configurations != zonePreference {
		return ""
	}
	return zone(c.Zone)
}

func (z zone) has(i *discovery.Instance) bool {
	return z == "" || strings.EqualFold(string(z), cmp.Or(i.Zone, noZone))
}
