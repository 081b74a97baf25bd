package invoker

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// stream is a body that cannot be replayed: the attempts of a call have it one after the other.
type stream struct{ now *heldBody }

// leave leaves closing to the transport, which may go on sending the body while the answer is read.
func (s *stream) leave() {
	if s != nil {
		s.now.leave()
	}
}

// release closes the body.
func (s *stream) release() {
	if s != nil {
		s.now.release()
	}
}

// move gives a body of which nothing was read to the next attempt.
func (s *stream) move() bool {
	next, ok := s.now.move()
	if ok {
		s.now = next
	}
	return ok
}

// untouched is the GetBody of a stream: net/http asks for it when a connection that it reused turns out to be closed.
func (s *stream) untouched() (io.ReadCloser, error) {
	if !s.move() {
		return nil, errBodySpent
	}
	return s.now, nil
}

// heldBody is a stream as the body of one attempt. A transport closes it when a dial fails; it stays open then, since the next instance
// must get it whole.
type heldBody struct {
	body   io.ReadCloser
	state  atomic.Int32
	closed atomic.Bool
	left   atomic.Bool // no further attempt will need the body
	once   sync.Once
}

// States of a heldBody.
const (
	fresh int32 = iota
	begun       // something of it was read
	moved       // another attempt has it
)

var (
	errBodySpent = errors.New("invoker: the connection broke, and the body that was sent on it cannot be sent again")
	errBodyMoved = errors.New("invoker: the body belongs to a later attempt")
)

func (b *heldBody) Read(p []byte) (int, error) {
	// A transport may go on reading after it has returned, while the next attempt has the body already.
	if !b.state.CompareAndSwap(fresh, begun) && b.state.Load() != begun {
		return 0, errBodyMoved
	}
	return b.body.Read(p)
}

// Close closes a body of which something was read, or that nobody else will need.
func (b *heldBody) Close() error {
	b.closed.Store(true)
	if b.state.Load() == begun || b.left.Load() {
		b.release()
	}
	return nil
}

func (b *heldBody) leave() {
	b.left.Store(true)
	if b.closed.Load() {
		b.release()
	}
}

func (b *heldBody) release() {
	if b.state.Load() != moved {
		b.once.Do(func() { _ = b.body.Close() })
	}
}

func (b *heldBody) move() (*heldBody, bool) {
	if !b.state.CompareAndSwap(fresh, moved) {
		return nil, false
	}
	return &heldBody{body: b.body}, true
}

// rewind makes a body for the next attempt: a copy, or the same stream when nothing of it was read. It reports whether that
// was possible.
func (c *call) rewind() (ok bool) {
	if c.body != nil {
		return c.body.move()
	}
	if c.request.GetBody == nil || c.copied != nil {
		return true
	}
	copied, err := c.request.GetBody()
	if err != nil {
		return false
	}
	c.copied = copied
	return true
}

// unwind gives up what rewind made ready.
func (c *call) unwind() {
	if c.copied != nil {
		_ = c.copied.Close()
		c.copied = nil
	}
}

// wholeBody is a body that was read to its end.
type wholeBody struct {
	bytes.Reader
	data []byte
	err  error // why it is not what was wanted
}

func (*wholeBody) Close() error { return nil }

// errorBody is how much is read of an answer of 4xx or 5xx.
const errorBody = 1 << 20

// take reads the body of an answer that will be converted, while another instance can still be asked for a whole one.
func (c *call) take(response *http.Response, body io.ReadCloser) error {
	defer body.Close()
	response.Body = body
	taken := &wholeBody{}
	if response.StatusCode >= http.StatusBadRequest {
		// What came before a broken end still helps.
		taken.data, _ = io.ReadAll(io.LimitReader(response.Body, min(c.own.limit, errorBody)))
	} else if taken.data, taken.err = readAll(response, c.own.limit); taken.err != nil && !errors.As(taken.err, new(*tooLarge)) {
		return taken.err
	}
	taken.Reset(taken.data)
	response.Body = taken
	return nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// What is read of an answer that nobody wants, so that its connection serves the next call, and how long that may take.
const (
	discardMost = 64 << 10
	discardTime = 100 * time.Millisecond
)

// discard makes the connection of an answer that nobody will read fit for the next call. It does not wait: the instance may
// never finish the body.
func discard(response *http.Response) {
	if response == nil {
		return
	}
	body := response.Body
	if response.ContentLength == 0 || response.ContentLength > discardMost {
		_ = body.Close()
		return
	}
	go drain(body)
}

// drain reads what is left of a body, within bounds, so that its connection serves the next call.
func drain(body io.ReadCloser) {
	late := time.AfterFunc(discardTime, func() { _ = body.Close() })
	defer late.Stop()
	_, _ = io.CopyN(io.Discard, body, discardMost)
	_ = body.Close()
}
