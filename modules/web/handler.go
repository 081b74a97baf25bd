package web

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/telemetry"
)

// Routes adds routes to the server.
type Routes interface{ Routes(*echo.Echo) }

// Mount is a handler for a whole tree of paths, such as the actuator. It sees the path with the prefix, without the context
// path.
type Mount struct {
	Prefix   string // such as /actuator; "/" is exactly that path, unless the program has a route or an index.html there
	Handler  http.Handler
	Untraced bool // no spans are made of its requests, such as of those that bring spans
}

// untraced are the routes whose requests make no spans. Only assemble writes, before anything listens.
type untraced map[string]bool

func newUntraced() untraced { return untraced{} }

// Middleware is what every request passes on its way to its route.
type Middleware struct {
	Order int // lower first
	Func  echo.MiddlewareFunc
}

// ErrorHandler sends what a handler's error is to the caller, instead of a problem document.
type ErrorHandler func(err error, c echo.Context)

// newEcho returns an Echo with our error handling and middleware. Routes come later, with assemble, so that constructors of
// routes may ask for it.
func newEcho(cfg Config, lasting *lasting, tracer *telemetry.ServerTracer, quiet untraced, log *slog.Logger, onError ErrorHandler, middleware []Middleware, files *static) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect() // Echo's default believes what callers say of themselves; see forwarded
	e.SchemeExtractor = inbound.Scheme
	e.Validator = validation{}
	answerHead(e)
	o := &observer{tracer: tracer, untraced: quiet, deadline: cfg.DeadlineHeader, lasting: lasting, timeout: cfg.RequestTimeout, documents: newDocuments(cfg), log: log}
	e.HTTPErrorHandler = o.sendProblem
	if onError != nil {
		e.HTTPErrorHandler = echo.HTTPErrorHandler(onError)
	}
	e.Use(o.observe)
	if cfg.CORS.on() {
		e.Use(newCORS(cfg.CORS))
	}
	if cfg.Compression.Enabled {
		e.Use(newCompression(cfg.Compression).middleware)
	}
	e.Use(limitBody(int64(cfg.MaxBody), cfg.Tomcat.ConnectionTimeout))
	slices.SortStableFunc(middleware, func(a, b Middleware) int { return cmp.Compare(a.Order, b.Order) })
	for _, m := range middleware {
		e.Use(m.Func)
	}
	if files != nil {
		e.Use(files.middleware)
	}
	return e
}

// answerHead has every GET route answer HEAD, too, as Spring MVC does: net/http leaves the body out. A HEAD route of the program's
// own wins. It is no entry of Routes.
func answerHead(e *echo.Echo) {
	type place struct{ host, path string }
	own := make(map[place]bool)
	e.OnAddRouteHandler = func(host string, route echo.Route, handler echo.HandlerFunc, middleware []echo.MiddlewareFunc) {
		at := place{host, route.Path}
		switch route.Method {
		case http.MethodHead:
			own[at] = true
		case http.MethodGet:
			if own[at] {
				return
			}
			router := e.Router()
			if host != "" {
				router = e.Routers()[host]
			}
			for _, m := range slices.Backward(middleware) {
				handler = m(handler)
			}
			router.Add(http.MethodHead, route.Path, handler)
		}
	}
}

// assemble adds routes, and mounts where nothing of the program's own is in the way.
func assemble(e *echo.Echo, routes []Routes, mounts []Mount, files *static, quiet untraced, log *slog.Logger) {
	for _, r := range routes {
		r.Routes(e)
	}
	taken := make(map[string]bool)
	for _, route := range e.Routes() {
		taken[route.Path] = true
	}
	for _, m := range mounts {
		if m.Handler == nil {
			continue
		}
		prefix := strings.TrimSuffix(m.Prefix, "/")
		if prefix == "" {
			if by := front(e, files); by != "" {
				log.Warn("the program's own front page takes the place of a built-in one", "path", "/", "by", by)
				continue
			}
			e.Any("/", echo.WrapHandler(m.Handler))
			quiet["/"] = m.Untraced
			continue
		}
		for _, path := range []string{prefix, prefix + "/*"} {
			if taken[path] {
				log.Warn("a route of the program takes the place of a built-in one", "path", path)
				continue
			}
			e.Any(path, echo.WrapHandler(m.Handler))
			quiet[path] = m.Untraced
		}
	}
}

// front returns what of the program answers at exactly "/", a route such as /* or a file, or "" when nothing does. Other mounts are
// behind prefixes of their own, more special than any such route.
func front(e *echo.Echo, files *static) string {
	c := e.NewContext(nil, nil)
	e.Router().Find(http.MethodGet, "/", c)
	for _, route := range e.Routes() {
		if route.Path == c.Path() && route.Method != echo.RouteNotFound {
			return route.Path
		}
	}
	if files.has("index.html") {
		return "index.html"
	}
	return ""
}

