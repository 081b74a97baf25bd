package invoker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// Attempt is one try at one instance.
type Attempt struct {
	Instance string // id; "" when there was no instance to try
	URL      string // without credentials and query
	Cause    error
}

// CallError is a call that got no answer: every attempt with its cause (Spring: ResourceAccessException, or
// IllegalStateException without an instance).
type CallError struct {
	Method   string
	URL      string // as called, without credentials and query
	Attempts []Attempt
	Cause    error // why it ended
}

// Error lists every attempt.
func (e *CallError) Error() string {
	var unusable *RequestError
	if errors.As(e.Cause, &unusable) {
		return unusable.Error()
	}
	if len(e.Attempts) == 0 {
		return fmt.Sprintf("%s request for %q: %v", e.Method, e.URL, e.Cause)
	}
	text := fmt.Sprintf("I/O error on %s request for %q%s", e.Method, e.URL, listed(e.Attempts))
	if last := e.Attempts[len(e.Attempts)-1].Cause; !errors.Is(last, e.Cause) {
		text += "; " + e.Cause.Error()
	}
	return text
}

// listed says what was tried.
func listed(attempts []Attempt) string {
	var tried []string
	for _, a := range attempts {
		name := a.Instance
		if name == "" {
			name = a.URL
		} else {
			name += " (" + a.URL + ")"
		}
		tried = append(tried, fmt.Sprintf("%s: %v", name, a.Cause))
	}
	word := "attempts"
	if len(tried) == 1 {
		word = "attempt"
	}
	return fmt.Sprintf(" after %d %s: %s", len(tried), word, strings.Join(tried, "; "))
}

// Unwrap returns why the call ended, and the causes of its attempts.
func (e *CallError) Unwrap() []error {
	causes := []error{e.Cause}
	for _, a := range e.Attempts {
		causes = append(causes, a.Cause)
	}
	return causes
}

