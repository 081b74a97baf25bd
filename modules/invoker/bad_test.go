package invoker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// faulty answers as its path says.
func faulty(w http.ResponseWriter, r *http.Request) {
	answer := func(contentType, body string) {
		w.Header().Set("Content-Type", contentType)
		fmt.Fprint(w, body)
	}
	switch r.URL.Path {
	case "/html":
		answer("text/html", "<html>login</html>")
	case "/truncated":
		answer("application/json", `{"sku":"a","left":`)
	case "/type":
		answer("application/json", `{"items":[{"sku":"a","left":"many"}]}`)
	case "/xml":
		answer("application/xml", `<item><sku>a</item>`)
	case "/short":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"sku":"a"}`)
	case "/away":
		http.Redirect(w, r, "http://elsewhere.example/x?token=secret", http.StatusFound)
	case "/address":
		http.Redirect(w, r, "http://192.0.2.1/x", http.StatusFound)
	case "/large":
		fmt.Fprint(w, strings.Repeat("x", 2000))
	case "/404":
		http.Error(w, strings.Repeat("no such article ", 20), http.StatusNotFound)
	}
}

func TestBadInputIsATypedErrorInWordsThatSayWhatToDo(t *testing.T) {
	n := startNode(t, faulty)
	b, err := loadbalancer.New(loadbalancer.DefaultConfig(), discovery.Static{
		"stock": discovery.NewSet(n.instance("stock-1")),
		"down":  discovery.NewSet(discovery.Instance{ID: "down-1", Address: "127.0.0.1:1", Status: discovery.Down}),
		"empty": discovery.NewSet(),
		"dead":  discovery.NewSet(dead(t, "dead-1"), dead(t, "dead-2")),
	})
	require.NoError(t, err)
	c := invoker.New(invoker.DefaultConfig(), b)
	defer c.CloseIdleConnections()

	type items struct {
		Items []Stock `json:"items"`
	}
	get := func(template string, vars ...any) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := invoker.GetForObject[Stock](ctx, c, template, vars...)
			return err
		}
	}
	post := func(body any) func(context.Context) error {
		return func(ctx context.Context) error {
			return invoker.Put(ctx, c, "http://stock/{id}?token=secret", body, 7)
		}
	}
	var (
		call       *invoker.CallError
		request    *invoker.RequestError
		conversion *invoker.ConversionError
		answer     *invoker.StatusError
		redirect   *invoker.RedirectError
	)
	for name, tc := range map[string]struct {
		do   func(context.Context) error
		as   any // type of the error
		is   error
		want []string
	}{
		"unknown service":  {get("http://stok/{id}?token=secret", 7), &call, discovery.ErrUnknownService, []string{`GET request for "http://stok/7"`, "known: dead, down, empty, stock"}},
		"unknown host":     {get("http://api.example.com/x"), &call, discovery.ErrUnknownService, []string{"api.example.com", "invoker.Plain"}},
		"no instance":      {get("http://empty/"), &call, loadbalancer.ErrNoInstance, []string{"no instances available for empty"}},
		"none that is UP":  {get("http://down/"), &call, loadbalancer.ErrNoInstance, []string{"no instances available for down: 1 registered, 0 of them UP"}},
		"none that lives":  {get("http://dead/x?token=secret"), &call, nil, []string{`I/O error on GET request for "http://dead/x" after 2 attempts: dead-`, "dead-1", "dead-2", "refused"}},
		"open brace":       {get("http://stock/{id", 7), &request, nil, []string{`GET request for "http://stock/{id" cannot be sent`, "brace that is not closed"}},
		"missing variable": {get("http://stock/{id}/{part}", 7), &request, nil, []string{`"http://stock/{id}/{part}"`, `more variables than the 1 given; "part" has none`}},
		"missing name":     {get("http://stock/{id}?token=secret", invoker.Vars{"sku": 7}), &request, nil, []string{`"http://stock/{id}"`, `variable "id" that is not given`}},
		"nil variable":     {get("http://stock/{id}", nil), &request, nil, []string{`the variable "id" is nil`}},
		"nil pointer":      {get("http://stock/{id}", invoker.Vars{"id": (*string)(nil)}), &request, nil, []string{`the variable "id" is nil`}},
		"nil URL":          {get("http://stock/{id}", (*url.URL)(nil)), &request, nil, []string{`the variable "id" is nil`}},
		"nil context": {func(context.Context) error {
			var none context.Context
			return invoker.Delete(none, c, "http://stock/{id}", 7)
		}, &request, nil, []string{"a call needs a context, which is nil"}},
		"too many":         {get("http://stock/{id}", 7, 8), &request, nil, []string{"2 variables for a template that has 1"}},
		"no scheme":        {get("stock/7"), &request, nil, []string{`GET request for "stock/7" cannot be sent`, "no scheme that a service is called by: http, https or lb"}},
		"no URL":           {get("http://stock:port/"), &request, nil, []string{"does not make a URL"}},
		"user info":        {get("http://ada:secret@stock/x"), &request, nil, []string{`"http://stock/x"`, "must not hold credentials; set the Authorization header"}},
		"user info, badly": {get("http://ada:sec ret@stock:x/{id}", 7), &request, nil, []string{`"http://stock:x/{id}"`, "does not make a URL"}},
		"an address":       {get("http://192.0.2.1:8080/x"), &request, nil, []string{`"192.0.2.1" is an address, not a service name; call it with invoker.Plain`}},
		"no strategy": {func(ctx context.Context) error {
			_, err := invoker.GetForObject[Stock](ctx, c.With(invoker.Strategy("nearest")), "http://stock/")
			return err
		}, &call, nil, []string{"nearest", "random, round-robin"}},
		"unencodable":  {post(map[string]any{"a": make(chan int)}), &request, nil, []string{`PUT request for "http://stock/{id}" cannot be sent: a body of type map[string]interface {} cannot be written as application/json`, "chan int"}},
		"no converter": {post(invoker.Request{Header: http.Header{"Content-Type": {"application/x-protobuf"}}, Body: Stock{}}), &request, nil, []string{`no converter for a body of type invoker_test.Stock and content type "application/x-protobuf"`}},
		"header value": {post(invoker.Request{Header: http.Header{"X-Tenant": {"blue\r\nX-Role: admin"}}}), &request, nil, []string{`"http://stock/7"`, "the value of the header X-Tenant holds a line break"}},
		"header name":  {post(invoker.Request{Header: http.Header{"X-Tenant: blue\r\nX": {"1"}}}), &request, nil, []string{"is no name of a header"}},
		"default header": {func(ctx context.Context) error {
			return invoker.Delete(ctx, c.With(invoker.Header("X-A", "1\n2")), "http://stock/")
		}, &request, nil, []string{"the value of the header X-A"}},
		"method": {func(ctx context.Context) error {
			return c.Method("GET /x HTTP/1.1\r\nX: y", "http://stock/").Into(ctx, new(string))
		}, &request, nil, []string{"no method"}},
		"content type":   {get("http://stock/html?token=secret"), &conversion, nil, []string{`could not extract the response of GET request for "http://stock/html" (status 200 from stock-1) for response type [invoker_test.Stock] and content type [text/html]`, "no suitable converter", `"<html>login</html>"`}},
		"truncated JSON": {get("http://stock/truncated"), &conversion, nil, []string{"unexpected end of JSON input", `{\"sku\":\"a\",\"left\":`}},
		"wrong type": {func(ctx context.Context) error {
			_, err := invoker.GetForObject[items](ctx, c, "http://stock/type")
			return err
		}, &conversion, nil, []string{"cannot unmarshal string", "items.left of type int"}},
		"broken XML": {func(ctx context.Context) error {
			_, err := invoker.GetForObject[item](ctx, c, "http://stock/xml")
			return err
		}, &conversion, nil, []string{"content type [application/xml]", "XML syntax error"}},
		"broken off":         {get("http://stock/short"), &call, io.ErrUnexpectedEOF, []string{`I/O error on GET request for "http://stock/short" after `, "stock-1 (http://127.0.0.1:", "/short): unexpected EOF"}},
		"redirect":           {get("http://stock/away"), &redirect, discovery.ErrUnknownService, []string{`GET request for "http://stock/away": the redirect from "http://stock/away" to "http://elsewhere.example/x" is not followed`, "invoker.Plain"}},
		"redirect elsewhere": {get("http://stock/address"), &redirect, nil, []string{`to "http://192.0.2.1/x" is not followed`, "is an address"}},
		"too large": {func(ctx context.Context) error {
			_, err := invoker.GetForObject[string](ctx, c.With(invoker.MaxResponse(1000)), "http://stock/large")
			return err
		}, &call, nil, []string{"larger than 1000 bytes (spring.http.clients.max-response-size)"}},
		"status":          {get("http://stock/404?token=secret"), &answer, invoker.Status(404), []string{`404 Not Found on GET request for "http://stock/404": "no such article no such`, "(truncated, 321 bytes)"}},
		"nothing to fill": {func(ctx context.Context) error { return c.Get("http://stock/").Into(ctx, nil) }, &request, nil, []string{"there is nothing to fill"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do(t.Context())
			require.Error(t, err)
			require.True(t, errors.As(err, tc.as), "%T %v", err, err)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range []string{"secret", "sec ret", "ada", "\n", "\r"} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
	require.NoError(t, invoker.Delete(t.Context(), c, "http://stock/ok"), "no instance was blamed for what its callers did")
}

func TestAnAnswerAfterFailedAttemptsSaysWhatWasTried(t *testing.T) {
	n := startNode(t, status(http.StatusConflict))
	_, err := invoker.PostForObject[string](t.Context(), rest(t, dead(t, "dead"), n.instance("alive")), "http://stock/", "x")
	var answer *invoker.StatusError
	require.ErrorAs(t, err, &answer)
	require.Equal(t, "alive", answer.Instance)
	require.Len(t, answer.Attempts, 1)
	require.Contains(t, err.Error(), `409 Conflict on POST request for "http://stock/": "status 409" after 1 attempt: dead (http://127.0.0.1:`)
}

func TestPlainNamesWhatItCannotCall(t *testing.T) {
	p := invoker.NewPlain(invoker.DefaultConfig())
	defer p.CloseIdleConnections()
	for template, want := range map[string]string{
		"/x":                            "calls absolute URLs",
		"lb://stock/x":                  "calls absolute URLs",
		"http:///x":                     "calls absolute URLs",
		"http://ada:secret@127.0.0.1:1": `"http://127.0.0.1:1`,
	} {
		_, err := invoker.GetForObject[string](t.Context(), p, template)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}
