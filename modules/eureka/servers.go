package eureka

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is one Eureka server.
type server struct {
	base  string // with a trailing slash, without credentials: what logs and errors may show
	basic string // value of the Authorization header; may be empty

	header http.Header // of every request, with the credentials; not to be changed
}

// parseServers reads comma-separated URLs. A comma separates only where a scheme follows, as passwords may contain any.
func parseServers(text string) ([]server, error) {
	var servers []server
	for _, one := range splitURLs(text) {
		s, err := parseServer(one)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	if len(servers) == 0 {
		return nil, errors.New("names no server; a URL such as http://eureka-1:8761/eureka/ is expected")
	}
	return servers, nil
}

func splitURLs(text string) []string {
	var urls []string
	schemes := strings.Contains(text, "://")
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if len(urls) > 0 && schemes && !hasScheme(part) {
			urls[len(urls)-1] += "," + part // a password goes on
			continue
		}
		urls = append(urls, part)
	}
	return urls
}

func hasScheme(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// parseServer reads one URL. Credentials run from :// to the last @, the first colon splits them, and % escapes only
// before two hex digits, so that passwords need no escaping. Errors show no part of them.
func parseServer(text string) (server, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "http" && scheme != "https" {
		return server{}, errors.New("every server must be a URL such as http://eureka-1:8761/eureka/")
	}
	var credentials string
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, password, _ := strings.Cut(rest[:at], ":")
		credentials = basic(unescape(user), unescape(password))
		rest = rest[at+1:]
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, " ") {
		host, _, _ := strings.Cut(rest, ":") // where the host was forgotten a password follows
		return server{}, fmt.Errorf("%q is not a host with a port and a path such as eureka-1:8761/eureka/", host)
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return server{}, fmt.Errorf("the port of the server %s must be a number up to 65535", u.Hostname())
		}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return server{}, fmt.Errorf("the server %s must not have a query or a fragment", u.Host)
	}
	return server{base: strings.TrimSuffix(u.String(), "/") + "/", basic: credentials}, nil
}

// basic returns the value of an Authorization header.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// unescape decodes %XX and leaves every other % alone.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if decoded, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(decoded)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// How long a server that failed is passed over while another answers.
const (
	minQuarantine = 10 * time.Second
	maxQuarantine = 5 * time.Minute
)

// cluster is the servers in their order of preference. It is safe for concurrent use.
type cluster struct {
	servers []server
	all     []int // the indexes of servers, for when none is passed over
	mu      sync.Mutex
	states  []struct {
		until    time.Time // passed over until then
		failures int
	}
}

func newCluster(servers []server) *cluster {
	c := &cluster{servers: servers}
	c.states = make([]struct {
		until    time.Time
		failures int
	}, len(servers))
	for i := range servers {
		c.all = append(c.all, i)
		s := &servers[i]
		if s.header = usual; s.basic != "" {
			s.header = maps.Clone(usual)
			s.header.Set("Authorization", s.basic)
		}
	}
	return c
}

// candidates returns the indexes of the servers in the order to try them: the preferred first, those that failed lately
// last. A server whose quarantine is over takes its old place, which is how the client returns to the preferred one. The result is not to
// be changed.
func (c *cluster) candidates(now time.Time) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := func(i int) bool { return now.Before(c.states[i].until) }
	if !slices.ContainsFunc(c.all, passed) {
		return c.all
	}
	order := make([]int, 0, len(c.servers))
	for i := range c.servers {
		if !passed(i) {
			order = append(order, i)
		}
	}
	for i := range c.servers {
		if passed(i) {
			order = append(order, i)
		}
	}
	return order
}

// failed passes a server over for a while, and at least for as long as it asks for.
func (c *cluster) failed(i int, now time.Time, asked time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.states[i]
	s.until = now.Add(max(min(minQuarantine<<min(s.failures, 10), maxQuarantine), asked))
	s.failures++
}

func (c *cluster) answered(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[i].until, c.states[i].failures = time.Time{}, 0
}
