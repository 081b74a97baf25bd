package invoker

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// mostRedirects is how many redirects one call follows.
const mostRedirects = 10

// follow sends a request and what its answers redirect to. A call by name goes on by name: to the same service where the
// redirect leads to the instance itself, or to the service that it names. A redirect without a Location, or one whose body
// cannot be sent again, is the answer.
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
		next, ok := redirected(request, response)
		if !ok {
			return response, nil
		}
		discard(response)
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

// redirected returns the request that an answer asks for, by the rules of browsers: 303, and 301 and 302 to a POST, ask for a
// GET.
func redirected(request *http.Request, response *http.Response) (*http.Request, bool) {
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
			return nil, false
		}
	default:
		return nil, false
	}
	target, err := url.Parse(response.Header.Get("Location"))
	if err != nil || response.Header.Get("Location") == "" || response.Request == nil {
		return nil, false
	}
	at := response.Request.URL // at the instance
	target = at.ResolveReference(target)
	elsewhere := target.Host != at.Host
	if !elsewhere {
		target.Scheme, target.Host = request.URL.Scheme, request.URL.Host
	}
	next := request.Clone(request.Context())
	next.Method, next.URL, next.Host = method, target, ""
	next.Body, next.GetBody, next.ContentLength = http.NoBody, nil, 0
	if body != nil {
		if next.Body, err = body(); err != nil {
			return nil, false
		}
		next.GetBody, next.ContentLength = body, request.ContentLength
	} else {
		next.Header.Del("Content-Type")
	}
	if elsewhere { // whoever is there is not whom they were meant for
		next.Header.Del("Authorization")
		next.Header.Del("Cookie")
	}
	return next, true
}