// StatusCode is what the error means to the caller of a program that could not answer because of it: 503 when there is
// nobody to call, 504 when the time ran out, else 502.
func (e *CallError) StatusCode() int {
	switch {
	case len(e.Attempts) == 0 && (errors.Is(e.Cause, discovery.ErrUnknownService) || errors.Is(e.Cause, loadbalancer.ErrNoInstance)),
		errors.As(e.Cause, new(*loadbalancer.BulkheadError)):
		return http.StatusServiceUnavailable
	case errors.Is(e.Cause, context.DeadlineExceeded), isTimeout(e.Cause):
		return http.StatusGatewayTimeout
	case errors.As(e.Cause, new(*RequestError)):
		return http.StatusInternalServerError
	}
	return http.StatusBadGateway
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// StatusError is an answer of 4xx or 5xx (Spring: HttpClientErrorException, HttpServerErrorException,
// UnknownHttpStatusCodeException). [errors.Is] knows it by a [Status], by [ClientError] and by [ServerError].
type StatusError struct {
	Method   string
	URL      string // as called, without credentials and query
	Code     int
	Header   http.Header
	Body     []byte
	Instance string    // id of the instance that answered; "" for Plain
	Attempts []Attempt // those that failed before; the last may be this answer itself
}

// Error is like RestTemplate's: 404 Not Found on GET request for "http://stock/x": "body".
func (e *StatusError) Error() string {
	body := "[no body]"
	if len(e.Body) > 0 {
		const limit = 200
		if len(e.Body) > limit {
			body = fmt.Sprintf("%q (truncated, %d bytes)", e.Body[:limit], len(e.Body))
		} else {
			body = fmt.Sprintf("%q", e.Body)
		}
	}
	text := cmp.Or(http.StatusText(e.Code), "Unknown status")
	text = fmt.Sprintf("%d %s on %s request for %q: %s", e.Code, text, e.Method, e.URL, body)
	if len(e.Attempts) > 1 || len(e.Attempts) == 1 && e.Attempts[0].Instance != e.Instance {
		text += listed(e.Attempts)
	}
	return text
}

// StatusCode is what the error means to the caller of a program that could not answer because of it.
func (e *StatusError) StatusCode() int { return http.StatusBadGateway }

// Is makes errors.Is(err, invoker.Status(http.StatusConflict)) true for a 409.
func (e *StatusError) Is(target error) bool {
	switch s, ok := target.(Status); {
	case !ok:
		return false
	case s == ClientError:
		return e.ClientError()
	case s == ServerError:
		return e.ServerError()
	default:
		return e.Code == int(s)
	}
}

// NotFound reports a 404.
func (e *StatusError) NotFound() bool { return e.Code == http.StatusNotFound }

// ClientError reports a 4xx.
func (e *StatusError) ClientError() bool { return e.Code/100 == 4 }

// ServerError reports a 5xx.
func (e *StatusError) ServerError() bool { return e.Code/100 == 5 }

// Status is an answer's status, to ask [errors.Is] about.
type Status int

// Every 4xx and every 5xx.
const (
	ClientError Status = 4
	ServerError Status = 5
)

// Error says which.
func (s Status) Error() string {
	if s == ClientError || s == ServerError {
		return fmt.Sprintf("status %dxx", int(s))
	}
	return fmt.Sprintf("status %d %s", int(s), http.StatusText(int(s)))
}

// RequestError is a call that cannot be made the way it is written: a template without its variable, a body that no converter
// writes, a header that is none (Spring: IllegalArgumentException, RestClientException). Nothing was sent.
type RequestError struct {
	Method string
	URL    string // or its template, without credentials and query
	Err    error
}

// Error names the call and what is wrong with it.
func (e *RequestError) Error() string {
	method := e.Method
	if !httpguts.ValidHeaderFieldName(method) {
		method = strconv.Quote(method) // it may hold line breaks
	}
	return fmt.Sprintf("%s request for %q cannot be sent: %v", method, e.URL, e.Err)
}

// Unwrap returns what is wrong.
func (e *RequestError) Unwrap() error { return e.Err }

// StatusCode is what the error means to the caller of a program that could not answer because of it.
func (e *RequestError) StatusCode() int { return http.StatusInternalServerError }

// RedirectError is a redirect that leads where the client does not go, such as from a service to a host outside discovery.
type RedirectError struct {
	From, To string // without credentials and query
	Err      error
}

// Error names both ends.
func (e *RedirectError) Error() string {
	return fmt.Sprintf("the redirect from %q to %q is not followed: %v", e.From, e.To, e.Err)
}

// Unwrap returns why it is not followed.
func (e *RedirectError) Unwrap() error { return e.Err }

// badAnswer is an answer of an instance that counts as a failed attempt.
type badAnswer struct{ status int }

func (e *badAnswer) Error() string {
	return fmt.Sprintf("status %d %s", e.status, http.StatusText(e.status))
}

// refusedError is a failure after which the call would have gone on, had the budget of retries allowed it.
type refusedError struct{ error }

func (e *refusedError) Error() string {
	return e.error.Error() + " (not tried elsewhere: the service's budget of retries is used up)"
}
func (e *refusedError) Unwrap() error { return e.error }

// ConversionError is an answer that is not what was asked for (Spring: UnknownContentTypeException, RestClientException).
type ConversionError struct {
	Method, URL string
	Status      int
	Instance    string // id of the instance that answered; "" for Plain
	Target      string // Go type
	ContentType string
	Err         error
	Body        []byte // its beginning
}

// Error names type, content type and the beginning of the body.
func (e *ConversionError) Error() string {
	text := fmt.Sprintf("could not extract the response of %s request for %q (status %d", e.Method, e.URL, e.Status)
	if e.Instance != "" {
		text += " from " + e.Instance
	}
	return fmt.Sprintf("%s) for response type [%s] and content type [%s]: %v; it begins with %.80q", text, e.Target, e.ContentType, e.Err, e.Body)
}

// Unwrap returns what the converter said.
func (e *ConversionError) Unwrap() error { return e.Err }
