package dashboard

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/dashboard/traces"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
)

//go:embed assets
var assets embed.FS

// root is where everything but the page lives.
const root = "/eureka-ui/"

// Handler is the dashboard. It is safe for concurrent use.
type Handler struct {
	cfg      Config
	registry *registry.Registry
	traces   *traces.Store // nil: no spans are taken
	now      func() time.Time
	origin   *http.CrossOriginProtection
}

// Option adjusts a [Handler].
type Option func(*Handler)

// WithConfig sets what may be changed. Default: [DefaultConfig].
func WithConfig(cfg Config) Option { return func(h *Handler) { h.cfg = cfg } }

// WithTraces shows the calls that a store knows. Default: none, and no page for them.
func WithTraces(s *traces.Store) Option { return func(h *Handler) { h.traces = s } }

// WithClock makes the page believe another clock, the registry's. Default: the system's.
func WithClock(now func() time.Time) Option { return func(h *Handler) { h.now = now } }

// New returns the dashboard of a registry.
func New(r *registry.Registry, opts ...Option) *Handler {
	h := &Handler{cfg: DefaultConfig(), registry: r, now: time.Now, origin: http.NewCrossOriginProtection()}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

// policy lets the page load what is beside it, and nothing run that an instance could have written into it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP answers with the page at the path of the settings and at /eureka-ui/, and with what it loads below that.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	path := r.URL.Path
	if path == root+"status" {
		if h.cfg.Actions {
			h.setStatus(w, r)
		} else {
			http.NotFound(w, r)
		}
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "this page is for reading", http.StatusMethodNotAllowed)
		return
	}
	if h.traces != nil && (path == root+"traces" || strings.HasPrefix(path, root+"traces/")) {
		h.serveCalls(w, r, strings.Trim(path[len(root+"traces"):], "/"))
		return
	}
	switch path {
	case root + "events":
		h.events(w, r, h.registry.News, h.version)
	case root + "style.css", root + "script.js", root + "icon.svg":
		header.Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, assets, "assets/"+strings.TrimPrefix(path, root))
	case root, strings.TrimSuffix(root, "/"), h.cfg.Path, strings.TrimSuffix(h.cfg.Path, "/") + "/":
		h.page(w, r)
	case root + "lastn", "/lastn": // where Eureka's own dashboard has it
		h.last(w, r)
	default:
		http.NotFound(w, r)
	}
}

// base is the way from a page to /eureka-ui/. It is relative, since a proxy or a context path may stand before all of them.
func base(path string) string { return strings.Repeat("../", strings.Count(path, "/")-1) + root[1:] }

func (h *Handler) page(w http.ResponseWriter, r *http.Request) {
	// A context path is asked for without its slash, too; what is relative would then be looked for beside it.
	if asked, query, more := strings.Cut(r.RequestURI, "?"); strings.HasSuffix(r.URL.Path, "/") && strings.HasPrefix(asked, "/") && !strings.HasSuffix(asked, "/") {
		to := asked[strings.LastIndexByte(asked, '/')+1:] + "/"
		if more {
			to += "?" + query
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
		return
	}
	v := h.look(r.URL.Query().Get("q"))
	v.Title, v.Base, v.Stream, v.More, v.Calls = "Eureka", base(r.URL.Path), "events", v.Shown < v.Found, h.traces != nil
	var t text
	t.page(v)
	t.send(w, http.StatusOK)
}

func (h *Handler) last(w http.ResponseWriter, r *http.Request) {
	v := h.lookBack(r.URL.Query().Get("q"))
	v.Title, v.Base, v.Stream, v.Calls = "Eureka: last events", base(r.URL.Path), "events", h.traces != nil
	v.More = true // so that a search asks the server
	var t text
	t.last(v)
	t.send(w, http.StatusOK)
}

// setStatus takes an instance out of service or back. The form says which.
func (h *Handler) setStatus(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "send a form", http.StatusMethodNotAllowed)
		return
	}
	if err := h.origin.Check(r); err != nil {
		http.Error(w, "only this page's own buttons may do that", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	app, id := r.PostFormValue("app"), r.PostFormValue("id")
	var err error
	switch r.PostFormValue("do") {
	case "out":
		err = h.registry.Override(app, id, discovery.OutOfService, 0)
	case "back":
		// It shows what it said of itself, when that is known: nobody but itself ends a DOWN.
		status := discovery.Up
		if i := h.registry.Instance(app, id); i != nil && i.Status != discovery.OutOfService {
			status = i.Status
		}
		err = h.registry.RemoveOverride(app, id, status, 0)
	default:
		http.Error(w, "do must be out or back", http.StatusBadRequest)
		return
	}
	switch {
	case errors.Is(err, registry.ErrUnknown):
		http.Error(w, "this instance is not listed any more", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	// Relative, and by hand: http.Redirect would leave a context path out.
	w.Header().Set("Location", "../"+root[1:])
	w.WriteHeader(http.StatusSeeOther)
}

const (
	collecting = 250 * time.Millisecond // how long changes are collected before one frame tells of them
	apart      = time.Second            // how far apart frames are at least, since a page costs the server milliseconds
	keepAlive  = 15 * time.Second       // how often a silent stream shows that it lives
)

// events tells a page that it is out of date, once per change, until the caller leaves or the server stops, which ends the
// context of a request that answers with a stream. A frame carries only the version: the page loads itself again.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, news func() <-chan struct{}, version func() string) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would collect them
	w.WriteHeader(http.StatusOK)
	idle := time.NewTicker(keepAlive)
	defer idle.Stop()
	send := func(text string) bool {
		if _, err := fmt.Fprint(w, text); err != nil {
			return false
		}
		return http.NewResponseController(w).Flush() == nil
	}
	// The channel comes before the version: what happens between the two is told twice rather than never.
	next, last, told := news(), time.Time{}, version()
	if !send("data: " + told + "\n\n") {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-idle.C:
			if !send(":\n\n") {
				return
			}
		case <-next:
			select {
			case <-r.Context().Done():
				return
			case <-time.After(max(collecting, apart-time.Since(last))):
			}
			last, next = time.Now(), news()
			if now := version(); now != told { // what is new may be about something else
				told = now
				if !send("data: " + told + "\n\n") {
					return
				}
			}
		}
	}
}

func (h *Handler) version() string {
	return version(h.registry.Events())
}

// noEvents is the version before anything happened.
const noEvents = "0"

func version(events []registry.Event) string {
	if len(events) == 0 {
		return noEvents
	}
	return strconv.FormatInt(events[0].At.UnixNano(), 36)
}
