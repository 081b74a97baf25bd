package eureka

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/archimedes-go/archimedes/modules/ssl"
)

// newTransport returns a transport for a handful of servers. Eureka is inside the estate, so no proxy of the environment
// stands in between.
func newTransport(cfg ClientConfig, own *tls.Config) *http.Transport {
	connect, read := cfg.timeouts()
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: connect, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connect,
		TLSClientConfig:       own,
		ResponseHeaderTimeout: read,
		IdleConnTimeout:       cfg.IdleTimeout,
		MaxIdleConnsPerHost:   4,
		DisableCompression:    !cfg.GZip,
	}
}

// transportFor returns a transport that follows the bundle, where there is one.
func transportFor(cfg ClientConfig, bundle *ssl.Bundle) http.RoundTripper {
	if bundle == nil {
		return newTransport(cfg, nil)
	}
	return bundle.Transport(func(own *tls.Config) *http.Transport { return newTransport(cfg, own) })
}

// age makes connections anew after a while, so that the names of servers are looked up again.
func (c *Client) age() {
	now, made := int64(time.Since(c.began)), c.made.Load()
	if time.Duration(now-made) >= c.reconnect && c.made.CompareAndSwap(made, now) {
		c.CloseIdleConnections()
	}
}

// CloseIdleConnections closes connections that nobody uses.
func (c *Client) CloseIdleConnections() {
	for _, rt := range []http.RoundTripper{c.http, c.renewals} {
		if t, ok := rt.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// attempt asks one server. While others are left it gets at most half of the caller's time.
func (c *Client) attempt(ctx context.Context, r request, s server, left int) (answer, error) {
	timeout := c.timeout
	if deadline, ok := ctx.Deadline(); ok && left > 0 {
		timeout = min(timeout, time.Until(deadline)/2)
	}
	ctx, end := context.WithTimeout(ctx, timeout)
	defer end()
	var late *time.Timer
	if !r.write && left > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		late = time.AfterFunc(c.patience, func() { cancel(errLate) })
		defer late.Stop()
	}
	response, target, err := c.follow(ctx, r, s)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errLate) {
			err = cause
		}
		return answer{}, &answerError{method: r.method, url: target, err: err}
	}
	if late != nil {
		late.Stop() // a large registry may take longer than its headers
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, server: s.base, method: r.method, url: target, xml: strings.Contains(response.Header.Get("Content-Type"), "xml")}
	if a.status < 200 || a.status > 299 {
		// The body of a refusal means nothing to a client: a 404 to a heartbeat carries an error page on Spring's server.
		refusal := &StatusError{Method: r.method, URL: target, Code: a.status, RetryAfter: retryAfter(response)}
		if a.status == http.StatusBadRequest { // that of a registration says what is missing
			refusal.Reason = reason(response.Body)
		}
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		return a, refusal
	}
	if response.Body == http.NoBody {
		return a, nil // as heartbeats are answered
	}
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, c.limit+1)); err != nil {
		return a, &answerError{method: r.method, url: target, err: fmt.Errorf("read the answer: %w", err)}
	}
	if int64(len(a.body)) > c.limit {
		return a, &answerError{method: r.method, url: target, err: fmt.Errorf("the answer is larger than %d bytes", c.limit)}
	}
	return a, nil
}

// follow sends a request and what its answers redirect to.
func (c *Client) follow(ctx context.Context, r request, s server) (response *http.Response, target string, err error) {
	target, header := s.base+r.path, s.header
	for hops := 0; ; hops++ {
		if response, err = c.send(ctx, r, target, header); err != nil {
			return nil, target, err
		}
		to, elsewhere := redirected(response, target)
		if to == "" {
			return response, target, nil
		}
		_ = response.Body.Close()
		if hops == mostRedirects {
			return nil, target, errRedirects
		}
		if target = to; elsewhere {
			header = usual // credentials were not meant for whoever is there
		}
	}
}

// usual is the header of every request, to which credentials may come. Not to be changed.
var usual = func() http.Header {
	h := http.Header{}
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "archimedes-eureka-client")
	h.Set("DiscoveryIdentity-Name", "DefaultClient")
	h.Set("DiscoveryIdentity-Version", "1.4")
	return h
}()

// send sends one request with a copy of header.
func (c *Client) send(ctx context.Context, r request, target string, header http.Header) (*http.Response, error) {
	var body io.Reader
	if len(r.body) > 0 {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header = maps.Clone(header) // setting them one by one would be a tenth of what a heartbeat allocates
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if c.identity != nil {
		if id := c.identity(); id != "" {
			req.Header.Set("DiscoveryIdentity-Id", id)
		}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !r.once {
		// Every other operation may be repeated. Without a value it is not sent; it makes the transport repeat what a server that closed a
		// kept connection has not read.
		req.Header["Idempotency-Key"] = nil
	}
	if r.write {
		return c.renewals.RoundTrip(req)
	}
	return c.http.RoundTrip(req)
}

// mostRedirects is how many redirects one request follows; its method stays.
const mostRedirects = 5

var errRedirects = errors.New("redirected too often")

// redirected returns where the answer to a request for a URL sends it, and whether to another server; "" for an answer that stays.
func redirected(response *http.Response, from string) (target string, elsewhere bool) {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return "", false
	}
	at, err := url.Parse(from)
	location := response.Header.Get("Location")
	if err != nil || location == "" {
		return "", false
	}
	to, err := at.Parse(location)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.User != nil {
		return "", false
	}
	return to.String(), to.Scheme != at.Scheme || to.Host != at.Host
}

// mostReason bounds what is shown of a refusal.
const mostReason = 200

// reason returns the beginning of a refusal as text for one line; nothing of a page.
func reason(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, mostReason))
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("<")) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return ' '
	}, string(text))
}

// mostRetryAfter bounds what a server may ask for: one that is wrong must not keep its clients away for a day.
const mostRetryAfter = 5 * time.Minute

// retryAfter returns how long a server that is busy asks to be left alone.
func retryAfter(response *http.Response) time.Duration {
	if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := response.Header.Get("Retry-After")
	var asked time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		asked = time.Duration(min(seconds, int(mostRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		asked = time.Until(at)
	}
	return max(0, min(asked, mostRetryAfter))
}

// errLate is why a server is left for the next.
var errLate = errors.New("no answer in time, and another server is left")
