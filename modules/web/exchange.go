package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
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
	writer   http.ResponseWriter // net/http's own
	patience time.Duration
	whole    bool
}

// Read implements [io.Reader].
func (b *patientBody) Read(p []byte) (int, error) {
	b.wait()
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, &bodyError{err}
	}
	if !b.whole {
		b.whole = true
		b.until(time.Time{}) // or net/http's look-out for a caller that leaves would end at it
	}
	return n, err
}

// wait sets the time for the next read: ours, or that of net/http, which reads what a handler left.
func (b *patientBody) wait() {
	if !b.whole {
		b.until(time.Now().Add(b.patience))
	}
}

func (b *patientBody) until(t time.Time) {
	if w, ok := b.writer.(interface{ SetReadDeadline(t time.Time) error }); ok { // where there are no deadlines nothing can stall
		_ = w.SetReadDeadline(t) // the read fails as well
	}
}

// bodyError is a body that could not be read: it was broken, or its caller left or stalled.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the request's body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

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

// patientConn tells its connection of deadlines when they matter, since each is a change of the runtime's timers: net/http and we set
// eleven for the reads of one request, of which there are two.
type patientConn struct {
	net.Conn
	patience time.Duration

	mu       sync.Mutex
	own      bool      // the one who uses the connection sets deadlines of writes
	writable time.Time // when writes end that are not written; zero while own
	readable time.Time // when reads end
	told     time.Time // what the connection knows of that
	reading  atomic.Int32
}

// Read implements [net.Conn].
func (c *patientConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if !c.readable.IsZero() && time.Until(c.readable) <= 0 {
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded // as the connection would say; net/http mostly ends its look-out before it begins
	}
	c.reading.Add(1)
	err := c.tell()
	c.mu.Unlock()
	defer c.reading.Add(-1)
	if err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// SetReadDeadline implements [net.Conn].
func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readable = t; c.reading.Load() == 0 {
		return nil // the next read tells it
	}
	return c.tell()
}

func (c *patientConn) tell() error {
	if c.told.Equal(c.readable) {
		return nil
	}
	c.told = c.readable
	return c.Conn.SetReadDeadline(c.readable)
}

// stretch is how much one deadline is for.
const stretch = 64 << 10

// Write implements [net.Conn].
func (c *patientConn) Write(p []byte) (int, error) {
	written := 0
	for {
		part := p[written:min(len(p), written+stretch)]
		c.grant()
		n, err := c.Conn.Write(part)
		if written += n; err != nil || written == len(p) {
			return written, err
		}
	}
}

// grant gives the next write its time, of which a tenth may have passed.
func (c *patientConn) grant() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); !c.own && c.writable.Sub(now) < c.patience-c.patience/10 {
		c.writable = now.Add(c.patience)
		_ = c.Conn.SetWriteDeadline(c.writable) // the write fails as well
	}
}

// SetDeadline implements [net.Conn].
func (c *patientConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetWriteDeadline implements [net.Conn].
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = !t.IsZero()
	if !c.own && !c.writable.IsZero() {
		return nil // it is ours already
	}
	c.writable = time.Time{}
	return c.Conn.SetWriteDeadline(t)
}
