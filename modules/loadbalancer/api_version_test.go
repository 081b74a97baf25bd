package loadbalancer_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// versioned are two instances of version 1, one of 2.1, and one that tells none.
func versioned() []discovery.Instance {
	all := of(4)
	for i, version := range []string{"1", "v1.0", "2.1"} {
		all[i].Metadata = discovery.NewMetadata(map[string]string{"API_VERSION": version})
	}
	return all
}

func TestARequestGoesToInstancesOfTheVersionThatItAsksFor(t *testing.T) {
	second := 1
	everybody := only("i0", "i1", "i2", "i3")
	for name, tc := range map[string]struct {
		settings loadbalancer.APIVersion
		url      string
		header   http.Header
		want     map[string]bool
		fault    string
	}{
		"header":               {loadbalancer.APIVersion{Header: "x-version"}, "", http.Header{"X-Version": {"1.0.0"}}, only("i0", "i1"), ""},
		"query":                {loadbalancer.APIVersion{QueryParameter: "v"}, "http://stock/x?v=2.1", nil, only("i2"), ""},
		"path":                 {loadbalancer.APIVersion{PathSegment: &second}, "http://stock/api/v2.1/items", nil, only("i2"), ""},
		"type that is asked":   {loadbalancer.APIVersion{MediaTypes: map[string]string{"application/json": "V"}}, "", http.Header{"Accept": {"text/html, application/json;v=1"}}, only("i0", "i1"), ""},
		"type of the body":     {loadbalancer.APIVersion{MediaTypes: map[string]string{"application/json": "v"}}, "", http.Header{"Content-Type": {"application/json; v=2.1"}}, only("i2"), ""},
		"the first that names": {loadbalancer.APIVersion{Header: "X-Version", QueryParameter: "v"}, "http://stock/?v=1", http.Header{"X-Version": {"2.1"}}, only("i2"), ""},
		"default":              {loadbalancer.APIVersion{Header: "X-Version", Default: "2.1"}, "", nil, only("i2"), ""},
		"none, required":       {loadbalancer.APIVersion{Header: "X-Version", Default: "1", Required: true}, "", nil, nil, "the request to stock names no version of its API where api-version says (instances have 1.0.0, 2.1.0)"},
		"none":                 {loadbalancer.APIVersion{Header: "X-Version"}, "", nil, nil, "names no version of its API"},
		"none, with others":    {loadbalancer.APIVersion{Header: "X-Version", Fallback: true}, "", nil, everybody, ""},
		"unknown":              {loadbalancer.APIVersion{Header: "X-Version"}, "", http.Header{"X-Version": {"3"}}, nil, "no instance of stock has the version 3.0.0 of its API (API_VERSION in the metadata; instances have 1.0.0, 2.1.0)"},
		"unknown, with others": {loadbalancer.APIVersion{Header: "X-Version", Fallback: true}, "", http.Header{"X-Version": {"3"}}, everybody, ""},
		"no version at all":    {loadbalancer.APIVersion{Header: "X-Version"}, "", http.Header{"X-Version": {"latest"}}, nil, "the version latest of its API"},
		"a short path":         {loadbalancer.APIVersion{PathSegment: &second}, "http://stock/api", nil, nil, "names no version"},
	} {
		t.Run(name, func(t *testing.T) {
			b := with(t, stock(versioned()...), func(c *loadbalancer.Config) {
				c.Configurations, c.APIVersion = []string{"api-version"}, tc.settings
			})
			r := loadbalancer.Request{Service: "stock", Header: tc.header}
			if tc.url != "" {
				var err error
				r.URL, err = url.Parse(tc.url)
				require.NoError(t, err)
			}
			if tc.fault == "" {
				require.Equal(t, tc.want, seenBy(t, b, r))
				return
			}
			_, err := b.Pick(t.Context(), r)
			require.ErrorIs(t, err, loadbalancer.ErrNoInstance)
			require.ErrorAs(t, err, new(*loadbalancer.VersionError))
			require.ErrorContains(t, err, tc.fault)
		})
	}
}

func TestAnInstanceOfAnotherVersionIsCalledOnlyWhereThatIsAllowed(t *testing.T) {
	for fallback, want := range map[bool]map[string]bool{false: nil, true: only("i0", "i1", "i3")} {
		b := with(t, stock(versioned()...), func(c *loadbalancer.Config) {
			c.Configurations = []string{"api-version"}
			c.APIVersion = loadbalancer.APIVersion{Header: "X-Version", Fallback: fallback}
		})
		r := loadbalancer.Request{Service: "stock", Header: http.Header{"X-Version": {"2.1"}}, Tried: []string{"i2"}}
		if fallback {
			require.Equal(t, want, seenBy(t, b, r))
			continue
		}
		_, err := b.Pick(t.Context(), r)
		require.ErrorIs(t, err, loadbalancer.ErrNoInstance)
	}
}
