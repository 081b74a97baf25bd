package rest

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Limits of what a caller may send.
const (
	maxBody    = 1 << 20
	maxBatch   = 32 << 20
	maxSegment = 1 << 10
)

// Handler answers for a registry. It is safe for concurrent use.
type Handler struct {
	registry  *registry.Registry
	documents documents
	started   time.Time
}

// New returns the handler of a registry.
func New(r *registry.Registry) *Handler { return &Handler{registry: r, started: time.Now()} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts, ok := segments(r.URL.EscapedPath())
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.route(w, r, parts)
}

// segments splits a path below the base and decodes each part. Double and trailing slashes do not count.
func segments(escaped string) ([]string, bool) {
	var parts []string
	for _, part := range strings.Split(escaped, "/") {
		if part == "" {
			continue
		}
		decoded, err := url.PathUnescape(part)
		if err != nil || len(decoded) > maxSegment || decoded == "." || decoded == ".." {
			return nil, false
		}
		parts = append(parts, decoded)
	}
	if len(parts) > 0 && parts[0] == "eureka" {
		parts = parts[1:]
	}
	if len(parts) > 0 && (parts[0] == "v1" || parts[0] == "v2") {
		parts = parts[1:]
	}
	return parts, true
}

func (h *Handler) route(w http.ResponseWriter, r *http.Request, parts []string) {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	match := func(pattern ...string) bool {
		return len(parts) == len(pattern) && fits(parts, pattern)
	}
	switch {
	case match("apps"):
		h.only(w, r, get, "GET, HEAD", h.all)
	case match("apps", "delta"):
		h.only(w, r, get, "GET, HEAD", h.delta)
	case match("apps", "*"):
		if r.Method == http.MethodPost {
			h.register(w, r, parts[1])
			return
		}
		h.only(w, r, get, "GET, HEAD, POST", func(w http.ResponseWriter, r *http.Request) { h.application(w, r, parts[1]) })
	case match("apps", "*", "*"):
		switch r.Method {
		case http.MethodPut:
			h.renew(w, r, parts[1], parts[2])
		case http.MethodDelete:
			h.answer(w, h.registry.Cancel(parts[1], parts[2]))
		default:
			h.only(w, r, get, "GET, HEAD, PUT, DELETE", func(w http.ResponseWriter, r *http.Request) {
				h.instance(w, r, h.registry.Instance(parts[1], parts[2]))
			})
		}
	case match("apps", "*", "*", "status"):
		h.only(w, r, r.Method == http.MethodPut || r.Method == http.MethodDelete, "PUT, DELETE", func(w http.ResponseWriter, r *http.Request) {
			h.status(w, r, parts[1], parts[2])
		})
	case match("apps", "*", "*", "metadata"):
		h.only(w, r, r.Method == http.MethodPut, "PUT", func(w http.ResponseWriter, r *http.Request) {
			entries := map[string]string{}
			for key, values := range r.URL.Query() {
				entries[key] = values[0]
			}
			h.answer(w, h.registry.UpdateMetadata(parts[1], parts[2], entries))
		})
	case match("instances", "*"):
		h.only(w, r, get, "GET, HEAD", func(w http.ResponseWriter, r *http.Request) { h.instance(w, r, h.registry.InstanceByID(parts[1])) })
	case match("vips", "*"):
		h.only(w, r, get, "GET, HEAD", func(w http.ResponseWriter, r *http.Request) { h.selection(w, r, h.registry.VIP(parts[1])) })
	case match("svips", "*"):
		h.only(w, r, get, "GET, HEAD", func(w http.ResponseWriter, r *http.Request) { h.selection(w, r, h.registry.SecureVIP(parts[1])) })
	case match("status"):
		h.only(w, r, get, "GET, HEAD", h.serverStatus)
	case match("peerreplication", "batch"):
		h.only(w, r, r.Method == http.MethodPost, "POST", h.batch)
	case match("asg", "*", "status"):
		h.only(w, r, r.Method == http.MethodPut, "PUT", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// fits compares parts with a pattern in which * is any one.
func fits(parts, pattern []string) bool {
	for n, p := range pattern {
		if p != "*" && p != parts[n] {
			return false
		}
	}
	return true
}

func (h *Handler) only(w http.ResponseWriter, r *http.Request, allowed bool, methods string, serve http.HandlerFunc) {
	switch {
	case allowed:
		serve(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", methods+", OPTIONS")
		w.WriteHeader(http.StatusOK)
	default:
		w.Header().Set("Allow", methods+", OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// answer is the outcome of a write: a status and nothing else.
func (h *Handler) answer(w http.ResponseWriter, err error) { w.WriteHeader(statusOf(err)) }

func statusOf(err error) int {
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, registry.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, registry.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, registry.ErrFull):
		return http.StatusForbidden
	}
	return http.StatusInternalServerError
}

// format returns what the caller wants to read: JSON when it says json anywhere, XML when it says nothing.
func format(r *http.Request) (wire.Format, bool) {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	compact := strings.EqualFold(r.Header.Get("X-Eureka-Accept"), "compact")
	switch {
	case strings.Contains(accept, "json"):
		if compact {
			return wire.CompactJSON, true
		}
		return wire.JSON, true
	case accept == "" || strings.Contains(accept, "xml") || strings.Contains(accept, "*"):
		if compact {
			return wire.CompactXML, true
		}
		return wire.XML, true
	}
	return 0, false
}

// full is the format of documents that have no compact form.
func full(f wire.Format) wire.Format {
	switch f {
	case wire.CompactJSON:
		return wire.JSON
	case wire.CompactXML:
		return wire.XML
	}
	return f
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request, app string) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	var f wire.Format
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/json":
		f = wire.JSON
	case "application/xml":
		f = wire.XML
	default:
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	body, status := read(w, r, maxBody)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	i, err := f.DecodeInstance(body)
	if err != nil || i.App == "" {
		refuse(w, f, `{"error": "cannot parse request body"}`, "cannot parse request body")
		return
	}
	if problem := invalid(i, app); problem != "" {
		refuse(w, wire.JSON, problem, problem)
		return
	}
	if err := h.registry.Register(i, replicated(r)); err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// invalid returns what Eureka says of a registration that it does not take, in its order.
func invalid(i *wire.Instance, app string) string {
	switch {
	case strings.TrimSpace(i.ID()) == "":
		return "Missing instanceId"
	case strings.TrimSpace(i.HostName) == "":
		return "Missing hostname"
	case strings.TrimSpace(i.IPAddr) == "":
		return "Missing ip address"
	case !strings.EqualFold(i.App, app):
		return fmt.Sprintf("Mismatched appName, expecting %s but was %s", strings.ToUpper(app), strings.ToUpper(i.App))
	case i.DataCenter.Name == "":
		return "Missing dataCenterInfo"
	case len(i.ID()) > maxSegment || len(i.App) > maxSegment:
		return "instanceId and app must not be longer than 1024 bytes"
	}
	return ""
}

func refuse(w http.ResponseWriter, f wire.Format, text, plain string) {
	if f == wire.XML {
		text = "<error><message>" + plain + "</message></error>"
	}
	w.Header().Set("Content-Type", f.ContentType())
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, text) // the caller is gone when this fails
}

// read returns a body, unpacked when it is gzipped, or the status to answer with.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, int) {
	var from io.Reader = http.MaxBytesReader(w, r.Body, limit)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		from = unpacked
	}
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || int64(len(body)) > limit:
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return body, 0
}

func replicated(r *http.Request) bool {
	return r.Header.Get("x-netflix-discovery-replication") == "true"
}

// dirty reads lastDirtyTimestamp; absent is 0.
func dirty(r *http.Request) (int64, bool) {
	query := r.URL.Query()
	if !query.Has("lastDirtyTimestamp") {
		return 0, true
	}
	n, err := strconv.ParseInt(query.Get("lastDirtyTimestamp"), 10, 64)
	return n, err == nil
}

func (h *Handler) renew(w http.ResponseWriter, r *http.Request, app, id string) {
	lastDirty, ok := dirty(r)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	overridden := discovery.Unknown
	if text := r.URL.Query().Get("overriddenstatus"); text != "" {
		overridden = discovery.ParseStatus(text)
	}
	stored, err := h.registry.Renew(app, id, registry.Renewal{LastDirty: lastDirty, Overridden: overridden, Replicated: replicated(r)})
	if stored != nil {
		f, ok := format(r)
		if !ok {
			f = wire.JSON
		}
		w.Header().Set("Content-Type", f.ContentType())
		w.WriteHeader(statusOf(err))
		_, _ = w.Write(full(f).AppendInstance(nil, stored))
		return
	}
	h.answer(w, err)
}

func (h *Handler) status(w http.ResponseWriter, r *http.Request, app, id string) {
	lastDirty, ok := dirty(r)
	value := r.URL.Query().Get("value")
	status := discovery.ParseStatus(value)
	if status == discovery.Unknown && value != discovery.Unknown.String() && (value != "" || r.Method == http.MethodPut) {
		ok = false
	}
	switch {
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
	case r.Method == http.MethodPut:
		h.answer(w, h.registry.Override(app, id, status, lastDirty))
	default:
		h.answer(w, h.registry.RemoveOverride(app, id, status, lastDirty))
	}
}

func (h *Handler) batch(w http.ResponseWriter, r *http.Request) {
	body, status := read(w, r, maxBatch)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	changes, err := wire.DecodeReplication(body)
	if err != nil {
		refuse(w, wire.JSON, `{"error": "cannot parse request body"}`, "")
		return
	}
	results := make([]wire.ReplicationResult, len(changes))
	for n, c := range changes {
		results[n] = h.replicate(c)
	}
	w.Header().Set("Content-Type", wire.JSON.ContentType())
	_, _ = w.Write(wire.AppendReplicationResponse(nil, results))
}

func (h *Handler) replicate(c wire.Replicated) wire.ReplicationResult {
	switch c.Action {
	case wire.ReplicateHeartbeat:
		stored, err := h.registry.Renew(c.App, c.ID, registry.Renewal{LastDirty: c.LastDirty, Overridden: c.OverriddenStatus, Replicated: true})
		return wire.ReplicationResult{StatusCode: statusOf(err), Instance: stored}
	case wire.ReplicateRegister:
		if c.Instance != nil && invalid(c.Instance, c.App) == "" {
			if err := h.registry.Register(c.Instance, true); err != nil {
				return wire.ReplicationResult{StatusCode: statusOf(err)}
			}
		}
		return wire.ReplicationResult{StatusCode: http.StatusOK}
	case wire.ReplicateCancel:
		return wire.ReplicationResult{StatusCode: statusOf(h.registry.Cancel(c.App, c.ID))}
	case wire.ReplicateStatusUpdate:
		return wire.ReplicationResult{StatusCode: statusOf(h.registry.Override(c.App, c.ID, c.Status, c.LastDirty))}
	case wire.ReplicateDeleteStatusOverride:
		return wire.ReplicationResult{StatusCode: statusOf(h.registry.RemoveOverride(c.App, c.ID, c.Status, c.LastDirty))}
	}
	return wire.ReplicationResult{StatusCode: http.StatusInternalServerError}
}
