// Package wire is the documents that Eureka servers and clients exchange, decoded and encoded by hand: a registry of ten
// thousand instances is read every half minute by every client, so this is the hottest code of the project.
package wire

import "github.com/archimedes-go/archimedes/modules/discovery"

// Instance is everything that a Eureka server knows of one instance (Netflix: InstanceInfo). Times are milliseconds since
// the epoch, 0 when absent.
type Instance struct {
	InstanceID           string
	HostName             string
	App                  string // upper case
	AppGroupName         string
	IPAddr               string
	SID                  string
	Status               discovery.Status
	OverriddenStatus     discovery.Status // discovery.Unknown: no override
	Port, SecurePort     Port
	CountryID            int
	DataCenter           DataCenter
	Lease                Lease
	Metadata             discovery.Metadata
	HomePageURL          string
	StatusPageURL        string
	HealthCheckURL       string
	SecureHealthCheckURL string
	VIPAddress           string // may be a comma-separated list
	SecureVIPAddress     string
	Coordinating         bool // isCoordinatingDiscoveryServer
	LastUpdated          int64
	LastDirty            int64
	Action               Action
	ASGName              string
}

// ID returns the effective id, as Netflix's InstanceInfo.getId: the instance id, else the Amazon instance id, else the
// host name.
func (i *Instance) ID() string {
	if i.InstanceID != "" {
		return i.InstanceID
	}
	if i.DataCenter.Name == Amazon {
		if id := i.DataCenter.Metadata.Get("instance-id"); id != "" {
			return id
		}
	}
	return i.HostName
}

// Port is a port with its switch.
type Port struct {
	Number  int
	Enabled bool
}

// DataCenter is the data centre block. Its class on the wire follows from the name.
type DataCenter struct {
	Name     string // MyOwn, Netflix or Amazon
	Metadata discovery.Metadata
}

// Names of data centres.
const (
	MyOwn  = "MyOwn"
	Amazon = "Amazon"
)

// Lease is the lease block: intervals in seconds, times in milliseconds since the epoch.
type Lease struct {
	RenewalInterval, Duration                      int
	Registration, LastRenewal, Eviction, ServiceUp int64
}

// Action is what a server did last to an instance.
type Action uint8

// The actions of Eureka. None is a document without one.
const (
	None Action = iota
	Added
	Modified
	Deleted
)

// Applications is a registry or a delta.
type Applications struct {
	Version      string // versions__delta
	Hash         string // apps__hashcode
	Applications []Application
}

// Application is the instances of one name.
type Application struct {
	Name      string
	Instances []*Instance
}
