package invoker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// says answers with what it was sent, under the content type of the query.
func says(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.URL.Query().Get("as"))
	w.Header().Set("X-Sent-Type", r.Header.Get("Content-Type"))
	w.Header().Set("X-Accept", r.Header.Get("Accept"))
	w.Header().Set("Location", "/orders/7")
	w.Header().Set("Allow", "POST, GET ,POST")
	fmt.Fprint(w, r.URL.Query().Get("say"))
}

// scripted is a client whose one instance answers with serve, and what it was sent.
func scripted(t testing.TB, serve http.HandlerFunc, options ...invoker.ClientOption) (c *invoker.Client, sent *[]string) {
	sent = &[]string{}
	transport := stub(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
			r.Body.Close()
		}
		*sent = append(*sent, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		w := &recorded{header: http.Header{}, status: 200}
		serve(w, r)
		return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r}, nil
	})
	return calling(t, loadbalancer.DefaultConfig(), ab()[:1], append(options, invoker.WithTransport(transport))...), sent
}

type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorded) Header() http.Header         { return w.header }
func (w *recorded) WriteHeader(status int)      { w.status = status }
func (w *recorded) Write(p []byte) (int, error) { return w.body.Write(p) }

func TestTheRestOfRestTemplate(t *testing.T) {
	c, sent := scripted(t, says)
	ctx := t.Context()
	location, err := invoker.PostForLocation(ctx, c, "http://stock/orders", Stock{"a", 1})
	require.NoError(t, err)
	require.Equal(t, "/orders/7", location)
	patched, err := invoker.PatchForObject[Stock](ctx, c, "http://stock/{id}?as=application/json&say={say}", "new", 1, `{"left":3}`)
	require.NoError(t, err)
	require.Equal(t, Stock{Left: 3}, patched)
	header, err := invoker.HeadForHeaders(ctx, c, "http://stock/{id}", 2)
	require.NoError(t, err)
	require.Equal(t, "/orders/7", header.Get("Location"))
	allowed, err := invoker.OptionsForAllow(ctx, c, "http://stock/")
	require.NoError(t, err)
	require.Equal(t, []string{"GET", "POST"}, allowed)
	length, err := invoker.Execute(ctx, c, http.MethodPut, "http://stock/{id}?say=four", func(r *http.Request) error {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("raw")), 3
		return nil
	}, func(response *http.Response) (int64, error) { return io.Copy(io.Discard, response.Body) }, 3)
	require.NoError(t, err)
	require.Equal(t, int64(4), length)
	require.Equal(t, []string{`POST /orders {"sku":"a","left":1}`, "PATCH /1?as=application/json&say=%7B%22left%22%3A3%7D new", "HEAD /2", "OPTIONS /", "PUT /3?say=four raw"}, *sent)
}

type item struct {
	SKU string `json:"sku" xml:"sku"`
}

func TestBodiesAreConvertedByTheirTypeAndContentType(t *testing.T) {
	c, sent := scripted(t, says)
	for _, tc := range []struct {
		body any
		as   string
		want string
		kind string
	}{
		{"text", "", "text", "text/plain;charset=UTF-8"},
		{"{}", "application/json", "{}", "application/json"},
		{[]byte("raw"), "", "raw", "application/octet-stream"},
		{url.Values{"a": {"b c"}}, "", "a=b+c", "application/x-www-form-urlencoded"},
		{item{"7"}, "", `{"sku":"7"}`, "application/json"},
		{item{"7"}, "application/vnd.shop+json", `{"sku":"7"}`, "application/vnd.shop+json"},
		{item{"7"}, "application/xml", "<item><sku>7</sku></item>", "application/xml"},
		{item{"7"}, "application/atom+xml; charset=utf-8", "<item><sku>7</sku></item>", "application/atom+xml; charset=utf-8"},
		{strings.NewReader("read"), "", "read", "application/octet-stream"},
		{io.MultiReader(strings.NewReader("stream"), strings.NewReader("ed")), "text/csv", "streamed", "text/csv"},
	} {
		*sent = nil
		answer, err := c.Post("http://stock/").ContentType(tc.as).Body(tc.body).Bodiless(t.Context())
		require.NoError(t, err, tc)
		require.Equal(t, []string{"POST / " + tc.want}, *sent)
		require.Equal(t, tc.kind, answer.Header.Get("X-Sent-Type"))
	}
}