// observer makes the span of each request, recovers panics, and turns errors into answers.
type observer struct {
	tracer    *telemetry.ServerTracer
	untraced  untraced
	lasting   *lasting
	timeout   time.Duration // 0: none
	deadline  string        // header that says how many milliseconds the caller waits; "" when none does
	documents *documents
	log       *slog.Logger
}

func (o *observer) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		request := c.Request()
		ctx, span := request.Context(), trace.Span(noop.Span{})
		if !o.untraced[c.Path()] {
			ctx, span = o.tracer.Start(request, c.Path())
		}
		ctx, undo := inbound.Deadline(inbound.Serving(ctx, request.Header), request.Header, o.deadline)
		defer undo()
		x := &exchange{ResponseWriter: c.Response().Writer, lasting: o.lasting}
		x.context.Context = ctx
		ctx = &x.context
		c.Response().Writer = x
		if o.timeout > 0 && !asksForStream(request) {
			var done context.CancelFunc
			ctx, done = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
			defer done()
		}
		c.SetRequest(request.WithContext(ctx))
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
					o.tracer.End(span, c.Response().Status, nil)
					x.finish()
					panic(v)
				}
				err = o.panicked(ctx, c, v)
			}
			if x.taken {
				c.Response().Status, c.Response().Committed = http.StatusSwitchingProtocols, true // net/http has no say any more
			}
			if err != nil {
				c.Error(err)
			}
			o.tracer.End(span, c.Response().Status, err)
			x.finish()
			err = nil // it was dealt with
		}()
		return next(c)
	}
}

func (o *observer) panicked(ctx context.Context, c echo.Context, v any) error {
	stack := debug.Stack()
	o.log.ErrorContext(ctx, "a handler panicked", "panic", v, "method", c.Request().Method, "route", c.Path(), "stack", string(stack))
	return NewProblem(http.StatusInternalServerError, "").Because(&lifecycle.PanicError{Value: v, Stack: stack})
}

// sendProblem is the default error handler.
func (o *observer) sendProblem(err error, c echo.Context) {
	ctx := c.Request().Context()
	if c.Response().Committed {
		o.log.WarnContext(ctx, "a handler failed after its answer had begun", "method", c.Request().Method, "route", c.Path(), "error", err)
		return
	}
	problem := problemOf(ctx, err)
	if problem.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		var p *lifecycle.PanicError
		if !errors.As(err, &p) { // a panic was logged with its stack
			o.log.ErrorContext(ctx, "a request failed", "method", c.Request().Method, "route", c.Path(), "status", problem.Status, "error", err)
		}
	} else {
		o.log.DebugContext(ctx, "a request was refused", "method", c.Request().Method, "route", c.Path(), "status", problem.Status, "error", err)
	}
	if err := o.documents.send(c, problem); err != nil && ctx.Err() == nil {
		o.log.WarnContext(ctx, "a problem could not be sent", "error", err)
	}
}

// limitBody bounds how long a request's body may be, unless limit is negative, and how long it may stall.
func limitBody(limit int64, patience time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			request := c.Request()
			if limit >= 0 && request.ContentLength > limit {
				if request.ProtoMajor == 1 {
					c.Response().Header().Set("Connection", "close") // or net/http would read the body before it answers
				}
				return &http.MaxBytesError{Limit: limit}
			}
			if request.Body != nil && request.Body != http.NoBody {
				body := &patientBody{ReadCloser: request.Body, writer: bottom(c.Response()), patience: patience}
				request.Body = body
				if limit >= 0 && request.ContentLength < 0 { // net/http reads no more than the length that was told
					request.Body = http.MaxBytesReader(body.writer, body, limit)
				}
				defer body.wait()
			}
			return next(c)
		}
	}
}

// bottom returns net/http's own writer, which closes the connection of a body that was too large.
func bottom(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// under serves only paths below a prefix, without it, which inbound.Path knows.
func under(prefix string, next, otherwise http.Handler) http.Handler {
	if prefix == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok || rest != "" && rest[0] != '/' {
			otherwise.ServeHTTP(w, r)
			return
		}
		below := *r.URL
		below.Path, below.RawPath = cmp.Or(rest, "/"), strings.TrimPrefix(r.URL.RawPath, prefix)
		hop := inbound.Of(r)
		hop.Root = cmp.Or(hop.Root, prefix) // a proxy that says under what it serves us knows better
		r = inbound.With(r, hop)
		r.URL = &below
		next.ServeHTTP(w, r)
	})
}

// failing answers what comes with an error.
func failing(e *echo.Echo, err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.HTTPErrorHandler(err, e.NewContext(r, w)) })
}

// limitHeader refuses a request line and headers of more than limit bytes: net/http itself lets 4 KB more pass before it breaks off.
func limitHeader(limit int, next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\nHost: \r\n") + len(r.Host)
		for name, values := range r.Header {
			for _, v := range values {
				size += len(name) + len(v) + len(": \r\n")
			}
		}
		if size > limit {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
