package eurekaserver

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/archimedes-go/archimedes/config"
)

// Browsers is what "eureka.server" in application.yml says of pages in browsers.
type Browsers struct {
	Hosts []string `config:"browser-hosts"` // ours: names under which browsers reach this server, besides localhost, this machine's own and addresses; default none
}

// Validate reports everything that cannot work.
func (b Browsers) Validate() error {
	for i, host := range b.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@* ") {
			return config.FieldError{Key: fmt.Sprintf("browser-hosts[%d]", i), Problem: "must be a name such as eureka.example.org, without scheme and port"}
		}
	}
	return nil
}

// own are the names by which a page may know this server.
type own map[string]bool

func (b Browsers) own(more ...string) own {
	machine, _ := os.Hostname() // one that has no name has no page under it
	short, _, _ := strings.Cut(machine, ".")
	o := own{"localhost": true}
	for _, name := range append(append(more, machine, short), b.Hosts...) {
		if name != "" {
			o[strings.ToLower(name)] = true
		}
	}
	return o
}

// guard lets no page change anything that this server did not send: pages of other sites, which a browser tells apart, and, where no
// user has to be known, pages of a name that its owner lets point here (DNS rebinding), which it does not. Whoever is no browser
// passes: it says neither where its page is from nor what kind of request this is.
func (o own) guard(next http.Handler, u User) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			if len(r.Header["Origin"]) == 0 && len(r.Header["Sec-Fetch-Site"]) == 0 {
				break
			}
			if err := origin.Check(r); err != nil {
				http.Error(w, "pages of other sites may not do that", http.StatusForbidden)
				return
			}
			if u.Password == "" && !o.has(r.Host) {
				http.Error(w, "this page was reached under a name that the server does not know: list it in eureka.server.browser-hosts, or set spring.security.user.password", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// has reports whether the header Host is an address, which no other site can have, or a name of this server.
func (o own) has(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return o[host] || strings.HasSuffix(host, ".localhost")
}
