package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/examples/internal/exampletest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func withOther(t *testing.T) *eurekatest.Server {
	t.Helper()
	server := eurekatest.NewServer(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path": %q}`, r.URL.Path)
	}))
	t.Cleanup(other.Close)
	server.Add(discovery.Instance{Service: "other-service-name", Address: strings.TrimPrefix(other.URL, "http://")})
	return server
}

func TestItCallsByNameAndIsNotListed(t *testing.T) {
	server := withOther(t)
	p := exampletest.Start(t, ".", "-eureka", server.URL)
	require.Equal(t, `{"path": "/service/context/path"}`, p.Await(`result of other service: (.*)`))
	require.Equal(t, "/service/context/path", p.Await(`its path: (.*)`))
	require.Empty(t, server.Writes())
}

func TestTheSameByConfiguration(t *testing.T) {
	server := withOther(t)
	p := exampletest.Start(t, "spring", "--eureka.client.service-url.defaultZone="+server.URL)
	require.Equal(t, `{"path": "/service/context/path"} <nil>`, p.Await(`result of other service: (.*)`))
	require.Empty(t, server.Writes())
}
