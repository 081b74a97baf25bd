package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

// documents sends errors: as problem documents, or as Spring Boot's DefaultErrorAttributes.
type documents struct {
	problems bool
	cfg      ErrorConfig
}

func newDocuments(cfg Config) *documents { return &documents{cfg.ProblemDetails, cfg.Error} }

func (d *documents) send(c echo.Context, p *Problem) error {
	if c.Request().Method == http.MethodHead {
		return c.NoContent(p.Status)
	}
	if d.problems {
		return p.send(c)
	}
	return c.JSON(p.Status, d.attributes(c, p))
}

// attributes is what Spring's DefaultErrorAttributes makes of an error. Its message is what a problem document would tell, never
// more: the text of an error may hold what is nobody's business.
func (d *documents) attributes(c echo.Context, p *Problem) map[string]any {
	includes := func(i Include, parameter string) bool {
		if i != OnParam {
			return i == Always
		}
		value, set := c.QueryParams()[parameter]
		return set && (len(value) == 0 || value[0] != "false")
	}
	document := map[string]any{
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00"), "status": p.Status, "error": http.StatusText(p.Status),
	}
	if includes(d.cfg.IncludeMessage, "message") {
		document["message"] = p.Detail
		if p.Detail == "" {
			document["message"] = "No message available"
		}
	}
	if faults, ok := p.Extra["errors"]; ok && includes(d.cfg.IncludeBindingErrors, "errors") {
		document["errors"] = faults
	}
	if d.cfg.IncludeException && p.cause != nil {
		document["exception"] = fmt.Sprintf("%T", p.cause)
	}
	var panicked *lifecycle.PanicError
	if includes(d.cfg.IncludeStackTrace, "trace") && errors.As(p.cause, &panicked) {
		document["trace"] = string(panicked.Stack)
	}
	if includes(d.cfg.IncludePath, "path") {
		document["path"] = inbound.Path(c.Request())
	}
	return document
}
