package invoker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

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
	if len(e.Attempts) == 0 {
		return fmt.Sprintf("%s request for %q: %v", e.Method, e.URL, e.Cause)
	}
	var tried []string
	for _, a := range e.Attempts {
		name := a.Instance
		if name == "" {
			name = a.URL
		} else {
			name += " (" + a.URL + ")"
		}
		tried = append(tried, fmt.Sprintf("%s: %v", name, a.Cause))
	}
	attempts := "attempts"
	if len(tried) == 1 {
		attempts = "attempt"
	}
	text := fmt.Sprintf("I/O error on %s request for %q after %d %s: %s", e.Method, e.URL, len(tried), attempts, strings.Join(tried, "; "))
	if last := e.Attempts[len(e.Attempts)-1].Cause; !errors.Is(last, e.Cause) {
		text += "; " + e.Cause.Error()
	}
	return text
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
	case len(e.Attempts) == 0 && (errors.Is(e.Cause, discovery.ErrUnknownService) || errors.Is(e.Cause, loadbalancer.ErrNoInstance)):
		return http.StatusServiceUnavailable
	case errors.Is(e.Cause, context.DeadlineExceeded), isTimeout(e.Cause):
		return http.StatusGatewayTimeout
	case errors.As(e.Cause, new(*usageError)):
		return http.StatusInternalServerError
	}
	return http.StatusBadGateway
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// StatusError is an answer of 4xx or 5xx (Spring: HttpClientErrorException, HttpServerErrorException).
type StatusError struct {
	Method string
	URL    string // as called, without credentials and query
	Code   int
	Header http.Header
	Body   []byte
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
	return fmt.Sprintf("%d %s on %s request for %q: %s", e.Code, http.StatusText(e.Code), e.Method, e.URL, body)
}

// StatusCode is what the error means to the caller of a program that could not answer because of it.
func (e *StatusError) StatusCode() int { return http.StatusBadGateway }

// NotFound reports a 404.
func (e *StatusError) NotFound() bool { return e.Code == http.StatusNotFound }

// ClientError reports a 4xx.
func (e *StatusError) ClientError() bool { return e.Code/100 == 4 }

// ServerError reports a 5xx.
func (e *StatusError) ServerError() bool { return e.Code/100 == 5 }

// usageError is a call that cannot be made the way it is written.
type usageError struct{ text string }

func (e *usageError) Error() string { return "invoker: " + e.text }

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

// ConversionError is an answer that is not what was asked for.
type ConversionError struct {
	Method, URL string
	Target      string // Go type
	ContentType string
	Err         error
	Body        []byte // its beginning
}

// Error names type, content type and the beginning of the body.
func (e *ConversionError) Error() string {
	return fmt.Sprintf("invoker: the answer to %s %s (%s) is no %s: %v; it begins with %.80q", e.Method, e.URL, e.ContentType, e.Target, e.Err, e.Body)
}

// Unwrap returns what the decoder said.
func (e *ConversionError) Unwrap() error { return e.Err }
