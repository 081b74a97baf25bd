package cases

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Exchange is a request to a config server and its answer.
type Exchange struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers,omitempty"` // of the request
	Status  int               `json:"status"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// told are the headers of a request that matter to a config server.
var told = []string{"Authorization", "X-Config-Token", "X-Extra"}

func requestOf(r *http.Request) Exchange {
	e := Exchange{Path: r.URL.EscapedPath(), Headers: map[string]string{}}
	for _, name := range told {
		if value := r.Header.Get(name); value != "" {
			e.Headers[name] = value
		}
	}
	return e
}

func (e Exchange) key() string {
	text, _ := json.Marshal(Exchange{Path: e.Path, Headers: e.Headers})
	return string(text)
}

// Lines writes exchanges as JSON, one a line.
func Lines(exchanges []Exchange) string {
	lines := make([]string, len(exchanges))
	for i, e := range exchanges {
		text, err := json.Marshal(e) // which writes the body without blanks
		if err != nil {
			panic(err) // it was JSON
		}
		lines[i] = string(text)
	}
	return "[" + strings.Join(lines, ",\n") + "]\n"
}

// Recorder stands before a real config server and keeps what passes.
type Recorder struct {
	*httptest.Server

	mu   sync.Mutex
	seen []Exchange
}

// NewRecorder passes requests on to a config server. What it serves from folder is recorded as served from /repository.
func NewRecorder(upstream, folder string) *Recorder {
	target, err := url.Parse(upstream)
	if err != nil {
		panic(err)
	}
	r := &Recorder{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(response *http.Response) error {
			body, err := io.ReadAll(response.Body)
			if err != nil {
				return err
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			e := requestOf(response.Request)
			e.Status = response.StatusCode
			if body = bytes.ReplaceAll(body, []byte(folder), []byte("/repository")); json.Valid(body) && e.Status == http.StatusOK {
				e.Body = body
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if !slices.ContainsFunc(r.seen, func(known Exchange) bool { return known.key() == e.key() }) {
				r.seen = append(r.seen, e)
			}
			return nil
		},
	}
	r.Server = httptest.NewServer(proxy)
	return r
}

// Exchanges returns what was recorded, sorted.
func (r *Recorder) Exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.SortedFunc(slices.Values(r.seen), func(a, b Exchange) int { return cmp.Compare(a.key(), b.key()) })
}

// NewServer returns a config server that answers as one was recorded to, or misbehaves as the case wants. A request that was
// not recorded is answered with 410, and kept in the list that the second result gives.
func NewServer(c *Case) (server *httptest.Server, unexpected func() []string) {
	var mu sync.Mutex
	var strange []string
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch c.Server {
		case "html":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html><body>Please log in</body></html>")
			return
		case "slow":
			<-r.Context().Done()
			return
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		asked := requestOf(r)
		for _, e := range c.Served {
			if e.key() == asked.key() {
				w.Header().Set("Content-Type", "application/vnd.spring-cloud.config-server.v2+json")
				w.WriteHeader(e.Status)
				_, _ = w.Write(e.Body)
				return
			}
		}
		mu.Lock()
		strange = append(strange, asked.key())
		mu.Unlock()
		w.WriteHeader(http.StatusGone)
	}))
	return server, func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(strange) }
}

// HostOf is what CONFIG_HOST says of a server.
func HostOf(server *httptest.Server) string { return strings.TrimPrefix(server.URL, "http://") }
