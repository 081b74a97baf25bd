package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
)

// Problem is an RFC 9457 problem document. As an error of a handler it is sent as it is.
type Problem struct {
	Type     string         // URI of the kind of problem; "" is about:blank
	Title    string         // "" is the text of Status
	Status   int            // HTTP status
	Detail   string         // what happened this time; everyone who calls may read it
	Instance string         // "" is the path of the request
	Extra    map[string]any // further members

	cause error
}

// NewProblem returns a problem with a detail.
func NewProblem(status int, detail string) *Problem { return &Problem{Status: status, Detail: detail} }

// With adds a member to the document. It returns p.
func (p *Problem) With(name string, value any) *Problem {
	if p.Extra == nil {
		p.Extra = make(map[string]any)
	}
	p.Extra[name] = value
	return p
}

// Because gives the error behind the problem: it is logged, not sent. It returns p.
func (p *Problem) Because(err error) *Problem { p.cause = err; return p }

// Error is for logs.
func (p *Problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return fmt.Sprintf("%d %s: %s", p.Status, http.StatusText(p.Status), p.Detail)
}

// Unwrap returns what Because gave.
func (p *Problem) Unwrap() error { return p.cause }

// StatusCoder is an error that knows its HTTP status. Below 500 its text is the problem's detail; from 500 on the text stays
// inside.
type StatusCoder interface {
	error
	StatusCode() int
}

// problemOf returns the problem that an error is sent as.
func problemOf(ctx context.Context, err error) *Problem {
	var (
		problem  *Problem
		echoed   *echo.HTTPError
		coder    StatusCoder
		tooLarge *http.MaxBytesError
		broken   *bodyError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tooLarge):
		return NewProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit)).Because(err)
	case errors.As(err, &echoed):
		detail := ""
		if text, ok := echoed.Message.(string); ok && text != http.StatusText(echoed.Code) {
			detail = text
		} else if inner, ok := echoed.Message.(error); ok && echoed.Code < http.StatusInternalServerError {
			detail = inner.Error()
		}
		return NewProblem(echoed.Code, detail).Because(err)
	case errors.As(err, &coder):
		status := coder.StatusCode()
		if status < 400 || status > 599 {
			status = http.StatusInternalServerError
		}
		if status < http.StatusInternalServerError {
			return NewProblem(status, coder.Error()).Because(err)
		}
		return NewProblem(status, "").Because(err)
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return interrupted(ctx, err)
	case errors.Is(err, context.DeadlineExceeded):
		return NewProblem(http.StatusGatewayTimeout, "").Because(err)
	case errors.As(err, &broken):
		return broken.problem()
	}
	return NewProblem(http.StatusInternalServerError, "").Because(err)
}

func (e *bodyError) problem() *Problem {
	if errors.Is(e, os.ErrDeadlineExceeded) {
		return NewProblem(http.StatusRequestTimeout, "The body came too slowly.").Because(e)
	}
	return NewProblem(http.StatusBadRequest, "The body could not be read.").Because(e)
}

// statusClosed is what nginx calls a request whose caller left.
const statusClosed = 499

// interrupted is the problem of a request whose context ended: its time was over, the server stops, or the caller left, who hears
// nothing.
func interrupted(ctx context.Context, err error) *Problem {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout):
		return NewProblem(http.StatusServiceUnavailable, "The request took too long.").Because(cause)
	case errors.Is(cause, errStopping), errors.Is(cause, errCut):
		return NewProblem(http.StatusServiceUnavailable, "The server stops.").Because(cause)
	}
	return (&Problem{Status: statusClosed, Title: "Client Closed Request"}).Because(err)
}

// send writes the document.
func (p *Problem) send(c echo.Context) error {
	document := make(map[string]any, 6+len(p.Extra))
	maps.Copy(document, p.Extra)
	set := func(name, value string) {
		if value != "" {
			document[name] = value
		}
	}
	set("type", p.Type)
	document["title"] = p.Title
	if p.Title == "" {
		document["title"] = http.StatusText(p.Status)
	}
	document["status"] = p.Status
	set("detail", p.Detail)
	document["instance"] = p.Instance
	if p.Instance == "" {
		document["instance"] = inbound.Path(c.Request())
	}
	if span := trace.SpanContextFromContext(c.Request().Context()); span.HasTraceID() {
		document["traceId"] = span.TraceID().String()
	}
	body, err := json.Marshal(document)
	if err != nil { // a member that the program added
		plain := *p
		plain.Status, plain.Detail, plain.Extra = http.StatusInternalServerError, "", nil
		return errors.Join(fmt.Errorf("web: problem %d: %w", p.Status, err), plain.send(c))
	}
	return c.Blob(p.Status, "application/problem+json", body)
}
