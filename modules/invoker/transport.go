package invoker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// target is what an attempt tells the transport, and the response its caller, through the context.
type target struct {
	instance *discovery.Instance
	dial     time.Duration // bound of a dial
}

type targetKey struct{}

func targetOf(ctx context.Context) *target {
	t, _ := ctx.Value(targetKey{}).(*target)
	return t
}

// ServedBy returns the id of the instance that a response came from, or "" when it was not called by name.
func ServedBy(response *http.Response) string {
	if response == nil || response.Request == nil {
		return ""
	}
	if t := targetOf(response.Request.Context()); t != nil {
		return t.instance.ID
	}
	return ""
}

// newTransport returns a transport that keeps enough connections for a busy caller: net/http's default of two idle ones for
// each host opens a new connection for most calls.
func newTransport(cfg Config) *http.Transport {
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:           dialBounded(dialer, cfg.ConnectTimeout),
		TLSHandshakeTimeout:   max(cfg.ConnectTimeout, time.Second),
		ResponseHeaderTimeout: cfg.ReadTimeout,
		ExpectContinueTimeout: time.Second,
		MaxIdleConns:          0, // no limit but that of each host
		MaxIdleConnsPerHost:   256,
		IdleConnTimeout:       50 * time.Second, // below the 60 s after which servers close theirs
		ForceAttemptHTTP2:     true,
	}
}

// dialBounded dials with the bound of the attempt, and the instance's address when its name does not resolve.
func dialBounded(dialer *net.Dialer, longest time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		t := targetOf(ctx)
		limit := longest
		if t != nil && t.dial > 0 {
			limit = min(limit, t.dial)
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		conn, err := dialer.DialContext(ctx, network, address)
		var unresolved *net.DNSError
		if err == nil || t == nil || t.instance.IP == "" || !errors.As(err, &unresolved) {
			return conn, err
		}
		_, port, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort(t.instance.IP, port))
	}
}

// nothingSent reports whether an error means that no byte of the request reached the instance.
func nothingSent(err error) bool {
	var (
		op          *net.OpError
		unresolved  *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
	)
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "remote error") {
		return true
	}
	return errors.As(err, &unresolved) || errors.As(err, &certificate) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &hostname)
}
