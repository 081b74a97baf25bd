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
