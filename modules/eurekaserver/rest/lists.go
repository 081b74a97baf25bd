package rest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// lists keeps the two documents that every client fetches, encoded once per change in each format, plain and packed.
type lists struct {
	mu       sync.Mutex
	encoded  map[listKey]*encoded
	snapshot *registry.Snapshot
}

type listKey struct {
	delta  bool
	format wire.Format
}

// encoded is one document; whoever needs it first makes it, the others wait for that.
type encoded struct {
	plainOnce, packedOnce sync.Once
	plain, packed         []byte
}

func (l *lists) get(s *registry.Snapshot, key listKey) *encoded {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.snapshot != s {
		l.snapshot, l.encoded = s, make(map[listKey]*encoded, 4)
	}
	e := l.encoded[key]
	if e == nil {
		e = &encoded{}
		l.encoded[key] = e
	}
	return e
}

func (h *Handler) all(w http.ResponseWriter, r *http.Request)   { h.list(w, r, false) }
func (h *Handler) delta(w http.ResponseWriter, r *http.Request) { h.list(w, r, true) }

func (h *Handler) list(w http.ResponseWriter, r *http.Request, delta bool) {
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	s := h.registry.Snapshot()
	document := s.All
	if delta {
		document = s.Delta
	}
	e := h.lists.get(s, listKey{delta, f})
	e.plainOnce.Do(func() { e.plain = f.AppendApplications(nil, document) })
	body := e.plain
	if strings.Contains(strings.ToLower(r.Header.Get("Accept-Encoding")), "gzip") {
		e.packedOnce.Do(func() { e.packed = pack(e.plain) })
		body = e.packed
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Vary", "Accept, Accept-Encoding, X-Eureka-Accept")
	write(w, r, f, body)
}

func pack(plain []byte) []byte {
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is valid
	_, _ = z.Write(plain)                                // a buffer takes everything
	_ = z.Close()
	return packed.Bytes()
}

func write(w http.ResponseWriter, r *http.Request, f wire.Format, body []byte) {
	w.Header().Set("Content-Type", f.ContentType())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone when this fails
	}
}

func (h *Handler) application(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	app := h.registry.Application(name)
	if app == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	write(w, r, f, f.AppendApplication(nil, app))
}

func (h *Handler) instance(w http.ResponseWriter, r *http.Request, i *wire.Instance) {
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	if i == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	f = full(f)
	write(w, r, f, f.AppendInstance(nil, i))
}

func (h *Handler) selection(w http.ResponseWriter, r *http.Request, found *wire.Applications) {
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	write(w, r, f, f.AppendApplications(nil, found))
}

// serverStatus tells little: nothing that works with Eureka depends on it.
func (h *Handler) serverStatus(w http.ResponseWriter, r *http.Request) {
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	f = full(f)
	up := time.Since(h.started).Round(time.Second)
	uptime := fmt.Sprintf("%d days %02d:%02d", int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60)
	if f == wire.JSON {
		write(w, r, f, []byte(`{"generalStats":{"server-uptime":"`+uptime+`","environment":"archimedes"},"applicationStats":{"registered-replicas":"","available-replicas":"","unavailable-replicas":""}}`))
		return
	}
	write(w, r, f, []byte(`<com.netflix.eureka.util.StatusInfo><generalStats><environment>archimedes</environment><server-uptime>`+uptime+`</server-uptime></generalStats><applicationStats><registered-replicas/><available-replicas/><unavailable-replicas/></applicationStats></com.netflix.eureka.util.StatusInfo>`))
}
