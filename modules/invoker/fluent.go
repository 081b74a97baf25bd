package invoker

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Spec is a call while it is being written (Spring: RestClient).
//
//	var stock Stock
//	err := rest.Get("http://inventory/stock/{sku}", sku).Header("X-Tenant", "blue").Into(ctx, &stock)
//	entity, err := invoker.EntityOf[Order](ctx, rest.Post("http://orders/orders").Body(order))
//
// Into, Bodiless, Exchange and [EntityOf] send it. It belongs to one goroutine and may be sent again, unless its body is a
// stream.
type Spec struct {
	caller Caller
	own    settings // of this call, once it has options
	w      written
}

func newSpec(c Caller, method, template string, vars []any) *Spec {
	return &Spec{caller: c, own: *c.settings(), w: written{method: method, template: template, vars: vars, header: http.Header{}}}
}

// Get begins a GET.
func (c *Client) Get(template string, vars ...any) *Spec {
	return c.Method(http.MethodGet, template, vars...)
}

// Head begins a HEAD.
func (c *Client) Head(template string, vars ...any) *Spec {
	return c.Method(http.MethodHead, template, vars...)
}

// Post begins a POST.
func (c *Client) Post(template string, vars ...any) *Spec {
	return c.Method(http.MethodPost, template, vars...)
}

// Put begins a PUT.
func (c *Client) Put(template string, vars ...any) *Spec {
	return c.Method(http.MethodPut, template, vars...)
}

// Patch begins a PATCH.
func (c *Client) Patch(template string, vars ...any) *Spec {
	return c.Method(http.MethodPatch, template, vars...)
}

// Delete begins a DELETE.
func (c *Client) Delete(template string, vars ...any) *Spec {
	return c.Method(http.MethodDelete, template, vars...)
}

// Method begins a call with any method.
func (c *Client) Method(method, template string, vars ...any) *Spec {
	return newSpec(c, method, template, vars)
}

// Get begins a GET.
func (p *Plain) Get(template string, vars ...any) *Spec {
	return p.Method(http.MethodGet, template, vars...)
}

// Head begins a HEAD.
func (p *Plain) Head(template string, vars ...any) *Spec {
	return p.Method(http.MethodHead, template, vars...)
}

// Post begins a POST.
func (p *Plain) Post(template string, vars ...any) *Spec {
	return p.Method(http.MethodPost, template, vars...)
}

// Put begins a PUT.
func (p *Plain) Put(template string, vars ...any) *Spec {
	return p.Method(http.MethodPut, template, vars...)
}

// Patch begins a PATCH.
func (p *Plain) Patch(template string, vars ...any) *Spec {
	return p.Method(http.MethodPatch, template, vars...)
}

// Delete begins a DELETE.
func (p *Plain) Delete(template string, vars ...any) *Spec {
	return p.Method(http.MethodDelete, template, vars...)
}

// Method begins a call with any method.
func (p *Plain) Method(method, template string, vars ...any) *Spec {
	return newSpec(p, method, template, vars)
}

// Header sets a header of this call, in place of the client's.
func (s *Spec) Header(name string, values ...string) *Spec {
	s.w.header[http.CanonicalHeaderKey(name)] = values
	return s
}

// Accept says which media types are wanted, in place of what the result stands for.
func (s *Spec) Accept(types ...string) *Spec { return s.Header("Accept", strings.Join(types, ", ")) }

// ContentType says what the body is, which chooses its converter.
func (s *Spec) ContentType(mediaType string) *Spec { return s.Header("Content-Type", mediaType) }

// Body sets the body; see [Exchange] for what it may be.
func (s *Spec) Body(body any) *Spec { s.w.body = body; return s }

// With applies options to this call.
func (s *Spec) With(options ...Option) *Spec {
	s.own = s.own.with(options)
	return s
}

// OnStatus handles answers of some statuses in this call; see the option [OnStatus].
func (s *Spec) OnStatus(matches func(status int) bool, handle func(*StatusError) error) *Spec {
	return s.With(OnStatus(matches, handle))
}

// client returns the caller with the options of this call.
func (s *Spec) client() Caller { return s.caller.derived(s.own) }

// Into sends the call and fills target, a pointer to what [Exchange] may return.
func (s *Spec) Into(ctx context.Context, target any) error {
	if target == nil {
		return &RequestError{Method: s.w.method, URL: shownTemplate(s.w.template), Err: errors.New("there is nothing to fill; Bodiless looks at no body")}
	}
	if is[*Nothing](target) {
		target = nil
	}
	_, err := s.w.retrieve(ctx, s.client(), target)
	return err
}

// Bodiless sends the call and returns status and headers (Spring: toBodilessEntity).
func (s *Spec) Bodiless(ctx context.Context) (Entity[Nothing], error) {
	return EntityOf[Nothing](ctx, s)
}

// Exchange sends the call and gives the answer, while its body is still being received and whatever its status, to fn. The body
// is closed afterwards.
func (s *Spec) Exchange(ctx context.Context, fn func(*http.Response) error) error {
	return s.w.execute(ctx, s.With(OnStatus(func(int) bool { return true }, nil)).client(), fn)
}

// EntityOf sends a call and returns a T with status and headers (Spring: toEntity).
func EntityOf[T any](ctx context.Context, s *Spec) (Entity[T], error) {
	return exchange[T](ctx, s.client(), s.w)
}
