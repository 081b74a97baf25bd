package invoker_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestACallMaySayWhomItWouldRatherReach(t *testing.T) {
	var instances []discovery.Instance
	for i, id := range []string{"a", "b", "c"} {
		n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
			for _, name := range []string{"Cookie", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				w.Header().Set("Seen-"+name, r.Header.Get(name))
			}
			_, _ = w.Write([]byte(id))
		})
		instance := n.instance(id)
		instance.Zone = id
		if i == 1 {
			instance.Metadata = discovery.NewMetadata(map[string]string{"hint": "canary"})
		}
		instances = append(instances, instance)
	}
	yes := true
	cfg := loadbalancer.DefaultConfig()
	cfg.Configurations = []string{"request-based-sticky-session"}
	cfg.Sticky.AddCookie, cfg.XForwarded.Enabled = &yes, &yes
	rest := calling(t, cfg, instances)
	for name, tc := range map[string]struct {
		option invoker.Option
		want   string
	}{
		"a hint":               {invoker.Prefer(loadbalancer.Preference{Hint: "canary"}), "b"},
		"a zone":               {invoker.Prefer(loadbalancer.Preference{Zone: "c"}), "c"},
		"an instance":          {invoker.Prefer(loadbalancer.Preference{Instance: "a"}), "a"},
		"a hint in a header":   {invoker.Header("X-SC-LB-Hint", "canary"), "b"},
		"instance in a cookie": {invoker.Header("Cookie", "sc-lb-instance-id=c"), "c"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				got, err := invoker.GetForEntity[string](t.Context(), rest.With(tc.option), "http://stock/x")
				require.NoError(t, err)
				require.Equal(t, tc.want, got.Body)
				require.Equal(t, "sc-lb-instance-id="+tc.want, got.Header.Get("Seen-Cookie"))
				require.Equal(t, "http stock", got.Header.Get("Seen-X-Forwarded-Proto")+" "+got.Header.Get("Seen-X-Forwarded-Host"))
			}
		})
	}
}

func TestTheVersionOfAnAPIInAURLLeadsToInstancesThatHaveIt(t *testing.T) {
	var instances []discovery.Instance
	for _, version := range []string{"1", "2"} {
		n := startNode(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(version)) })
		instance := n.instance(version)
		instance.Metadata = discovery.NewMetadata(map[string]string{"API_VERSION": version})
		instances = append(instances, instance)
	}
	cfg := loadbalancer.DefaultConfig()
	cfg.Configurations, cfg.APIVersion.QueryParameter = []string{"api-version"}, "v"
	rest := calling(t, cfg, instances)
	for _, version := range []string{"1", "2", "v2.0"} {
		got, err := invoker.GetForObject[string](t.Context(), rest, "http://stock/x?v={v}", version)
		require.NoError(t, err)
		require.Contains(t, version, got)
	}
	_, err := invoker.GetForObject[string](t.Context(), rest, "http://stock/x?v=3&token=secret")
	require.EqualError(t, err, `GET request for "http://stock/x": loadbalancer: no instance of stock has the version 3.0.0 of its API (API_VERSION in the metadata; instances have 1.0.0, 2.0.0)`)
}
