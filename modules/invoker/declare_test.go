package invoker_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/modules/invoker"
)

type inventory struct {
	Stock  func(ctx context.Context, sku string) (Stock, error)                                                                     `method:"GET" path:"/stock/{sku}"`
	Find   func(ctx context.Context, words []string, page *int, since time.Time) ([]Stock, error)                                   `method:"GET" path:"/stock?limit=10" query:"q,page,since"`
	Rate   func(ctx context.Context, sku string, id int, stars float64, tenant string, note string) (invoker.Entity[string], error) `method:"PUT" path:"/{sku}/ratings/{id}/{sku}" query:"stars" header:"x-tenant" body:"text/markdown"`
	Add    func(ctx context.Context, s Stock) error                                                                                 `method:"POST" path:"/stock" body:""`
	Watch  func(ctx context.Context) (io.ReadCloser, error)                                                                         `method:"GET" path:"stream"`
	Remove func(context.Context, bool) (invoker.Nothing, error)                                                                     `method:"DELETE" path:"/{all}"`
}

func TestADeclaredClientCallsWhatItsTagsSay(t *testing.T) {
	c, sent := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Told", r.Header.Get("X-Tenant")+"|"+r.Header.Get("Content-Type"))
		switch {
		case r.URL.Path == "/api/stock/missing":
			w.WriteHeader(http.StatusNotFound)
		case r.Method == "GET" && r.URL.RawQuery != "":
			fmt.Fprint(w, `[{"sku":"a"},{"sku":"b"}]`)
		default:
			fmt.Fprint(w, `{"sku":"a","left":1}`)
		}
	})
	stock, err := invoker.Declare[inventory](c, "http://stock/api")
	require.NoError(t, err)
	ctx := t.Context()
	one, err := stock.Stock(ctx, "a/b")
	require.NoError(t, err)
	require.Equal(t, Stock{"a", 1}, one)
	_, err = stock.Stock(ctx, "missing")
	require.ErrorIs(t, err, invoker.Status(404))
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	found, err := stock.Find(ctx, []string{"x y", "z"}, nil, since)
	require.NoError(t, err)
	require.Len(t, found, 2)
	page := 3
	_, err = stock.Find(ctx, nil, &page, since)
	require.NoError(t, err)
	rated, err := stock.Rate(ctx, "s", 7, 4.5, "blue", "*good*")
	require.NoError(t, err)
	require.Equal(t, []any{200, "a", "blue|text/markdown", `{"sku":"a","left":1}`}, []any{rated.Status, rated.Instance, rated.Header.Get("X-Told"), rated.Body})
	require.NoError(t, stock.Add(ctx, Stock{"n", 2}))
	stream, err := stock.Watch(ctx)
	require.NoError(t, err)
	stream.Close()
	_, err = stock.Remove(ctx, true)
	require.NoError(t, err)
	require.Equal(t, []string{
		"GET /api/stock/a%2Fb", "GET /api/stock/missing", "GET /api/stock?limit=10&q=x+y&q=z&since=2026-01-02T03%3A04%3A05Z", "GET /api/stock?limit=10&page=3&since=2026-01-02T03%3A04%3A05Z",
		"PUT /api/s/ratings/7/s?stars=4.5 *good*", `POST /api/stock {"sku":"n","left":2}`, "GET /api/stream", "DELETE /api/true",
	}, *sent)
	_, err = stock.Stock(nil, "x")
	require.ErrorContains(t, err, "the context is nil")
}

func TestEveryMistakeOfADeclaredClientIsNamedAtOnce(t *testing.T) {
	type wrong struct {
		hidden  func(context.Context) error                        `method:"GET" path:"/"`
		Text    string                                             `method:"GET" path:"/"`
		NoTags  func(context.Context) error                        //
		NoCtx   func(string) error                                 `method:"GET" path:"/{a}"`
		Many    func(context.Context, ...string) error             `method:"GET" path:"/" query:"a"`
		Count   func(context.Context, string) error                `method:"GET" path:"/{a}/{b}" body:""`
		Kind    func(context.Context, url.Values) error            `method:"GET" path:"/" query:"q"`
		Path    func(context.Context, []string) error              `method:"GET" path:"/{a}"`
		Brace   func(context.Context) error                        `method:"GET" path:"/{a"`
		Results func(context.Context) string                       `method:"GET" path:"/"`
		Three   func(context.Context) (string, http.Header, error) `method:"GET" path:"/"`
		Typo    func(context.Context) error                        `method:"GET" path:"/" qurey:"a"`
		Method  func(context.Context) error                        `method:"GET /" path:"/"`
		Header  func(context.Context, string) error                `method:"GET" path:"/" header:"X Y"`
		Fine    func(context.Context, string, http.Header) error   `method:"GET" path:"/{a}" body:""`
	}
	_ = wrong{}.hidden
	c, _ := scripted(t, says)
	_, err := invoker.Declare[wrong](c, "stock")
	require.Error(t, err)
	for _, want := range []string{
		`the base URL "stock" is none`, "wrong.hidden: only exported", "wrong.Text: string is no function", `wrong.NoTags: the tag method:"" names no method`, "wrong.NoTags: the tag path is missing",
		"wrong.NoCtx: the first argument must be a context.Context", "wrong.Many: a function with a variable number", "wrong.Count: 1 arguments after the context, but the tags name 3: [a b body]",
		"wrong.Kind: the argument q is a url.Values", "wrong.Path: the argument a is a []string", `wrong.Brace: path:"/{a": the template has a brace that is not closed`, "wrong.Results: the results must be an error, or a value and an error",
		"wrong.Three: the results", `wrong.Typo: the tag "qurey" is none of method, path, query, header, body`, `wrong.Method: the tag method:"GET /" names no method`, `wrong.Header: header:"X Y" is no name of a header`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "wrong.Fine")
	_, err = invoker.Declare[string](c, "http://stock")
	require.ErrorContains(t, err, "a declared client is a struct of functions, string is none")
}

func TestTheContainerProvidesADeclaredClient(t *testing.T) {
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"sku":%q}`, r.Header.Get("X-Tenant")+strings.TrimPrefix(r.URL.Path, "/v1/stock/"))
	})
	var declared *inventory
	started(t, `
spring:
  cloud.discovery.client.simple.instances.stock[0].uri: `+n.URL+`
  http.serviceclient.inventory: {base-url: lb://stock/v1, default-header.X-Tenant: blue}
`, invoker.ProvideDeclared[inventory]("inventory"), fx.Populate(&declared))
	got, err := declared.Stock(t.Context(), "7")
	require.NoError(t, err)
	require.Equal(t, "blue7", got.SKU)
}
