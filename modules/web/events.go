package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Event is one server-sent event.
type Event struct {
	ID    string        // that a browser tells, in Last-Event-ID, when it comes back; default none
	Name  string        // that a page listens to; default message
	Data  any           // a string or []byte as it is, anything else as JSON
	Retry time.Duration // after which a browser comes back once the stream has ended; default the browser's
}

// keepAlive is how often a comment is sent when there is no event, so that proxies see that the stream lives.
const keepAlive = 15 * time.Second

// Events sends what comes out of a channel to a browser's EventSource until the channel is closed, the caller leaves or the
// server stops; none of these is an error. The sender ends with the request's context:
//
//	func (p *prices) stream(c echo.Context) error {
//		return web.Events(c, p.subscribe(c.Request().Context()))
//	}
func Events(c echo.Context, events <-chan Event) error {
	w := c.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect them
	w.WriteHeader(http.StatusOK)
	w.Flush()
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	ctx := c.Request().Context()
	for {
		var text []byte
		select {
		case <-ctx.Done():
			return nil
		case <-idle.C:
			text = []byte(":\n\n")
		case event, open := <-events:
			if !open {
				return nil
			}
			var err error
			if text, err = event.text(); err != nil {
				return err
			}
			idle.Reset(keepAlive)
		}
		if _, err := w.Write(text); err != nil {
			return nil //nolint:nilerr // the caller left
		}
		w.Flush()
	}
}

// oneLine keeps a value from starting a field of its own.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ", "\x00", "")

// text is the event as it is sent.
func (e Event) text() ([]byte, error) {
	var data []byte
	switch d := e.Data.(type) {
	case string:
		data = []byte(d)
	case []byte:
		data = d
	default:
		encoded, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("web: event %q: %w", e.Name, err)
		}
		data = encoded
	}
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, oneLine.Replace(value))
		}
	}
	field("id", e.ID)
	field("event", e.Name)
	if e.Retry > 0 {
		field("retry", fmt.Sprint(e.Retry.Milliseconds()))
	}
	data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
