package invoker_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/invoker"
)

// mirror answers with what tells clients apart.
func mirror(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/away" {
		http.Redirect(w, r, "/api/there", http.StatusFound)
		return
	}
	fmt.Fprintf(w, "%s%s%s", r.URL.RequestURI(), r.Header["X-Tenant"], r.Header["X-Version"])
}

func TestNamedClientsAreWhatTheSettingsSay(t *testing.T) {
	n := startNode(t, mirror)
	_, port, err := net.SplitHostPort(n.Listener.Addr().String())
	require.NoError(t, err)
	var clients *invoker.Clients
	type wanted struct {
		fx.In

		Inventory *invoker.Client `name:"inventory"`
		Partner   *invoker.Plain  `name:"partner"`
	}
	var named wanted
	started(t, `
spring:
  cloud.discovery.client.simple.instances.stock[0].uri: `+n.URL+`
  http:
    clients.redirects: dont-follow
    serviceclient:
      inventory:
        base-url: http://stock/api
        default-header: {x-tenant: [blue, green]}
        apiversion: {default: "2", insert: {header: X-Version, query-parameter: v}}
        redirects: FOLLOW
        read-timeout: 3s
      partner.base-url: http://127.0.0.1:`+port+`/api
      stock.default-header.X-Tenant: red
`, invoker.ProvideClient("inventory"), invoker.ProvidePlain("partner"), fx.Populate(&clients),
		fx.Invoke(func(in wanted) { named = in }))
	stock, err := clients.Client("stock")
	require.NoError(t, err)
	again, err := clients.Client("stock")
	require.NoError(t, err)
	require.Same(t, stock, again)
	for template, tc := range map[string]struct {
		caller invoker.Caller
		want   string
	}{
		"/items/{id}":             {named.Inventory, "/api/items/7?v=2[blue green][2]"},
		"/items/{id}?v=1":         {named.Inventory, "/api/items/7?v=1[blue green][2]"},
		"/away?x={x}":             {named.Inventory, "/api/there[blue green][2]"},
		"/partner/{id}":           {named.Partner, "/api/partner/7[][]"},
		"/without/{id}":           {stock, "/without/7[red][]"},
		"http://stock/named/{id}": {stock, "/named/7[red][]"},
	} {
		got, err := invoker.GetForObject[string](t.Context(), tc.caller, template, 7)
		require.NoError(t, err, template)
		require.Equal(t, tc.want, got)
	}
	stays, err := invoker.GetForEntity[string](t.Context(), stock, "/api/away")
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, stays.Status)

	_, err = clients.Client("partner")
	require.ErrorContains(t, err, "spring.http.serviceclient.partner.base-url = http://127.0.0.1:"+port+"/api is no service name; ask for Clients.Plain")
	_, err = clients.Plain("nobody")
	require.ErrorContains(t, err, "spring.http.serviceclient.nobody.base-url is not an absolute URL; ask for Clients.Client")
	_, err = clients.Client("nobody")
	require.NoError(t, err, "a name that settings do not mention is a service")
}

func TestTheVersionOfAnAPIGoesWhereTheSettingsSay(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.RequestURI(), " ", r.Header["Content-Type"])
	})
	var clients *invoker.Clients
	started(t, `
spring:
  cloud.discovery.client.simple.instances.stock[0].uri: `+n.URL+`
  http.serviceclient:
    first: {base-url: http://stock, apiversion: {default: v2, insert.path-segment: 0}}
    third: {base-url: http://stock/api, apiversion: {default: v/2, insert: {path-segment: 2}}}
    typed: {base-url: http://stock, apiversion: {default: "2", insert: {media-type-parameter: v}}}
`, fx.Populate(&clients))
	for _, tc := range []struct{ client, template, want string }{
		{"first", "/items/{id}?x=%20", "/v2/items/a%2Fb?x=%20 [application/json]"},
		{"first", "/{id}", "/v2/a%2Fb [application/json]"},
		{"third", "/items/{id}", "/api/items/v%2F2/a%2Fb [application/json]"},
		{"third", "/{id}", "/api/a%2Fb/v%2F2 [application/json]"},
		{"typed", "/{id}", "/a%2Fb [application/json; v=2]"},
	} {
		c, err := clients.Client(tc.client)
		require.NoError(t, err)
		got, err := invoker.PostForObject[string](t.Context(), c, tc.template, map[string]int{"a": 1}, "a/b")
		require.NoError(t, err)
		require.Equal(t, tc.want, got)
	}
	third, err := clients.Client("third")
	require.NoError(t, err)
	_, err = invoker.GetForObject[string](t.Context(), third, "http://stock/")
	var unusable *invoker.RequestError
	require.ErrorAs(t, err, &unusable)
	require.ErrorContains(t, err, `GET request for "http://stock/" cannot be sent: the path has no segment 2 for the version of apiversion.insert.path-segment`)
}

func TestSettingsOfNamedClientsThatCannotWorkAreNamedAllAtOnce(t *testing.T) {
	c := configtest.FromYAML(t, `
spring.http.serviceclient:
  a: {base-url: "stock/api", connect-timeout: 0s, read-timeout: -1s, redirects: never, apiversion.insert.path-segment: -1}
  b: {total-timeout: -1s, default-header: {X-A: "a\nb"}}
`)
	_, err := config.Bind(c, "spring.http.serviceclient", invoker.ServiceClients(nil))
	for _, key := range []string{"a.base-url", "a.connect-timeout", "a.read-timeout", "a.redirects", "a.apiversion.insert.path-segment", "b.total-timeout", "b.default-header"} {
		require.ErrorContains(t, err, "spring.http.serviceclient."+key)
	}
}

func TestTheContainersInterceptorsAndConvertersServeEveryClient(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		fmt.Fprint(w, r.Header["X-Tenant"], ";")
	})
	tenant := func(order int, name string) any {
		return invoker.AsInterceptor(func() invoker.Ordered {
			return invoker.Ordered{Order: order, Func: func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				r.Header.Add("X-Tenant", name)
				return next(r)
			}}
		})
	}
	var clients *invoker.Clients
	c, p, _ := started(t, "spring.cloud.discovery.client.simple.instances.stock[0].uri: "+n.URL,
		fx.Provide(tenant(2, "second"), tenant(1, "first"), invoker.AsConverter(func() invoker.Converter {
			return invoker.Converter{Types: []string{"text/csv"}, Read: func(body []byte, target any) error {
				target.(*Stock).SKU = string(body)
				return nil
			}}
		})), fx.Populate(&clients))
	named, err := clients.Client("stock")
	require.NoError(t, err)
	for url, caller := range map[string]invoker.Caller{"http://stock/": c, n.URL: p, "/": named} {
		got, err := invoker.GetForObject[Stock](t.Context(), caller, url)
		require.NoError(t, err)
		require.Equal(t, "[first second];", got.SKU)
	}
}
