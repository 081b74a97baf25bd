package loadbalancer_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestAnInstanceIsToldWhatTheSettingsWantItToKnow(t *testing.T) {
	yes := true
	for name, tc := range map[string]struct {
		service      loadbalancer.Service
		before, want http.Header
	}{
		"nothing": {before: http.Header{"Cookie": {"a=b"}}, want: http.Header{"Cookie": {"a=b"}}},
		"which one it is": {service: loadbalancer.Service{Sticky: loadbalancer.Sticky{AddCookie: &yes}},
			want: http.Header{"Cookie": {"sc-lb-instance-id=i0"}}},
		"which one it is now, beside other cookies": {service: loadbalancer.Service{Sticky: loadbalancer.Sticky{AddCookie: &yes, Cookie: "node"}},
			before: http.Header{"Cookie": {"a=b; node=gone", "c=d"}}, want: http.Header{"Cookie": {"a=b; c=d; node=i0"}}},
		"how it was called": {service: loadbalancer.Service{XForwarded: loadbalancer.XForwarded{Enabled: &yes}},
			want: http.Header{"X-Forwarded-Host": {"stock"}, "X-Forwarded-Proto": {"https"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := with(t, stock(of(1)...), func(c *loadbalancer.Config) { c.Clients = map[string]loadbalancer.Service{"stock": tc.service} })
			p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
			require.NoError(t, err)
			header := tc.before.Clone()
			if header == nil {
				header = http.Header{}
			}
			p.Mark(header, &url.URL{Scheme: "https", Host: "stock", Path: "/x"})
			require.Equal(t, tc.want, header)
		})
	}
}
