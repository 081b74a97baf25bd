package invoker

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// mostRedirects is how many redirects one call follows.
const mostRedirects = 10

// follow sends a request and what its answers redirect to. A call by name goes on by name: to the same service where the
// redirect leads to the instance itself, or to the service that it names. A redirect without a Location, or one whose body
// cannot be sent again, is the answer; one whose Location is no URL is a [*RedirectError].
func follow(c Caller, request *http.Request, route string, whole bool) (*http.Response, error) {
	first := request
	for hops := 0; ; hops++ {
		response, err := c.send(request, route, whole)
		if err != nil {
			if hops > 0 {
				err = astray(first, request, err)
			}
			return nil, err
		}
		next, err := redirected(request, response)
		if next == nil && err == nil {
			return response, nil
		}
		discard(response)
		if err != nil {
			to := shownTemplate(response.Header.Get("Location"))
			return nil, &CallError{Method: methodOf(first), URL: shown(first.URL), Cause: &RedirectError{From: shown(request.URL), To: to, Err: err}}
		}
		if hops == mostRedirects {
			return nil, &CallError{Method: methodOf(first), URL: shown(first.URL), Cause: fmt.Errorf("more than %d redirects", mostRedirects)}
		}
		request, route = next, ""
	}
}

// astray says that it was a redirect that led to where nobody could be called.
func astray(first, request *http.Request, err error) error {
	var failed *CallError
	var unusable *RequestError
	switch {
	case errors.As(err, &unusable):
		err = unusable.Err // in words of its own, or it would be said twice where it happened
	case errors.As(err, &failed) && len(failed.Attempts) == 0:
		err = failed.Cause
	default:
		return err
	}
	return &CallError{Method: methodOf(first), URL: shown(first.URL), Cause: &RedirectError{From: shown(first.URL), To: shown(request.URL), Err: err}}
}

// redirected returns the request that an answer asks for, nil when it asks for none, by the rules of browsers: 303, and 301 and
// 302 to a POST, ask for a GET.
func redirected(request *http.Request, response *http.Response) (*http.Request, error) {
	method, body := methodOf(request), request.GetBody
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if method != http.MethodHead && (response.StatusCode == http.StatusSeeOther || method == http.MethodPost) {
			method = http.MethodGet
		}
		if method == http.MethodGet || method == http.MethodHead {
			body = nil
			break
		}
		fallthrough
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if body == nil && request.Body != nil && request.Body != http.NoBody {
			return nil, nil
		}
	default:
		return nil, nil
	}
	location := response.Header.Get("Location")
	if location == "" || response.Request == nil {
		return nil, nil
	}
	target, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("the Location of status %d is no URL: %w", response.StatusCode, reasonOf(err))
	}
	target.RawQuery = sendable(target.RawQuery)
	at := response.Request.URL // at the instance
	target = at.ResolveReference(target)
	elsewhere := originOf(target) != originOf(at)
	if byName := request.URL.Host != at.Host; byName && target.Host == at.Host {
		elsewhere = false // an instance that another ends TLS for may not know its own scheme
	}
	if !elsewhere {
		target.Scheme, target.Host = request.URL.Scheme, request.URL.Host
	}
	next := request.Clone(request.Context())
	next.Method, next.URL, next.Host = method, target, ""
	next.Body, next.GetBody, next.ContentLength = http.NoBody, nil, 0
	if body != nil {
		if next.Body, err = body(); err != nil {
			return nil, nil
		}
		next.GetBody, next.ContentLength = body, request.ContentLength
	} else {
		next.Header.Del("Content-Type")
	}
	if elsewhere && !upgrades(at, target) { // whoever is there is not whom they were meant for
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
	}
	return next, nil
}

// reasonOf is what url.Parse found, without the URL, which may hold secrets.
func reasonOf(err error) error {
	var parsing *url.Error
	if errors.As(err, &parsing) {
		return parsing.Err
	}
	return err
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// originOf is scheme, host and port of a URL, whether it names the port or not.
func originOf(u *url.URL) [3]string {
	return [3]string{u.Scheme, strings.ToLower(u.Hostname()), cmp.Or(u.Port(), defaultPorts[u.Scheme])}
}

// upgrades reports whether a redirect leads from plain HTTP to HTTPS on the same host: who is there is the same, and safer to talk to.
func upgrades(from, to *url.URL) bool {
	a, b := originOf(from), originOf(to)
	return a == [3]string{"http", a[1], "80"} && b == [3]string{"https", a[1], "443"}
}
