package inbound

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

type headerKey struct{}

// Serving returns a context that carries the headers of the request being served. They must not change any more.
func Serving(ctx context.Context, header http.Header) context.Context {
	return context.WithValue(ctx, headerKey{}, header)
}

// Header returns the headers of the request being served, nil outside of one.
func Header(ctx context.Context) http.Header {
	header, _ := ctx.Value(headerKey{}).(http.Header)
	return header
}

// Deadline bounds ctx by the milliseconds that a header says are left, as Envoy's X-Envoy-Expected-Rq-Timeout-Ms does. Without
// such a header, or one that is no positive number, ctx stays as it is. Call cancel when the request was served.
func Deadline(ctx context.Context, header http.Header, name string) (bounded context.Context, cancel func()) {
	if name == "" {
		return ctx, func() {}
	}
	left, err := strconv.ParseInt(header.Get(name), 10, 64)
	if err != nil || left <= 0 || left > int64(24*time.Hour/time.Millisecond) {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Duration(left)*time.Millisecond)
}

// SetDeadline says in a header how many milliseconds are left to ctx, if it has a deadline; at least one.
func SetDeadline(ctx context.Context, header http.Header, name string) {
	if name == "" {
		return
	}
	if deadline, ok := ctx.Deadline(); ok {
		header.Set(name, strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10))
	}
}
