package wire

import "github.com/archimedes-go/archimedes/modules/discovery"

// Instance is everything that a Eureka server knows of one instance (Netflix: InstanceInfo). Times are milliseconds since
// the epoch, 0 when absent. Start from [NewInstance]: the zero value carries an override.
type Instance struct {
	InstanceID           string
	LastDirty            int64 // here because a heartbeat reads it with the id and the status: they are one line of memory
	Status               discovery.Status
	OverriddenStatus     discovery.Status // discovery.Unknown: no override
	HostName             string
	App                  string // upper case
	AppGroupName         string // upper case
	IPAddr               string
	SID                  string
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
	Action               Action
	ASGName              string
}

// NewInstance returns an instance that has said nothing yet: UP, without override, port 7001 on, secure port 7002
// off, country 1, the defaults of Netflix's InstanceInfo. Decoding starts from it too, so that what a document
// leaves out has these values. The data centre stays empty, because a server refuses a registration without one.
func NewInstance() *Instance {
	instance := unsaid
	return &instance
}

var unsaid = Instance{
	Status:           discovery.Up,
	OverriddenStatus: discovery.Unknown, // the zero value would be UP
	Port:             Port{Number: 7001, Enabled: true},
	SecurePort:       Port{Number: 7002},
	CountryID:        1,
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

// DataCenter is the data centre block. Its class on the wire follows from the name. An empty name is written as [MyOwn].
type DataCenter struct {
	Name     string             // MyOwn, Netflix or Amazon; another name is read as MyOwn, none as ""
	Nameless bool               // the document had the block, but no name in it
	Metadata discovery.Metadata // written for Amazon only: strict readers know it nowhere else
}

// Names of data centres.
const (
	MyOwn   = "MyOwn"
	Netflix = "Netflix"
	Amazon  = "Amazon"
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

var actionTexts = [...]string{Added: "ADDED", Modified: "MODIFIED", Deleted: "DELETED"}

// String returns the name that Eureka uses on the wire, "" for [None].
func (a Action) String() string {
	if int(a) < len(actionTexts) {
		return actionTexts[a]
	}
	return ""
}

// Applications is a registry or a delta.
type Applications struct {
	Version      string // versions__delta
	Hash         string // apps__hashcode
	Applications []Application
	Skipped      int // entries left out while decoding, because they were no objects or had no id
}

// Application is the instances of one name.
type Application struct {
	Name      string // upper case
	Instances []*Instance
	Skipped   int // entries left out while decoding
}
