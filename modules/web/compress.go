package web

import (
	"compress/gzip"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

// compression decides which answers become smaller on their way. A flush sends what there is, so that streams stay streams: the
// libraries for this hold back headers and short beginnings.
type compression struct {
	min      int
	types    []string
	excluded []*regexp.Regexp
	writers  sync.Pool // of *gzip.Writer
}

func newCompression(cfg Compression) *compression {
	c := &compression{min: int(cfg.MinResponseSize), types: slices.Concat(cfg.MimeTypes, cfg.AdditionalMimeTypes)}
	for _, e := range cfg.ExcludedUserAgents {
		c.excluded = append(c.excluded, regexp.MustCompile(`\A(?:`+e+`)\z`)) // Validate has seen it
	}
	c.writers.New = func() any { return gzip.NewWriter(nil) }
	return c
}

func (c *compression) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(e echo.Context) (err error) {
		r := e.Request()
		if r.Method == http.MethodHead || asksForUpgrade(r) {
			return next(e)
		}
		w := &compressor{ResponseWriter: e.Response().Writer, compression: c, accepted: c.accepts(r)}
		e.Response().Writer = w
		finished := false
		defer func() {
			if finished { // not when next panics: what is held back must not go out
				w.close()
			}
			e.Response().Writer = w.ResponseWriter
		}()
		err = next(e)
		finished = true
		return err
	}
}

// accepts reports whether a caller wants gzip.
func (c *compression) accepts(r *http.Request) bool {
	if agent := r.UserAgent(); slices.ContainsFunc(c.excluded, func(e *regexp.Regexp) bool { return e.MatchString(agent) }) {
		return false
	}
	accepted := false
	for _, one := range strings.Split(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		coding, parameters, _ := strings.Cut(strings.TrimSpace(one), ";")
		coding = strings.TrimSpace(coding)
		if coding != "gzip" && coding != "*" {
			continue
		}
		quality := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			quality, _ = strconv.ParseFloat(q, 64)
		}
		if coding == "gzip" {
			return quality > 0
		}
		accepted = quality > 0
	}
	return accepted
}

// compressor holds back the beginning of a body until it is clear whether to compress it.
type compressor struct {
	http.ResponseWriter
	*compression
	accepted bool
	status   int // 0: no header was written
	held     []byte
	decided  bool
	gzip     *gzip.Writer // nil: the body passes as it is
}

// Unwrap is for [http.ResponseController].
func (w *compressor) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *compressor) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status) // another will follow
		return
	}
	w.status = status
	h := w.Header()
	length, err := strconv.Atoi(h.Get("Content-Length"))
	switch {
	case status == http.StatusSwitchingProtocols, status == http.StatusNoContent, status == http.StatusNotModified, status == http.StatusPartialContent:
		_ = w.decide(false) // nothing is held back yet, so nothing can fail
	case err == nil:
		_ = w.decide(length >= w.min)
	}
}

// Write implements [http.ResponseWriter].
func (w *compressor) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.decided {
		if w.held = append(w.held, p...); len(w.held) < w.min {
			return len(p), nil
		}
		return len(p), w.decide(true)
	}
	if w.gzip != nil {
		return w.gzip.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError is for [http.ResponseController].
func (w *compressor) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.decided {
		if err := w.decide(true); err != nil {
			return err
		}
	}
	if w.gzip != nil {
		if err := w.gzip.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// decide sends the header and what was held back, compressed where that is worth it and allowed.
func (w *compressor) decide(large bool) error {
	w.decided = true
	h := w.Header()
	if h.Get("Content-Type") == "" && len(w.held) > 0 {
		h.Set("Content-Type", http.DetectContentType(w.held))
	}
	fits := h.Get("Content-Encoding") == "" && h.Get("Content-Range") == "" && !strings.Contains(h.Get("Cache-Control"), "no-transform") && w.compresses(h.Get("Content-Type"))
	if fits {
		h.Add("Vary", "Accept-Encoding")
	}
	if large && fits && w.accepted {
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		h.Del("Accept-Ranges")
		if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
			h.Set("ETag", "W/"+tag) // the same content in other bytes
		}
		w.gzip = w.writers.Get().(*gzip.Writer)
		w.gzip.Reset(w.ResponseWriter)
	}
	w.ResponseWriter.WriteHeader(w.status)
	held := w.held
	w.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := w.Write(held)
	return err
}

func (w *compressor) compresses(contentType string) bool {
	plain, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains(w.types, plain)
}

// close sends what is left. A handler that wrote nothing leaves the answer to net/http.
func (w *compressor) close() {
	if w.status != 0 && !w.decided {
		_ = w.decide(false) // the connection is broken: nobody hears it
	}
	if w.gzip != nil {
		_ = w.gzip.Close()
		w.writers.Put(w.gzip)
		w.gzip = nil
	}
}
