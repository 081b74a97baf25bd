package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Causes of the end of a request's context.
var (
	errStopping = errors.New("web: the server stops, and with it what has no end of its own")
	errCut      = errors.New("web: the server stops and the request took too long")
	errTimeout  = errors.New("web: the request took longer than spring.mvc.async.request-timeout")
)

// lasting is what a stop must end, since it does not end by itself: event streams and WebSockets.
type lasting struct {
	ending context.Context // over when they must end
	end    context.CancelCauseFunc
	taken  sync.WaitGroup // handlers of connections that were taken over; net/http does not wait for them
}

func newLasting() *lasting {
	l := &lasting{}
	l.ending, l.end = context.WithCancelCause(context.Background())
	return l
}

// stop ends everything that lasts.
func (l *lasting) stop() { l.end(errStopping) }

// wait returns when the handlers of taken connections have returned, or with ctx.
func (l *lasting) wait(ctx context.Context) error {
	returned := make(chan struct{})
	go func() { l.taken.Wait(); close(returned) }()
	select {
	case <-returned:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// exchange is the answer to one request. It sees when the answer becomes one that lasts: an event stream, or a connection that
// the handler takes over.
type exchange struct {
	http.ResponseWriter
	lasting *lasting
	context served      // of the request
	unwatch func() bool // nil: it does not last
	taken   bool
}

// Unwrap is for [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) {
	if types := x.Header()["Content-Type"]; len(types) > 0 && strings.HasPrefix(types[0], "text/event-stream") && x.unwatch == nil {
		x.unwatch = context.AfterFunc(x.lasting.ending, func() { x.context.cancel(errStopping) })
	}
	x.ResponseWriter.WriteHeader(status)
}

// Hijack implements [http.Hijacker]. At a stop reads from the connection end, and the request's context; writes go on, so that the
// handler can say goodbye.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	raw, buffered, err := http.NewResponseController(x.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if !x.taken {
		x.taken = true
		x.lasting.taken.Add(1)
	}
	conn := &takenConn{Conn: raw}
	conn.unwatch = context.AfterFunc(x.lasting.ending, func() {
		x.context.cancel(errStopping)
		_ = conn.SetReadDeadline(time.Now())
	})
	return conn, buffered, nil
}

// finish is called when the handler has returned.
func (x *exchange) finish() {
	if x.unwatch != nil {
		x.unwatch()
	}
	if x.taken {
		x.lasting.taken.Done()
	}
	x.context.end()
}

// takenConn is a connection that a handler took over; it is watched until it is closed.
type takenConn struct {
	net.Conn
	unwatch func() bool
}

// Close implements [net.Conn].
func (c *takenConn) Close() error {
	c.unwatch()
	return c.Conn.Close()
}

// asksForUpgrade reports whether a request wants another protocol, such as WebSocket.
func asksForUpgrade(r *http.Request) bool { return len(r.Header["Upgrade"]) > 0 }

// asksForStream reports whether a request is for something without an end.
func asksForStream(r *http.Request) bool {
	return asksForUpgrade(r) || strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// patientBody gives each read the same time, so that a body may be long but not stall.
type patientBody struct {
	io.ReadCloser
	deadline func(time.Time) error
	patience time.Duration
	whole    bool
}

// Read implements [io.Reader].
func (b *patientBody) Read(p []byte) (int, error) {
	b.wait()
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.whole {
		b.whole = true
		_ = b.deadline(time.Time{}) // or net/http's look-out for a caller that leaves would end at it
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}

// bodyError is a body that could not be read: it was broken, or its caller left or stalled.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the request's body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// wait sets the time for the next read: ours, or that of net/http, which reads what a handler left.
func (b *patientBody) wait() {
	if !b.whole {
		_ = b.deadline(time.Now().Add(b.patience)) // where there are no deadlines nothing can stall
	}
}

// patientListener gives each write of its connections the same time: a caller that stops reading is left, one that reads an answer
// without an end is not.
type patientListener struct {
	net.Listener
	patience time.Duration
}

// Accept implements [net.Listener].
func (l *patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: conn, patience: l.patience}, nil
}

type patientConn struct {
	net.Conn
	patience time.Duration
	mu       sync.Mutex
	own      bool // the one who uses the connection sets deadlines
}

// stretch is how much one deadline is for.
const stretch = 64 << 10

// Write implements [net.Conn].
func (c *patientConn) Write(p []byte) (int, error) {
	written := 0
	for {
		part := p[written:min(len(p), written+stretch)]
		c.mu.Lock()
		if !c.own {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(c.patience)) // the write fails as well
		}
		c.mu.Unlock()
		n, err := c.Conn.Write(part)
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// SetDeadline implements [net.Conn].
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}
