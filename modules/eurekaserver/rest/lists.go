package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// documents are the lists that every client fetches, encoded once per change in each format, plain and packed, and shared
// by the requests for them. At most one of each kind is kept.
type documents struct {
	all [2][4][2]document // whole and delta, wire.Format, plain and packed
}

// document is one of them; whoever needs it first makes it, the others wait for that.
type document struct {
	mu      sync.Mutex
	version int64
	body    []byte
	used    time.Time
	packer  packer
}

// idle is how long a document is kept that nobody asks for.
const idle = 5 * time.Minute

func (d *documents) get(r *registry.Registry, delta bool, f wire.Format, packed bool) []byte {
	one := &d.all[index(delta)][f][index(packed)]
	s := r.Snapshot()
	one.mu.Lock()
	defer one.mu.Unlock()
	one.used = time.Now()
	if one.version >= s.Version {
		return one.body // made for a request that came later than this one, or nothing has changed
	}
	s = r.Snapshot() // those that wait behind this one share what is made now
	apps := s.All
	version := "1"
	if delta {
		apps, version = s.Delta, strconv.FormatInt(s.Version, 10)
	}
	if packed {
		one.body = one.packer.pack(f, version, s.Hash, apps)
	} else {
		one.body = plain(f, version, s.Hash, apps)
	}
	one.version = s.Version
	return one.body
}

// tidy drops documents that nobody asked for lately.
func (d *documents) tidy() {
	for i := range d.all {
		for f := range d.all[i] {
			for p := range d.all[i][f] {
				one := &d.all[i][f][p]
				one.mu.Lock()
				if one.body != nil && time.Since(one.used) > idle {
					one.version, one.body, one.packer = 0, nil, packer{}
				}
				one.mu.Unlock()
			}
		}
	}
}

func index(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func plain(f wire.Format, version, hash string, apps []*wire.Application) []byte {
	d := f.Applications(nil, version, hash)
	for _, app := range apps {
		d.Application(app.Name)
		for _, i := range app.Instances {
			d.Instance(i)
		}
	}
	return d.End()
}

func (h *Handler) all(w http.ResponseWriter, r request)   { h.list(w, r.Request, false) }
func (h *Handler) delta(w http.ResponseWriter, r request) { h.list(w, r.Request, true) }

func (h *Handler) list(w http.ResponseWriter, r *http.Request, delta bool) {
	if !h.limiter.allows(r, !delta) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	f, ok := format(r)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	if regions, _ := parameter(r.URL.RawQuery, "regions"); regions != "" {
		// The real server leaves out regions that it does not know, and clients would lose the registry with anything but a 200.
		h.regions.Do(func() {
			h.log.WarnContext(r.Context(), "a client asks for remote regions; this server has none and answers with its own registry: unset eureka.client.fetch-remote-regions-registry there", "client", r.RemoteAddr)
		})
	}
	packed := strings.Contains(strings.ToLower(r.Header.Get("Accept-Encoding")), "gzip")
	if packed {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Vary", "Accept, Accept-Encoding, X-Eureka-Accept")
	write(w, r, f, h.documents.get(h.registry, delta, f, packed))
}

func write(w http.ResponseWriter, r *http.Request, f wire.Format, body []byte) {
	w.Header().Set("Content-Type", f.ContentType())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		expectReader(w, len(body))
		_, _ = w.Write(body) // the caller is gone when this fails
	}
}

func (h *Handler) application(w http.ResponseWriter, r request) {
	if !h.limiter.allows(r.Request, false) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	f, ok := format(r.Request)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	app := h.registry.Application(r.parts[1])
	if app == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	write(w, r.Request, f, f.AppendApplication(nil, app))
}

func (h *Handler) instance(w http.ResponseWriter, r request) {
	h.single(w, r.Request, h.registry.Instance(r.parts[1], r.parts[2]))
}

func (h *Handler) instanceByID(w http.ResponseWriter, r request) {
	h.single(w, r.Request, h.registry.InstanceByID(r.parts[1]))
}

func (h *Handler) single(w http.ResponseWriter, r *http.Request, i *wire.Instance) {
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

func (h *Handler) vip(w http.ResponseWriter, r request) {
	h.selection(w, r.Request, h.registry.VIP(r.parts[1]))
}

func (h *Handler) secureVIP(w http.ResponseWriter, r request) {
	h.selection(w, r.Request, h.registry.SecureVIP(r.parts[1]))
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
func (h *Handler) serverStatus(w http.ResponseWriter, in request) {
	r := in.Request
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
