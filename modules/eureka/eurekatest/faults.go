package eurekatest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strings"
)

// Status answers with a bare status.
func (s *Server) Status(status int) Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	})
}

// Busy answers with a status, 429 or 503, and asks to be left alone, in seconds or until a date.
func (s *Server) Busy(status int, retryAfter string) Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(status)
		return true
	})
}

// Redirect sends every request to the same path below another base, such as http://eureka-2:8761/eureka/.
func (s *Server) Redirect(base string) Fault {
	return s.inject(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Location", strings.TrimSuffix(base, "/")+"/"+strings.TrimPrefix(r.URL.RequestURI(), "/eureka/"))
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	})
}

// Reset resets the connection instead of answering.
func (s *Server) Reset() Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
		return true
	})
}

// StallBody answers with the beginning of a body, and never goes on.
func (s *Server) StallBody() Fault {
	s.mu.Lock()
	free := s.free
	s.mu.Unlock()
	return s.inject(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"applications":{`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-free:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	})
}

// CorruptGzip announces a compressed body and sends one that is not.
func (s *Server) CorruptGzip() Fault {
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "\x1f\x8b\x08\x00nonsense that no decompressor takes")
		return true
	})
}

// GzipBomb sends a small body that unpacks to that many bytes.
func (s *Server) GzipBomb(size int) Fault {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	blank := bytes.Repeat([]byte(" "), 1<<20)
	for left := size; left > 0; left -= len(blank) {
		_, _ = z.Write(blank[:min(left, len(blank))])
	}
	_ = z.Close()
	return s.inject(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
		return true
	})
}

// AnswerXML answers rightly, but in XML whatever the client accepts, as some gateways make servers do.
func (s *Server) AnswerXML() Fault {
	return s.inject(func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Set("Accept", "application/xml")
		s.handler.ServeHTTP(w, r)
		return true
	})
}

// Rewrite answers with what edit makes of the right answer, which is not compressed: with a port that is no number, say, or one id twice.
func (s *Server) Rewrite(edit func(body string) string) Fault {
	return s.inject(func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Accept-Encoding")
		right := &recorded{header: w.Header(), status: http.StatusOK}
		s.handler.ServeHTTP(right, r)
		w.Header().Del("Content-Length")
		w.WriteHeader(right.status)
		_, _ = io.WriteString(w, edit(right.body.String()))
		return true
	})
}

// recorded is an answer that is not sent yet.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }
