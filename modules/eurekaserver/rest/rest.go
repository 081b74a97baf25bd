package rest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// Limits of what a caller may send. What Eureka clients send is below a tenth of that.
const (
	maxBody    = 256 << 10
	maxBatch   = 8 << 20
	maxSegment = 1 << 10 // of a path, and of ids
)

// Handler answers for a registry. It is safe for concurrent use.
type Handler struct {
	registry  *registry.Registry
	documents documents
	limiter   limiter
	counters  counters
	started   time.Time
	log       *slog.Logger
	regions   sync.Once // that there are none was said
}

// Option adjusts a [Handler].
type Option func(*Handler)

// WithConfig limits fetches as cfg says. Default: nothing is limited.
func WithConfig(cfg Config) Option { return func(h *Handler) { h.limiter = newLimiter(cfg) } }

// WithLogger says what an operator should know of callers. Default: nothing is said.
func WithLogger(log *slog.Logger) Option {
	return func(h *Handler) { h.log = log.With("logger", "eureka.server") }
}

// New returns the handler of a registry.
func New(r *registry.Registry, opts ...Option) *Handler {
	h := &Handler{registry: r, started: time.Now(), log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

// Run frees the documents that nobody asks for any more, until ctx ends. Without it they stay.
func (h *Handler) Run(ctx context.Context) error {
	ticker := time.NewTicker(idle / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			h.documents.tidy()
		}
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answered{w, http.StatusOK}
	h.counters.count(h.serve(a, r), a.status)
}

// request is a request with the variable parts of its path.
type request struct {
	*http.Request
	parts []string // decoded, without the base
}

// endpoint serves a method of a path.
type endpoint struct {
	operation Operation
	serve     func(*Handler, http.ResponseWriter, request)
}

// route is a path, in which * is any part, and what can be done with it.
type route struct {
	path    []string
	methods map[string]endpoint
	allow   string
}

var routes = []route{
	on("apps", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {Fetch, (*Handler).all}}),
	on("apps/delta", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {Delta, (*Handler).delta}}),
	on("apps/*", "GET, HEAD, POST, OPTIONS", map[string]endpoint{"GET": {Application, (*Handler).application}, "POST": {Register, (*Handler).register}}),
	on("apps/*/*", "GET, HEAD, PUT, DELETE, OPTIONS", map[string]endpoint{
		"GET": {Instance, (*Handler).instance}, "PUT": {Renew, (*Handler).renew}, "DELETE": {Cancel, (*Handler).cancel},
	}),
	on("apps/*/*/status", "PUT, DELETE, OPTIONS", map[string]endpoint{"PUT": {Status, (*Handler).status}, "DELETE": {Status, (*Handler).status}}),
	on("apps/*/*/metadata", "PUT, OPTIONS", map[string]endpoint{"PUT": {Metadata, (*Handler).metadata}}),
	on("instances/*", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {Instance, (*Handler).instanceByID}}),
	on("vips/*", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {VIP, (*Handler).vip}}),
	on("svips/*", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {VIP, (*Handler).secureVIP}}),
	on("status", "GET, HEAD, OPTIONS", map[string]endpoint{"GET": {Other, (*Handler).serverStatus}}),
	on("peerreplication/batch", "POST, OPTIONS", map[string]endpoint{"POST": {Replicate, (*Handler).batch}}),
	on("asg/*/status", "PUT, OPTIONS", map[string]endpoint{"PUT": {Other, (*Handler).autoScaling}}),
}

func on(path, allow string, methods map[string]endpoint) route {
	if get, ok := methods["GET"]; ok {
		methods["HEAD"] = get
	}
	return route{strings.Split(path, "/"), methods, allow}
}

func (r route) fits(parts []string) bool {
	if len(parts) != len(r.path) {
		return false
	}
	for n, p := range r.path {
		if p != "*" && p != parts[n] {
			return false
		}
	}
	return true
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) Operation {
	parts, ok := segments(r.URL)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return Other
	}
	for _, route := range routes {
		if !route.fits(parts) {
			continue
		}
		e, ok := route.methods[r.Method]
		switch {
		case ok:
			e.serve(h, w, request{r, parts})
			return e.operation
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", route.allow)
			w.WriteHeader(http.StatusOK)
		default:
			w.Header().Set("Allow", route.allow)
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return Other
	}
	w.WriteHeader(http.StatusNotFound)
	return Other
}

