package eureka

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// ServerStatus is what a server says of itself (Netflix: StatusInfo). Texts are as the server writes them; some servers leave parts out.
type ServerStatus struct {
	Uptime      string // such as "3 days 04:05"
	Environment string
	CPUs        string
	TotalMemory string
	UsedMemory  string

	RegisteredReplicas, AvailableReplicas, UnavailableReplicas []string // URLs

	Instance *Instance // the server's own entry; nil when it has none
}

// ServerStatus returns the state of the server that answers. It asks for XML: a Spring Cloud server fails to say it in JSON.
func (c *Client) ServerStatus(ctx context.Context) (*ServerStatus, error) {
	var status *ServerStatus
	_, err := c.do(ctx, request{method: http.MethodGet, path: "status", accept: "application/xml"}, func(a answer) (err error) {
		status, err = decodeServerStatus(a.body)
		return err
	})
	return status, err
}

func decodeServerStatus(data []byte) (*ServerStatus, error) {
	var doc struct {
		XMLName xml.Name `xml:"com.netflix.eureka.util.StatusInfo"`
		General struct {
			Uptime      string `xml:"server-uptime"`
			Environment string `xml:"environment"`
			CPUs        string `xml:"num-of-cpus"`
			Total       string `xml:"total-avail-memory"`
			Used        string `xml:"current-memory-usage"`
		} `xml:"generalStats"`
		Replicas struct {
			Registered  string `xml:"registered-replicas"`
			Available   string `xml:"available-replicas"`
			Unavailable string `xml:"unavailable-replicas"`
		} `xml:"applicationStats"`
		Instance struct {
			Inner []byte `xml:",innerxml"`
		} `xml:"instanceInfo"`
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, errors.New("the answer is not the status of a Eureka server")
	}
	s := &ServerStatus{
		Uptime: doc.General.Uptime, Environment: doc.General.Environment, CPUs: doc.General.CPUs, TotalMemory: doc.General.Total, UsedMemory: doc.General.Used,
		RegisteredReplicas: urls(doc.Replicas.Registered), AvailableReplicas: urls(doc.Replicas.Available), UnavailableReplicas: urls(doc.Replicas.Unavailable),
	}
	if len(doc.Instance.Inner) > 0 {
		i, err := wire.DecodeInstanceXML([]byte("<instance>" + string(doc.Instance.Inner) + "</instance>"))
		if err != nil {
			return nil, err
		}
		s.Instance = i
	}
	return s, nil
}

func urls(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}
