package traces

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
)

const (
	maxBody = 4 << 20 // of a request, before and after it is decompressed
	atOnce  = 8       // requests that are read at the same time
)

// Handler takes what exporters send: OTLP over HTTP, as protobuf or JSON, plain or gzip, at most 4 MB. It answers only programs of
// this machine, and neither proxies nor browsers.
type Handler struct {
	store *Store
	slots chan struct{}
}

// NewHandler returns a handler that adds to a store.
func NewHandler(s *Store) *Handler { return &Handler{s, make(chan struct{}, atOnce)} }

// Content types of OTLP over HTTP.
const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if why := stranger(r); why != "" {
		http.Error(w, "traces are taken from programs of this machine only: "+why, http.StatusForbidden)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "send spans with POST, as OTLP over HTTP", http.StatusMethodNotAllowed)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != protobufType && kind != jsonType {
		http.Error(w, "send OTLP as "+protobufType+" or "+jsonType, http.StatusUnsupportedMediaType)
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		w.Header().Set("Retry-After", "1") // exporters do
		http.Error(w, "too many exports at once", http.StatusServiceUnavailable)
		return
	}
	body, status, err := read(w, r)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	b := newBatch(h.store.spans)
	if kind == jsonType {
		err = b.readJSON(body)
	} else {
		err = b.readProtobuf(body)
	}
	if err != nil {
		http.Error(w, "this is no ExportTraceServiceRequest: "+err.Error(), http.StatusBadRequest)
		return
	}
	h.store.Add(b.spans)
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(answer(kind, b.rejected))
}

// stranger says why a request is not from a program of this machine, "" when it is. A browser here may be told by any site what to
// send, and a proxy here may pass on what comes from anywhere.
func stranger(r *http.Request) string {
	if peer, err := netip.ParseAddrPort(inbound.Peer(r)); err != nil || !peer.Addr().IsLoopback() {
		return "the connection comes from elsewhere"
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if len(r.Header[header]) > 0 {
			return "a proxy passed this on, says " + header
		}
	}
	for _, header := range []string{"Origin", "Sec-Fetch-Site"} {
		if len(r.Header[header]) > 0 {
			return "a browser sent this, says " + header
		}
	}
	if !local(r.Host) {
		return "it asks for another host than localhost"
	}
	return ""
}

// local reports whether a Host header names this machine as only programs here can mean it. Any other name may be one that a site
// made point here.
func local(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// read returns the body, decompressed; or the status to answer, and why.
func read(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	tooLarge := fmt.Errorf("an export is %d MB at most; let the exporter send smaller batches", maxBody>>20)
	var from io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	switch coding := r.Header.Get("Content-Encoding"); strings.ToLower(coding) {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("the body is not gzip: %w", err)
		}
		from = io.LimitReader(unpacked, maxBody+1)
	default:
		return nil, http.StatusUnsupportedMediaType, errors.New("send the body plain or as gzip")
	}
	body, err := io.ReadAll(from)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large), len(body) > maxBody:
		return nil, http.StatusRequestEntityTooLarge, tooLarge
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("the body could not be read: %w", err)
	}
	return body, 0, nil
}

// answer is an ExportTraceServiceResponse.
func answer(kind string, rejected int) []byte {
	const why = "spans without ids are refused, and those beyond what is kept"
	if kind == jsonType {
		if rejected == 0 {
			return []byte("{}")
		}
		return fmt.Appendf(nil, `{"partialSuccess":{"rejectedSpans":"%d","errorMessage":%q}}`, rejected, why)
	}
	if rejected == 0 {
		return nil
	}
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(rejected))
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}
