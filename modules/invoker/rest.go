package invoker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// HeadForHeaders asks for headers alone.
func HeadForHeaders(ctx context.Context, c Caller, template string, vars ...any) (http.Header, error) {
	e, err := Exchange[Nothing](ctx, c, http.MethodHead, template, nil, vars...)
	return e.Header, err
}

// OptionsForAllow asks which methods are allowed; they come sorted.
func OptionsForAllow(ctx context.Context, c Caller, template string, vars ...any) ([]string, error) {
	e, err := Exchange[Nothing](ctx, c, http.MethodOptions, template, nil, vars...)
	if err != nil {
		return nil, err
	}
	var methods []string
	for _, line := range e.Header.Values("Allow") {
		for method := range strings.SplitSeq(line, ",") {
			if method = strings.TrimSpace(method); method != "" {
				methods = append(methods, method)
			}
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods), nil
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

// PostForLocation posts a body and returns where the answer says that what it made is; "" when it does not say.
func PostForLocation(ctx context.Context, c Caller, template string, body any, vars ...any) (string, error) {
	e, err := Exchange[Nothing](ctx, c, http.MethodPost, template, body, vars...)
	return e.Header.Get("Location"), err
}

// Put puts a body.
func Put(ctx context.Context, c Caller, template string, body any, vars ...any) error {
	_, err := Exchange[Nothing](ctx, c, http.MethodPut, template, body, vars...)
	return err
}

// PatchForObject patches with a body and returns a T.
func PatchForObject[T any](ctx context.Context, c Caller, template string, body any, vars ...any) (T, error) {
	e, err := Exchange[T](ctx, c, http.MethodPatch, template, body, vars...)
	return e.Body, err
}

// Delete deletes.
func Delete(ctx context.Context, c Caller, template string, vars ...any) error {
	_, err := Exchange[Nothing](ctx, c, http.MethodDelete, template, nil, vars...)
	return err
}

// Exchange sends any method and returns a T with status and headers.
//
// body is nil, a string, []byte, [url.Values], a [*Multipart], an [io.Reader], a [Request] that adds headers, or anything that
// a [Converter] writes: JSON, unless the Content-Type asks for another. T is a string, []byte, [url.Values], [Nothing],
// [io.ReadCloser] for a stream that the caller closes, or anything that a converter reads. Variables are positional, or one
// [Vars].
//
// A 4xx or 5xx is a [*StatusError] beside the entity without a body, no answer a [*CallError], another body than T a
// [*ConversionError], and what cannot be sent as it is written a [*RequestError].
func Exchange[T any](ctx context.Context, c Caller, method, template string, body any, vars ...any) (Entity[T], error) {
	return exchange[T](ctx, c, written{method: method, template: template, vars: vars, body: body})
}

// Execute is for full control: prepare, unless nil, may change the request, such as set its Body; extract makes a T of an answer
// below 400 while its body is still being received. The body is closed afterwards.
func Execute[T any](ctx context.Context, c Caller, method, template string, prepare func(*http.Request) error, extract func(*http.Response) (T, error), vars ...any) (T, error) {
	var value T
	w := written{method: method, template: template, vars: vars, prepare: prepare}
	err := w.execute(ctx, c, func(response *http.Response) (err error) {
		value, err = extract(response)
		return err
	})
	return value, err
}

// exchange sends what is written and converts the answer.
func exchange[T any](ctx context.Context, c Caller, w written) (Entity[T], error) {
	var entity Entity[T]
	var target any = &entity.Body
	if is[*Nothing](target) {
		target = nil
	}
	a, err := w.retrieve(ctx, c, target)
	entity.tell(a)
	return entity, err
}

// written is a request as its caller wrote it.
type written struct {
	method   string
	template string
	vars     []any
	raw      bool // the template is a URL already; its path names no span
	header   http.Header
	query    url.Values // beside that of the template
	body     any
	prepare  func(*http.Request) error
}

// about is an answer without its body.
type about struct {
	status   int
	header   http.Header
	instance string
}

var errNoContext = errors.New("a call needs a context, which is nil")

// request makes the request, and returns the path of the template, which names its spans.
func (w *written) request(ctx context.Context, own *settings, target any) (request *http.Request, route string, err error) {
	template, at := w.template, w.template
	if own.base != "" && !strings.Contains(template, "://") {
		template = strings.TrimSuffix(own.base, "/") + "/" + strings.TrimPrefix(template, "/")
	}
	fault := func(err error) error {
		return &RequestError{Method: w.method, URL: shownTemplate(at), Err: err}
	}
	if ctx == nil {
		return nil, "", fault(errNoContext)
	}
	at = template
	if !w.raw {
		route = pathOf(template)
		if template, err = expand(template, w.vars); err != nil {
			return nil, "", fault(err)
		}
	}
	u, err := parseURL(template)
	if err != nil {
		return nil, "", fault(err)
	}
	if len(w.query) > 0 {
		u.RawQuery = strings.Trim(u.RawQuery+"&"+w.query.Encode(), "&")
	}
	request = (&http.Request{Method: w.method, URL: u, Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	body := w.body
	maps.Copy(request.Header, w.header)
	if r, ok := body.(Request); ok {
		body = r.Body
		for name, values := range r.Header {
			request.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	for name, values := range own.header { // before the body is encoded: a Content-Type chooses its converter
		if len(request.Header[name]) == 0 {
			request.Header[name] = values
		}
	}
	if err = encode(request, body, own.converters); err == nil && w.prepare != nil {
		err = w.prepare(request)
	}
	if err != nil {
		closeBody(request)
		return nil, "", fault(err)
	}
	setDefault(request.Header, "Accept", accept(target, own.converters))
	return request, route, nil
}

// retrieve sends the request and fills target, a pointer; nil when the body does not matter.
func (w *written) retrieve(ctx context.Context, c Caller, target any) (about, error) {
	own := c.settings()
	request, route, err := w.request(ctx, own, target)
	if err != nil {
		return about{}, err
	}
	stream, streams := target.(*io.ReadCloser)
	response, err := deliver(c, request, route, manner{whole: target != nil && !streams, redirects: true, converts: !streams})
	if err != nil {
		return about{}, err
	}
	a := about{response.StatusCode, response.Header, ServedBy(response)}
	if err := w.refused(own, request, response); err != nil {
		return a, err
	}
	switch {
	case target == nil:
		drain(response.Body)
		return a, nil
	case streams:
		*stream = response.Body
		return a, nil
	}
	defer response.Body.Close()
	body, err := readAll(response, own.limit)
	at := shown(request.URL)
	if err != nil {
		if response.Request != nil {
			err = cmp.Or(context.Cause(response.Request.Context()), err)
		}
		return a, &CallError{Method: w.method, URL: at, Attempts: []Attempt{{Instance: a.instance, URL: at, Cause: err}}, Cause: err}
	}
	contentType := response.Header.Get("Content-Type")
	if err := read(body, contentType, target, own.converters); err != nil {
		return a, &ConversionError{
			Method: w.method, URL: at, Status: a.status, Instance: a.instance, Target: strings.TrimPrefix(fmt.Sprintf("%T", target), "*"),
			ContentType: contentType, Err: err, Body: body[:min(len(body), 200)],
		}
	}
	return a, nil
}

// execute sends the request and gives the answer to extract, as a stream.
func (w *written) execute(ctx context.Context, c Caller, extract func(*http.Response) error) error {
	request, route, err := w.request(ctx, c.settings(), nil)
	if err != nil {
		return err
	}
	response, err := deliver(c, request, route, manner{redirects: true})
	if err != nil {
		return err
	}
	if err := w.refused(c.settings(), request, response); err != nil {
		return err
	}
	defer drain(response.Body)
	return extract(response)
}

// refused returns what an answer means that a handler of its status, or the default one of 4xx and 5xx, makes an error.
func (w *written) refused(own *settings, request *http.Request, response *http.Response) error {
	handle := own.handlerOf(response.StatusCode)
	if handle == nil {
		return nil
	}
	answer := statusError(request, response, own.limit)
	_ = response.Body.Close()
	if err := handle(answer); err != nil {
		return err
	}
	taken := &wholeBody{data: answer.Body} // the handler let it pass: it is converted
	taken.Reset(taken.data)
	response.Body, response.ContentLength = taken, int64(len(taken.data))
	return nil
}

// statusError reads what an answer says; what came before a broken end still helps.
func statusError(request *http.Request, response *http.Response, limit int64) *StatusError {
	text, _ := io.ReadAll(io.LimitReader(response.Body, min(limit, errorBody)))
	e := &StatusError{Method: methodOf(request), URL: shown(request.URL), Code: response.StatusCode, Header: response.Header, Body: text}
	if to := servedBy(response); to != nil {
		e.Instance, e.Attempts = to.instance.ID, to.attempts
	}
	return e
}