func TestAnswersAreConvertedByWhatIsAskedForAndTheirContentType(t *testing.T) {
	c, _ := scripted(t, says)
	for _, tc := range []struct {
		target any // pointer
		as     string
		say    string
		want   any
		accept string
	}{
		{new(string), "application/json", `"x"`, `"x"`, "text/plain, */*"},
		{new([]byte), "image/png", "png", []byte("png"), "application/octet-stream, */*"},
		{new(url.Values), "application/x-www-form-urlencoded", "a=b+c", url.Values{"a": {"b c"}}, "application/x-www-form-urlencoded"},
		{new(item), "application/json;charset=UTF-8", `{"sku":"7"}`, item{"7"}, "application/json, application/*+json, application/xml;q=0.5, text/xml;q=0.5"},
		{new(item), "text/xml", "<item><sku>7</sku></item>", item{"7"}, "application/json, application/*+json, application/xml;q=0.5, text/xml;q=0.5"},
		{new(*item), "Application/Problem+JSON", `{"sku":"7"}`, &item{"7"}, "application/json, application/*+json, application/xml;q=0.5, text/xml;q=0.5"},
		{new(map[string]int), "", `{"a":1}`, map[string]int{"a": 1}, "application/json, application/*+json"},
		{new([]item), "application/json", " ", []item(nil), "application/json, application/*+json"},
		{new(json.RawMessage), "application/json", `[1]`, json.RawMessage("[1]"), "application/json, application/*+json"},
	} {
		var header http.Header
		spy := invoker.Intercept(func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			header = r.Header
			return next(r)
		})
		err := c.Get("http://stock/?as={as}&say={say}", tc.as, tc.say).With(spy).Into(t.Context(), tc.target)
		require.NoError(t, err, tc.as)
		switch got := tc.target.(type) {
		case *string:
			require.Equal(t, tc.want, *got)
		case *[]byte:
			require.Equal(t, tc.want, *got)
		case *url.Values:
			require.Equal(t, tc.want, *got)
		case *item:
			require.Equal(t, tc.want, *got)
		case **item:
			require.Equal(t, tc.want, *got)
		case *map[string]int:
			require.Equal(t, tc.want, *got)
		case *[]item:
			require.Equal(t, tc.want, *got)
		case *json.RawMessage:
			require.Equal(t, tc.want, *got)
		}
		require.Equal(t, tc.accept, header.Get("Accept"))
	}
}

func TestAConverterOfTheUsersOwnWritesAndReadsItsTypes(t *testing.T) {
	upper := invoker.Converter{
		Types: []string{"text/csv"},
		Write: func(v any) ([]byte, error) { return []byte(v.(item).SKU + ";"), nil },
		Read: func(body []byte, target any) error {
			target.(*item).SKU = strings.TrimSuffix(string(body), ";")
			return nil
		},
	}
	named := upper
	named.Types = []string{"application/x-item"}
	named.Writes = func(v any) bool { _, ok := v.(item); return ok }
	named.Reads = func(v any) bool { _, ok := v.(*item); return ok }
	c, sent := scripted(t, says)
	c = c.With(invoker.Converters(upper, named))
	got, err := invoker.EntityOf[item](t.Context(), c.Post("http://stock/?as=text/csv&say={say}", "7;").ContentType("text/csv").Body(item{"8"}))
	require.NoError(t, err)
	require.Equal(t, item{"7"}, got.Body)
	require.Equal(t, "application/x-item, application/json, application/*+json, text/csv, application/xml;q=0.5, text/xml;q=0.5", got.Header.Get("X-Accept"))
	_, err = invoker.PostForObject[item](t.Context(), c, "http://stock/?as=application/x-item&say={say}", item{"9"}, "7;")
	require.NoError(t, err)
	_, err = invoker.PostForObject[item](t.Context(), c, "http://stock/?as=application/json&say={say}", Stock{"10", 1}, `{"sku":"7"}`)
	require.NoError(t, err, "what it does not name goes the usual way")
	require.Equal(t, []string{"POST /?as=text/csv&say=7%3B 8;", "POST /?as=application/x-item&say=7%3B 9;", `POST /?as=application/json&say=%7B%22sku%22%3A%227%22%7D {"sku":"10","left":1}`}, *sent)
}

