package springcloud_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes spans over OTLP, as an OpenTelemetry collector does, and remembers who reported which trace.
type collector struct {
	server *httptest.Server
	mu     sync.Mutex
	byName map[string][]string // service.name → trace ids
}

func startCollector(t *testing.T) *collector {
	c := &collector{byName: map[string][]string{}}
	c.server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.server.Close)
	return c
}

func (c *collector) url() string { return c.server.URL + "/v1/traces" }

func (c *collector) take(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var request tracecollector.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		name := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				name = attribute.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.byName[name] = append(c.byName[name], hex.EncodeToString(span.TraceId))
			}
		}
	}
}

func (c *collector) traces(service string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.byName[service])
}