// segments splits a path below the base and decodes each part. Double and trailing slashes do not count.
func segments(u *url.URL) ([]string, bool) {
	path, decode := u.Path, false
	if u.RawPath != "" { // or nothing in it was escaped that had to be
		path, decode = u.EscapedPath(), true
	}
	parts := make([]string, 0, 6)
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		if decode {
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return nil, false
			}
		}
		if !acceptable(part) {
			return nil, false
		}
		parts = append(parts, part)
	}
	if len(parts) > 0 && parts[0] == "eureka" {
		parts = parts[1:]
	}
	if len(parts) > 0 && (parts[0] == "v1" || parts[0] == "v2") {
		parts = parts[1:]
	}
	return parts, true
}

// acceptable reports whether a part of a path, or an id, is neither a trick nor without measure.
func acceptable(part string) bool {
	return len(part) <= maxSegment && part != "." && part != ".." && !hasControl(part)
}

// hasControl reports whether a text has control characters; what is plain ASCII is looked at byte by byte.
func hasControl(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return strings.ContainsFunc(text[i:], unicode.IsControl)
		}
	}
	return false
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
	case errors.Is(err, registry.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
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

// replyFormat is [format] for answers that are given in any case.
func replyFormat(r *http.Request) wire.Format {
	if f, ok := format(r); ok {
		return f
	}
	return wire.JSON
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

func (h *Handler) register(w http.ResponseWriter, r request) {
	app := r.parts[1]
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
	read(w, r, maxBody, func(body []byte) { h.registerDocument(w, r, f, app, body) })
}

func (h *Handler) registerDocument(w http.ResponseWriter, r request, f wire.Format, app string, body []byte) {
	i, err := f.DecodeInstance(body)
	if err != nil || i.App == "" {
		h.explain(r, app, cmp.Or(err, errNoApp))
		refuse(w, f, `{"error": "cannot parse request body"}`, "cannot parse request body")
		return
	}
	if problem := invalid(i, app); problem != "" {
		h.explain(r, app, errors.New(problem))
		w.Header().Set("Content-Type", replyFormat(r.Request).ContentType()) // whatever the text is
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, problem) // the caller is gone when this fails
		return
	}
	if err := h.registry.Take(i, replicated(r.Request)); err != nil {
		w.WriteHeader(statusOf(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

var errNoApp = errors.New("no app in it")

// explain says what is wrong with a registration: Eureka's words for it are few. A caller could fill the log, so only who asks is told.
func (h *Handler) explain(r request, app string, why error) {
	h.log.DebugContext(r.Context(), "a registration is refused", "app", app, "client", r.RemoteAddr, "error", why)
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
	case i.DataCenter.Name == "" && i.DataCenter.Nameless:
		return "Missing dataCenterInfo Name"
	case i.DataCenter.Name == "":
		return "Missing dataCenterInfo"
	case !acceptable(i.ID()) || !acceptable(i.App):
		return "instanceId and app must not be longer than 1024 bytes, nor have control characters"
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

// bodies are buffers for what callers send; nothing of it is kept.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read gives a body, unpacked when it is gzipped and in UTF-8, to use, or answers itself.
func read(w http.ResponseWriter, r request, limit int64, use func(body []byte)) {
	if r.ContentLength > limit {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	from := promptly(w, r.Body)
	if r.ContentLength < 0 {
		from = http.MaxBytesReader(w, io.NopCloser(from), limit)
	}
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		from = io.LimitReader(unpacked, limit+1)
	}
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= maxBody {
			bodies.Put(body)
		}
	}()
	body.Reset()
	_, err := body.ReadFrom(from)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge) || int64(body.Len()) > limit:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	default:
		use(utf8Text(body.Bytes()))
	}
}

func replicated(r *http.Request) bool {
	return r.Header.Get("X-Netflix-Discovery-Replication") == "true"
}

// parameter returns the first value of a name in a query. A heartbeat asks for two of them: a map of all would cost more than it does.
func parameter(query, name string) (value string, there bool) {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			return value, true
		}
	}
	return "", false
}

// dirty reads lastDirtyTimestamp; absent is 0.
func dirty(query string) (int64, bool) {
	text, there := parameter(query, "lastDirtyTimestamp")
	if !there {
		return 0, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// renew takes a heartbeat. The answer has no body, since Java clients would read one as an instance; only a peer that has an
// older version gets the one stored.
func (h *Handler) renew(w http.ResponseWriter, r request) {
	lastDirty, ok := dirty(r.URL.RawQuery)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	renewal := registry.Renewal{LastDirty: lastDirty, Overridden: discovery.Unknown, Replicated: replicated(r.Request)}
	if renewal.Replicated {
		if text, _ := parameter(r.URL.RawQuery, "overriddenstatus"); text != "" {
			renewal.Overridden = discovery.ParseStatus(text)
		}
	}
	stored, err := h.registry.Renew(r.parts[1], r.parts[2], renewal)
	if stored != nil {
		f := replyFormat(r.Request)
		w.Header().Set("Content-Type", f.ContentType())
		w.WriteHeader(statusOf(err))
		_, _ = w.Write(full(f).AppendInstance(nil, stored))
		return
	}
	h.answer(w, err)
}

func (h *Handler) cancel(w http.ResponseWriter, r request) {
	h.answer(w, h.registry.Cancel(r.parts[1], r.parts[2]))
}

func (h *Handler) status(w http.ResponseWriter, r request) {
	app, id := r.parts[1], r.parts[2]
	lastDirty, ok := dirty(r.URL.RawQuery)
	value, _ := parameter(r.URL.RawQuery, "value")
	status := discovery.ParseStatus(value)
	if status == discovery.Unknown && value != discovery.Unknown.String() && (value != "" || r.Method == http.MethodPut) {
		ok = false
	}
	switch {
	case h.registry.Instance(app, id) == nil:
		w.WriteHeader(http.StatusNotFound) // whatever else is wrong
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
	case r.Method == http.MethodPut:
		h.answer(w, h.registry.Override(app, id, status, lastDirty))
	default:
		h.answer(w, h.registry.RemoveOverride(app, id, status, lastDirty))
	}
}

func (h *Handler) metadata(w http.ResponseWriter, r request) {
	entries := map[string]string{}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key = unescaped(key); key == "" {
			continue
		}
		if _, there := entries[key]; !there { // the first one counts
			entries[key] = unescaped(value)
		}
	}
	h.answer(w, h.registry.UpdateMetadata(r.parts[1], r.parts[2], entries))
}

// unescaped returns a part of a query; what is no escape stands for itself, as in Netflix's server.
func unescaped(part string) string {
	if text, err := url.QueryUnescape(part); err == nil {
		return text
	}
	return part
}

// autoScaling is for servers on AWS only.
func (h *Handler) autoScaling(w http.ResponseWriter, _ request) { w.WriteHeader(http.StatusBadRequest) }

func (h *Handler) batch(w http.ResponseWriter, r request) {
	read(w, r, maxBatch, func(body []byte) { h.batchDocument(w, r, body) })
}

func (h *Handler) batchDocument(w http.ResponseWriter, r request, body []byte) {
	changes, err := wire.DecodeReplication(body)
	if err != nil {
		refuse(w, wire.JSON, `{"error": "cannot parse request body"}`, "")
		return
	}
	results := make([]wire.ReplicationResult, len(changes))
	for n, c := range changes {
		results[n] = h.replicate(c)
	}
	f := full(replyFormat(r.Request))
	w.Header().Set("Content-Type", f.ContentType())
	if f == wire.XML {
		_, _ = io.WriteString(w, xmlResults(results)) // the caller is gone when this fails
		return
	}
	_, _ = w.Write(wire.AppendReplicationResponse(nil, results)) // as above
}

// xmlResults is the answer to a batch for those who want it in XML. Peers do not, so it has no instances.
func xmlResults(results []wire.ReplicationResult) string {
	const root, one = "com.netflix.eureka.cluster.protocol.ReplicationListResponse", "com.netflix.eureka.cluster.protocol.ReplicationInstanceResponse"
	var out strings.Builder
	out.WriteString("<" + root + "><responseList>")
	for _, result := range results {
		fmt.Fprintf(&out, "<%s><statusCode>%d</statusCode></%[1]s>", one, result.StatusCode)
	}
	out.WriteString("</responseList></" + root + ">")
	return out.String()
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
