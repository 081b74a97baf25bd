package invoker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestRedirectsAreFollowedByName(t *testing.T) {
	node := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			fmt.Fprintf(w, "%q %s", r.Header.Get("Authorization"), r.Header.Get("Content-Type"))
			return
		}
		code, to := http.StatusFound, r.URL.Query().Get("to")
		fmt.Sscan(r.URL.Query().Get("code"), &code)
		if to = strings.ReplaceAll(to, "self", "http://"+r.Host+"/end"); to != "" {
			w.Header().Set("Location", to)
		}
		w.WriteHeader(code)
	})
	c := rest(t, node.instance("a"))
	ask := func(method, query string, body any) (string, error) {
		with := invoker.Request{Header: http.Header{"Authorization": {"Bearer x"}}, Body: body}
		answer, err := invoker.DoService[string](t.Context(), c, "stock", "/start?"+query, invoker.Method(method), invoker.Body(with))
		reached := node.requests()
		return reached[len(reached)-1] + " " + answer, err
	}
	for _, one := range []struct{ method, query, want string }{
		{"GET", "to=/end", `GET /end "Bearer x" `},
		{"GET", "to=self", `GET /end "Bearer x" `},
		{"GET", "to=end&code=308", `GET /end "Bearer x" `},
		{"GET", "to=http%3A%2F%2Fstock%2Fend", `GET /end "" `},
		{"POST", "to=/end", `GET /end "Bearer x" `},
		{"POST", "to=/end&code=303", `GET /end "Bearer x" `},
		{"POST", "to=/end&code=307", `POST /end body "Bearer x" text/plain;charset=UTF-8`},
		{"PUT", "to=/end&code=301", `PUT /end body "Bearer x" text/plain;charset=UTF-8`},
		{"GET", "to=/end%3Fq%3Da+b", `GET /end?q=a%20b "Bearer x" `},
		{"GET", "to=", "GET /start?to= "},
	} {
		var body any
		if one.method != "GET" {
			body = "body"
		}
		got, err := ask(one.method, one.query, body)
		require.NoError(t, err, one)
		require.Equal(t, one.want, got, one)
	}
	_, err := ask("GET", "to=/start%3Fto%3D%2Fstart", nil)
	require.NoError(t, err, "a redirect to a redirect without a place to go is the answer")
	_, err = ask("GET", "to=http%3A%2F%2Felsewhere.example%2F", nil)
	require.ErrorContains(t, err, "invoker.Plain")
}

func TestARedirectToTheInstanceItselfKeepsTheSchemeOfTheCall(t *testing.T) {
	var reached []string
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", SecureAddress: "a:8443"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		reached = append(reached, r.URL.String()+" "+r.Header.Get("Authorization"))
		response := ok(r)
		if r.URL.Path == "/start" {
			response.StatusCode = http.StatusFound
			response.Header.Set("Location", "http://"+r.URL.Host+"/end")
		}
		return response, nil
	})), invoker.WithDefaults(invoker.Header("Authorization", "Bearer x")))
	_, err := invoker.GetForObject[string](t.Context(), c, "https://stock/start")
	require.NoError(t, err)
	require.Equal(t, []string{"https://a:8443/start Bearer x", "https://a:8443/end Bearer x"}, reached)
}

func TestRedirectsWithoutEndAreAnError(t *testing.T) {
	hops := 0
	looping := startNode(t, func(w http.ResponseWriter, _ *http.Request) {
		hops++
		w.Header().Set("Location", "/again")
		w.WriteHeader(http.StatusFound)
	})
	_, err := invoker.DoService[string](t.Context(), rest(t, looping.instance("a")), "stock", "/")
	var failed *invoker.CallError
	require.True(t, errors.As(err, &failed))
	require.ErrorContains(t, err, "more than 10 redirects")
	require.Equal(t, 11, hops)
	require.False(t, strings.Contains(err.Error(), "?"))
}

func TestARedirectToWhatIsNoURLIsAnErrorThatNamesItWithoutItsSecrets(t *testing.T) {
	for location, named := range map[string]string{
		"http://[::1/next?token=secret":           "http://[::1/next",
		"http://user:secret@stock:x/next":         "http://stock:x/next",
		"/%zz?token=secret":                       "/%zz",
		"http://st ock/next?token=secret":         "http://st ock/next",
		"ftp://stock/next?token=secret":           "ftp://stock/next",
		"http://user:secret@stock/next":           "http://stock/next",
		"javascript:alert('secret')//?secret=yes": "javascript://",
	} {
		t.Run(location, func(t *testing.T) {
			c := calling(t, loadbalancer.DefaultConfig(), ab(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
				response := ok(r)
				response.StatusCode = http.StatusFound
				response.Header.Set("Location", location)
				return response, nil
			})))
			_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/first?token=secret")
			var failed *invoker.CallError
			var redirect *invoker.RedirectError
			require.ErrorAs(t, err, &failed)
			require.ErrorAs(t, err, &redirect)
			require.Equal(t, []string{"http://stock/first", named}, []string{redirect.From, redirect.To})
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestARedirectToTheSameHostOverTLSIsFollowedThere(t *testing.T) {
	for _, one := range []struct {
		from, to, reached, authorization string
	}{
		{"http://shop.example/a", "https://shop.example/a", "https://shop.example/a", "Bearer x"},
		{"http://shop.example:80/a", "https://SHOP.example/b", "https://SHOP.example/b", "Bearer x"},
		{"http://shop.example/a", "http://shop.example:80/b", "http://shop.example/b", "Bearer x"},
		{"https://shop.example/a", "http://shop.example/b", "http://shop.example/b", ""},
		{"http://shop.example/a", "https://shop.example:8443/b", "https://shop.example:8443/b", ""},
		{"http://shop.example/a", "https://other.example/b", "https://other.example/b", ""},
	} {
		t.Run(one.from+" to "+one.to, func(t *testing.T) {
			calls := 0
			p := invoker.NewPlain(invoker.DefaultConfig(), invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
				response := ok(r)
				if calls++; calls == 1 {
					response.StatusCode = http.StatusMovedPermanently
					response.Header.Set("Location", one.to)
				} else {
					response.Body, response.ContentLength = io.NopCloser(strings.NewReader(r.URL.String()+" "+r.Header.Get("Authorization"))), -1
				}
				return response, nil
			})))
			var said string
			require.NoError(t, p.Get(one.from).Header("Authorization", "Bearer x").Into(t.Context(), &said))
			require.Equal(t, one.reached+" "+one.authorization, said)
		})
	}
}
