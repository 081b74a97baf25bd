package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func ExampleGetForObject() {
	inventory := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"sku":%q,"left":7}`, strings.TrimPrefix(r.URL.Path, "/stock/"))
	}))
	defer inventory.Close()
	known := discovery.Static{"inventory": discovery.NewSet(discovery.Instance{Address: inventory.Listener.Addr().String()})}
	balancer, _ := loadbalancer.New(loadbalancer.DefaultConfig(), known)
	rest := invoker.New(invoker.DefaultConfig(), balancer)
	defer rest.CloseIdleConnections()

	stock, err := invoker.GetForObject[Stock](context.Background(), rest, "http://inventory/stock/{sku}", "42")
	fmt.Println(stock.SKU, stock.Left, err)
	// Output: 42 7 <nil>
}

// calls returns a client of one service with one instance.
func calls(service string, handler http.HandlerFunc) (*invoker.Client, func()) {
	server := httptest.NewServer(handler)
	known := discovery.Static{service: discovery.NewSet(discovery.Instance{ID: service + "-1", Address: server.Listener.Addr().String()})}
	balancer, _ := loadbalancer.New(loadbalancer.DefaultConfig(), known)
	rest := invoker.New(invoker.DefaultConfig(), balancer)
	return rest, func() { rest.CloseIdleConnections(); server.Close() }
}

func ExampleNew() {
	rest, stop := calls("greeter", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.URL.Query().Get("name")) })
	defer stop()
	greeting, err := invoker.GetForObject[string](context.Background(), rest, "http://greeter/hello?name={name}", invoker.Vars{"name": "Ada & Co"})
	fmt.Println(greeting, err)
	// Output: hello Ada & Co <nil>
}

func ExampleClient_With() {
	rest, stop := calls("orders", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Tenant")) })
	defer stop()
	careful := rest.With(invoker.Strategy(loadbalancer.Stick), invoker.Timeout(time.Second), invoker.Header("X-Tenant", "blue"), invoker.Idempotent())
	tenant, err := invoker.PostForObject[string](context.Background(), careful, "http://orders/orders", map[string]int{"amount": 3})
	fmt.Println(tenant, err)
	// Output: blue <nil>
}

func ExampleClient_HTTPClient() {
	rest, stop := calls("reports", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a,b,c") })
	defer stop()
	library := rest.HTTPClient() // for any library that takes one
	response, err := library.Get("http://reports/today.csv")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body), invoker.ServedBy(response))
	// Output: a,b,c reports-1
}

func ExampleStatusError() {
	rest, stop := calls("stock", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such article", http.StatusNotFound) })
	defer stop()
	_, err := invoker.GetForObject[string](context.Background(), rest, "http://stock/articles/{id}", 7)
	var answer *invoker.StatusError
	fmt.Println(errors.As(err, &answer) && answer.NotFound())
	fmt.Println(err)
	// Output:
	// true
	// 404 Not Found on GET request for "http://stock/articles/7": "no such article\n"
}

func ExampleNewPlain() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "from outside") }))
	defer server.Close()
	plain := invoker.NewPlain(invoker.DefaultConfig())
	defer plain.CloseIdleConnections()
	body, err := invoker.GetForObject[string](context.Background(), plain, server.URL+"/{path}", "x")
	fmt.Println(body, err)
	// Output: from outside <nil>
}

func ExampleClient_Get() {
	rest, stop := calls("inventory", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"sku":"%s of %s","left":7}`, strings.TrimPrefix(r.URL.Path, "/stock/"), r.Header.Get("X-Tenant"))
	})
	defer stop()
	var stock Stock
	err := rest.Get("http://inventory/stock/{sku}", "42").Header("X-Tenant", "blue").Into(context.Background(), &stock)
	fmt.Println(stock.SKU, stock.Left, err)
	// Output: 42 of blue 7 <nil>
}

func ExampleDeclare() {
	rest, stop := calls("inventory", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"sku":%q,"left":7}`, r.URL.RequestURI())
	})
	defer stop()
	type Inventory struct {
		Stock func(ctx context.Context, sku string, size int) (Stock, error) `method:"GET" path:"/stock/{sku}" query:"size"`
	}
	inventory, err := invoker.Declare[Inventory](rest, "http://inventory/api")
	if err != nil {
		fmt.Println(err)
		return
	}
	stock, err := inventory.Stock(context.Background(), "4/2", 39)
	fmt.Println(stock.SKU, err)
	// Output: /api/stock/4%2F2?size=39 <nil>
}

func ExampleOnStatus() {
	rest, stop := calls("stock", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	defer stop()
	errNoStock := errors.New("no such article")
	rest = rest.With(invoker.OnStatus(func(status int) bool { return status == http.StatusNotFound }, func(*invoker.StatusError) error { return errNoStock }))
	_, err := invoker.GetForObject[Stock](context.Background(), rest, "http://stock/articles/{id}", 7)
	fmt.Println(err)
	// Output: no such article
}

func ExampleIntercept() {
	rest, stop := calls("stock", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Authorization")) })
	defer stop()
	rest = rest.With(invoker.Intercept(func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		r.Header.Set("Authorization", "Bearer token")
		return next(r)
	}))
	fmt.Println(invoker.GetForObject[string](context.Background(), rest, "http://stock/"))
	// Output: Bearer token <nil>
}

func ExampleMultipart() {
	rest, stop := calls("archive", func(w http.ResponseWriter, r *http.Request) {
		file, header, _ := r.FormFile("scan")
		text, _ := io.ReadAll(file)
		fmt.Fprint(w, r.FormValue("title"), ", ", header.Filename, ": ", string(text))
	})
	defer stop()
	form := new(invoker.Multipart).Field("title", "Invoice").File("scan", "scan.txt", strings.NewReader("42 EUR"))
	fmt.Println(invoker.PostForObject[string](context.Background(), rest, "http://archive/documents", form))
	// Output: Invoice, scan.txt: 42 EUR <nil>
}

func ExampleConverters() {
	rest, stop := calls("reports", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		fmt.Fprint(w, "a,b,c")
	})
	defer stop()
	csv := invoker.Converter{
		Types: []string{"text/csv"},
		Reads: func(target any) bool { _, ok := target.(*[]string); return ok },
		Read: func(body []byte, target any) error {
			*target.(*[]string) = strings.Split(string(body), ",")
			return nil
		},
	}
	row, err := invoker.GetForObject[[]string](context.Background(), rest.With(invoker.Converters(csv)), "http://reports/today")
	fmt.Println(len(row), err)
	// Output: 3 <nil>
}

func ExampleClients() {
	rest, stop := calls("stock", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path, " for ", r.Header.Get("X-Tenant"))
	})
	defer stop()
	clients, err := invoker.NewClients(invoker.ServiceClients{ // spring.http.serviceclient.inventory
		"inventory": {BaseURL: "http://stock/api", DefaultHeader: map[string][]string{"X-Tenant": {"blue"}}},
	}, rest, invoker.NewPlain(invoker.DefaultConfig()))
	if err != nil {
		fmt.Println(err)
		return
	}
	inventory, _ := clients.Client("inventory")
	fmt.Println(invoker.GetForObject[string](context.Background(), inventory, "/items/{id}", 7))
	// Output: /api/items/7 for blue <nil>
}
