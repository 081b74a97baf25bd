package discovery

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// SimpleConfig is what "spring.cloud.discovery.client.simple" in application.yml can say.
type SimpleConfig struct {
	Instances map[string][]SimpleInstance `config:"instances"` // service → instances; default none
	Order     int                         `config:"order"`     // place among the resolvers; default 0
}

// SimpleInstance is one configured instance: a URI, or host, port and secure.
type SimpleInstance struct {
	URI        string            `config:"uri"`         // such as http://localhost:8081
	Host       string            `config:"host"`        // when there is no uri
	Port       int               `config:"port"`        // when there is no uri
	Secure     bool              `config:"secure"`      // https; when there is no uri
	InstanceID string            `config:"instance-id"` // default host:port
	Metadata   map[string]string `config:"metadata"`    // default none
}

// DefaultSimpleConfig returns the settings in force when application.yml is silent.
func DefaultSimpleConfig() SimpleConfig { return SimpleConfig{} }

// Validate reports every instance that cannot be called.
func (c SimpleConfig) Validate() error {
	_, err := c.static()
	return err
}

// static returns the configured instances as a resolver.
func (c SimpleConfig) static() (Static, error) {
	known := make(Static, len(c.Instances))
	var faults []error
	for service, list := range c.Instances {
		var all []Instance
		for i, configured := range list {
			instance, err := configured.instance(service)
			if err != nil {
				faults = append(faults, config.FieldError{Key: fmt.Sprintf("instances.%s[%d]", service, i), Problem: err.Error()})
				continue
			}
			all = append(all, instance)
		}
		known[strings.ToLower(service)] = NewSet(all...)
	}
	return known, joinSorted(faults)
}

func (s SimpleInstance) instance(service string) (Instance, error) {
	host, port, secure := s.Host, fmt.Sprint(s.Port), s.Secure
	if s.URI != "" {
		u, err := url.Parse(s.URI)
		if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return Instance{}, fmt.Errorf("uri %q is not of the form http://host:port", s.URI)
		}
		host, port, secure = u.Hostname(), u.Port(), u.Scheme == "https"
		if port == "" {
			port = map[bool]string{false: "80", true: "443"}[secure]
		}
	}
	if host == "" {
		return Instance{}, fmt.Errorf("needs a uri, or a host and a port")
	}
	if port == "0" {
		return Instance{}, fmt.Errorf("needs a port beside host %q", host)
	}
	address := net.JoinHostPort(host, port)
	instance := Instance{Service: service, ID: firstText(s.InstanceID, address), Metadata: NewMetadata(s.Metadata)}
	instance.Zone = instance.Metadata.Get("zone")
	if secure {
		instance.SecureAddress = address
	} else {
		instance.Address = address
	}
	return instance, nil
}

// configured is the resolver of [SimpleConfig], at its place among the others.
type configured struct {
	Static
	order int
}

// Order implements the placing of [NewComposite].
func (c configured) Order() int { return c.order }

// joinSorted joins faults in the order of their texts, as maps have none.
func joinSorted(faults []error) error {
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}
