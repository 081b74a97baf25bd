package invoker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Entity is an answer with its status and headers (Spring: ResponseEntity).
type Entity[T any] struct {
	Status   int
	Header   http.Header
	Body     T
	Instance string // id of the instance that answered; "" for Plain
}

// Request is a body with headers of its own (Spring: HttpEntity), for the functions that take a body.
type Request struct {
	Header http.Header
	Body   any
}

// GetForObject gets a T. A 4xx or 5xx is a [*StatusError].
func GetForObject[T any](ctx context.Context, c Caller, template string, vars ...any) (T, error) {
	e, err := Exchange[T](ctx, c, http.MethodGet, template, nil, vars...)
	return e.Body, err
}

// GetForEntity gets a T with status and headers.
func GetForEntity[T any](ctx context.Context, c Caller, template string, vars ...any) (Entity[T], error) {
	return Exchange[T](ctx, c, http.MethodGet, template, nil, vars...)
}

// PostForObject posts a body and returns a T.
func PostForObject[T any](ctx context.Context, c Caller, template string, body any, vars ...any) (T, error) {
	e, err := Exchange[T](ctx, c, http.MethodPost, template, body, vars...)
	return e.Body, err
}

// PostForEntity posts a body and returns a T with status and headers.
func PostForEntity[T any](ctx context.Context, c Caller, template string, body any, vars ...any) (Entity[T], error) {
	return Exchange[T](ctx, c, http.MethodPost, template, body, vars...)
}

// Put puts a body.
func Put(ctx context.Context, c Caller, template string, body any, vars ...any) error {
	_, err := Exchange[Nothing](ctx, c, http.MethodPut, template, body, vars...)
	return err
}

// Delete deletes.
func Delete(ctx context.Context, c Caller, template string, vars ...any) error {
	_, err := Exchange[Nothing](ctx, c, http.MethodDelete, template, nil, vars...)
	return err
}

// Exchange sends any method and returns a T with status and headers; body may be a [Request]. Variables are positional, or one
// [Vars]. Up to ten redirects are followed. A 4xx or 5xx is a [*StatusError] beside the entity without a body, no answer a [*CallError], another body than T a
// [*ConversionError].
func Exchange[T any](ctx context.Context, c Caller, method, template string, body any, vars ...any) (Entity[T], error) {
	var none Entity[T]
	expanded, err := expand(template, vars)
	if err != nil {
		return none, err
	}
	return exchange[T](ctx, c, method, expanded, pathOf(template), body)
}

// exchange sends a request for a URL and converts the answer. route names its spans.
func exchange[T any](ctx context.Context, c Caller, method, target, route string, body any) (Entity[T], error) {
	var entity Entity[T]
	request, err := newRequest(ctx, method, target, body)
	if err != nil {
		return entity, err
	}
	setDefault(request.Header, "Accept", accept[T]())
	response, err := follow(c, request, route, !isNothing[T]())
	if err != nil {
		return entity, err
	}
	entity.Status, entity.Header, entity.Instance = response.StatusCode, response.Header, ServedBy(response)
	at := shown(request.URL)
	limit := c.settings().limit
	if isNothing[T]() && response.StatusCode < http.StatusBadRequest {
		drain(response.Body)
		return entity, nil
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(io.LimitReader(response.Body, min(limit, errorBody))) // what came before a broken end still helps
		return entity, &StatusError{Method: method, URL: at, Code: response.StatusCode, Header: response.Header, Body: text}
	}
	entity.Body, err = decode[T](response, method, at, limit)
	if err != nil && !errors.As(err, new(*ConversionError)) {
		err = &CallError{Method: method, URL: at, Attempts: []Attempt{{Instance: entity.Instance, URL: at, Cause: err}}, Cause: err}
	}
	return entity, err
}

func newRequest(ctx context.Context, method, target string, body any) (*http.Request, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("%s %s: this does not make a URL", method, pathOf(target))} // the parser's text would show credentials
	}
	request := (&http.Request{Method: method, URL: u, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if r, ok := body.(Request); ok {
		for name, values := range r.Header {
			request.Header[http.CanonicalHeaderKey(name)] = append([]string{}, values...)
		}
		body = r.Body
	}
	return request, encode(request, body)
}