func TestAMultipartBodyArrivesInItsParts(t *testing.T) {
	var got []string
	var lengths []int64
	n := startNode(t, func(http.ResponseWriter, *http.Request) {})
	n.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		lengths = append(lengths, r.ContentLength)
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		require.NoError(t, err)
		parts := multipart.NewReader(r.Body, params["boundary"])
		for {
			p, err := parts.NextPart()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				return
			}
			body, err := io.ReadAll(p)
			require.NoError(t, err)
			got = append(got, fmt.Sprintf("%s|%s|%s|%s", p.FormName(), p.FileName(), p.Header.Get("Content-Type"), body))
		}
	})
	c := rest(t, dead(t, "dead"), n.instance("i"))
	form := func(file io.Reader) *invoker.Multipart {
		return new(invoker.Multipart).Field("title", "Bill \"1\"\r\n").Field("about", Stock{"a", 1}).File(`na"me`, "scan\r\n.pdf", file).
			Part(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="x"`}, "Content-Type": {"text/csv"}}, "1;2")
	}
	for _, file := range []io.Reader{strings.NewReader("pdf"), io.MultiReader(strings.NewReader("pdf"))} {
		got = nil
		require.NoError(t, invoker.Put(t.Context(), c, "http://stock/", form(file)))
		require.Equal(t, []string{"title|||Bill \"1\"\r\n", `about||application/json|{"sku":"a","left":1}`, "na%22me|scan%0D%0A.pdf|application/octet-stream|pdf", "x||text/csv|1;2"}, got)
	}
	require.Positive(t, lengths[0])
	require.Equal(t, int64(-1), lengths[1], "the length of a stream is not known")
	err := invoker.Put(t.Context(), c, "http://stock/", new(invoker.Multipart).Part(textproto.MIMEHeader{"X-A": {"1\r\nX-B: 2"}}, "x"))
	require.ErrorContains(t, err, "part 1: the value of the header X-A holds a line break")
}

func TestAnAnswerIsStreamedWithoutWaitingForItsEnd(t *testing.T) {
	more := make(chan string)
	n := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
		for line := range more {
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		}
	})
	c := rest(t, n.instance("i"))
	go func() { more <- "one" }()
	body, err := invoker.GetForObject[io.ReadCloser](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	defer body.Close()
	buffer := make([]byte, 16)
	read, err := body.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, "one\n", string(buffer[:read]))
	more <- "two"
	read, err = io.ReadFull(body, buffer[:4])
	require.NoError(t, err)
	require.Equal(t, "two\n", string(buffer[:read]))
	close(more)
}

func TestARequestIsStreamedWhileItIsWritten(t *testing.T) {
	arrived := make(chan string)
	n := startNode(t, status(200))
	n.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 3)
		for {
			read, err := io.ReadFull(r.Body, buffer)
			if err != nil {
				close(arrived)
				return
			}
			arrived <- string(buffer[:read])
		}
	})
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() { done <- invoker.Put(context.Background(), rest(t, n.instance("i")), "http://stock/", reader) }()
	for _, part := range []string{"one", "two"} {
		_, err := writer.Write([]byte(part))
		require.NoError(t, err)
		require.Equal(t, part, <-arrived)
	}
	writer.Close()
	require.NoError(t, <-done)
}

func TestStatusHandlersDecideWhatAnAnswerMeans(t *testing.T) {
	errNone := errors.New("no such article")
	c, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		var code int
		fmt.Sscan(r.URL.Path[1:], &code)
		w.WriteHeader(code)
		fmt.Fprint(w, `{"left":4}`)
	})
	is := func(codes ...int) func(int) bool {
		return func(status int) bool {
			for _, code := range codes {
				if code == status {
					return true
				}
			}
			return false
		}
	}
	c = c.With(
		invoker.OnStatus(is(404, 410), func(*invoker.StatusError) error { return errNone }),
		invoker.OnStatus(is(410), func(e *invoker.StatusError) error { return fmt.Errorf("gone: %s", e.Body) }),
		invoker.OnStatus(is(422), func(*invoker.StatusError) error { return nil }),
	)
	ask := func(status int, options ...invoker.Option) (Stock, error) {
		return invoker.GetForObject[Stock](t.Context(), c.With(options...), "http://stock/{status}", status)
	}
	_, err := ask(404)
	require.ErrorIs(t, err, errNone)
	_, err = ask(410)
	require.EqualError(t, err, `gone: {"left":4}`)
	got, err := ask(422)
	require.NoError(t, err)
	require.Equal(t, Stock{Left: 4}, got, "an answer that is let pass is converted")
	_, err = ask(202, invoker.OnStatus(is(202), func(e *invoker.StatusError) error { return e }))
	require.ErrorContains(t, err, "202 Accepted")
	_, err = ask(409)
	for target, want := range map[error]bool{invoker.Status(409): true, invoker.ClientError: true, invoker.ServerError: false, invoker.Status(404): false, errNone: false} {
		require.Equal(t, want, errors.Is(err, target), target)
	}
	_, err = ask(599)
	require.ErrorIs(t, err, invoker.ServerError)
	require.ErrorContains(t, err, "599 Unknown status")
	err = c.Get("http://stock/409").Exchange(t.Context(), func(r *http.Response) error {
		body, _ := io.ReadAll(r.Body)
		return fmt.Errorf("%d %s", r.StatusCode, body)
	})
	require.EqualError(t, err, `409 {"left":4}`, "Exchange sees every answer")
}

func TestInterceptorsStandAroundACallInOrder(t *testing.T) {
	var order []string
	named := func(name string) invoker.Interceptor {
		return func(r *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
			order = append(order, name)
			r.Header.Set("X-"+name, "1")
			response, err := next(r)
			order = append(order, name+" after")
			return response, err
		}
	}
	attempts := 0
	c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		attempts++
		order = append(order, "send "+r.Header.Get("X-One")+r.Header.Get("X-Two")+r.Header.Get("X-Tenant"))
		if attempts == 1 {
			return nil, errRefused
		}
		return ok(r), nil
	}))).With(invoker.Intercept(named("One")), invoker.Header("X-Tenant", "blue")).With(invoker.Intercept(named("Two")))
	_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
	require.NoError(t, err)
	require.Equal(t, []string{"One", "Two", "send 11blue", "send 11blue", "Two after", "One after"}, order)

	order = nil
	response, err := c.HTTPClient().Get("http://stock/")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, []string{"One", "Two", "send 11blue", "Two after", "One after"}, order)

	body := &stream{Reader: strings.NewReader("x")}
	closed := c.With(invoker.Intercept(func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		return nil, errors.New("not today")
	}))
	require.ErrorContains(t, invoker.Put(t.Context(), closed, "http://stock/", body), "not today")
	require.Equal(t, int32(1), body.closed.Load(), "a body that nobody sent is closed all the same")
	_, err = invoker.GetForObject[string](t.Context(), c.With(invoker.Intercept(func(*http.Request, func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		return nil, nil
	})), "http://stock/")
	require.ErrorContains(t, err, "an interceptor returned neither")
}

func TestDefaultHeadersGiveWayAndTheBaseURLGoesBeforePaths(t *testing.T) {
	c, sent := scripted(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header["X-Tenant"], r.Header["X-Trace"]) })
	c = c.With(invoker.BaseURL("http://stock/api/"), invoker.Header("X-Tenant", "blue"), invoker.Header("x-trace", "1"), invoker.Header("X-Trace", "2"))
	for template, want := range map[string]string{"/items/{id}": "GET /api/items/7", "items/{id}": "GET /api/items/7", "http://stock/other/{id}": "GET /other/7"} {
		*sent = nil
		body, err := invoker.GetForObject[string](t.Context(), c, template, 7)
		require.NoError(t, err)
		require.Equal(t, "[blue] [1 2]", body)
		require.Equal(t, []string{want}, *sent)
	}
	var body string
	require.NoError(t, c.Get("/").Header("x-tenant", "red").Into(t.Context(), &body))
	require.Equal(t, "[red] [1 2]", body)
}

func TestRedirectsAreAnswersWhenTheyAreNotFollowed(t *testing.T) {
	c, sent := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/b")
		w.WriteHeader(http.StatusFound)
	})
	entity, err := invoker.GetForEntity[string](t.Context(), c.With(invoker.NoRedirects()), "http://stock/a")
	require.NoError(t, err)
	require.Equal(t, []any{302, "/b", 1}, []any{entity.Status, entity.Header.Get("Location"), len(*sent)})
}

func TestAnAnswerAboveItsLimitIsAnError(t *testing.T) {
	c, _ := scripted(t, says)
	_, err := invoker.GetForObject[string](t.Context(), c.With(invoker.MaxResponse(3)), "http://stock/?say=four")
	require.ErrorContains(t, err, "larger than 3 bytes (spring.http.clients.max-response-size)")
	body, err := invoker.GetForObject[io.ReadCloser](t.Context(), c.With(invoker.MaxResponse(3)), "http://stock/?say=four")
	require.NoError(t, err, "a stream has none")
	body.Close()
}

func TestTheTotalTimeoutBoundsConvertedCallsToTheirEndAndStreamsToTheirHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := invoker.DefaultConfig()
		cfg.TotalTimeout = 5 * time.Second
		wait := time.Duration(0)
		p := invoker.NewPlain(cfg, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			response := ok(r)
			response.Body, response.ContentLength = io.NopCloser(slow{r.Context()}), -1
			return response, nil
		})))
		_, err := invoker.GetForObject[string](t.Context(), p, "http://stock/")
		require.ErrorContains(t, err, "total-timeout", "the body takes 8 s")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		body, err := invoker.GetForObject[io.ReadCloser](t.Context(), p, "http://stock/")
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.Equal(t, "late", string(text))
		require.NoError(t, body.Close())
		wait = 6 * time.Second
		_, err = invoker.GetForObject[io.ReadCloser](t.Context(), p, "http://stock/")
		require.ErrorContains(t, err, "total-timeout")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var failed *invoker.CallError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, http.StatusGatewayTimeout, failed.StatusCode())
	})
}

// slow is a body that takes 8 s.
type slow struct{ ctx context.Context }

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(8 * time.Second):
		return copy(p, "late"), io.EOF
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestATextIsReadInTheCharacterSetThatItSays(t *testing.T) {
	for contentType, want := range map[string]string{
		"text/plain; charset=ISO-8859-1": "Ã¤ ö",
		"text/html;charset=latin1":       "Ã¤ ö",
		"text/plain; charset=utf-8":      "ä \xf6",
		"text/plain":                     "ä \xf6",
	} {
		n := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte("\xc3\xa4 \xf6"))
		})
		got, err := invoker.GetForObject[string](t.Context(), rest(t, n.instance("i")), "http://stock/")
		require.NoError(t, err)
		require.Equal(t, want, got, contentType)
	}
}
