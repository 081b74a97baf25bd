package web

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/archimedes-go/archimedes/modules/internal/inbound"
)

// privateNetworks are those of Tomcat's RemoteIpValve.
const privateNetworks = "10.0.0.0/8, 192.168.0.0/16, 169.254.0.0/16, 127.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, ::1/128, fe80::/10, fc00::/7"

// forwarded believes what proxies of the own estate say of their callers, as Tomcat's RemoteIpValve does, and nobody else.
type forwarded struct {
	on        bool
	framework bool // the headers Forwarded and X-Forwarded-Prefix count, too (Spring's ForwardedHeaderFilter)
	networks  []netip.Prefix
	pattern   *regexp.Regexp // in place of networks
}

func newForwarded(cfg Config) (*forwarded, error) {
	f := &forwarded{on: cfg.ForwardHeaders == "native" || cfg.ForwardHeaders == "framework", framework: cfg.ForwardHeaders == "framework"}
	text := cfg.Tomcat.RemoteIP.InternalProxies
	if text == "" {
		text = privateNetworks
	}
	var err error
	if f.networks, err = parseNetworks(text); err != nil {
		if f.pattern, err = regexp.Compile(`\A(?:` + text + `)\z`); err != nil {
			return nil, fmt.Errorf("is neither a list of networks nor a regular expression: %w", err)
		}
	}
	return f, nil
}

func parseNetworks(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, one := range strings.Split(text, ",") {
		one = strings.TrimSpace(one)
		if address, err := netip.ParseAddr(one); err == nil {
			all = append(all, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, err
		}
		all = append(all, network)
	}
	return all, nil
}

func (f *forwarded) trusts(a netip.Addr) bool {
	if f.pattern != nil {
		return f.pattern.MatchString(a.String())
	}
	return slices.ContainsFunc(f.networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// apply returns the request as its caller made it: RemoteAddr, Host and the scheme are those that trusted proxies tell. The headers
// themselves stay.
func (f *forwarded) apply(r *http.Request) *http.Request {
	if !f.on {
		return r
	}
	peer, ok := addressOf(r.RemoteAddr)
	if !ok || !f.trusts(peer) {
		return r
	}
	proto, host := firstOf(r.Header.Get("X-Forwarded-Proto")), firstOf(r.Header.Get("X-Forwarded-Host"))
	chain := strings.Join(r.Header["X-Forwarded-For"], ",")
	if elements := r.Header["Forwarded"]; f.framework && len(elements) > 0 {
		chain, proto, host = parseForwarded(strings.Join(elements, ","))
	}
	if proto = strings.ToLower(proto); proto != "http" && proto != "https" {
		proto = ""
	}
	hop := inbound.Hop{Peer: r.RemoteAddr, Scheme: proto}
	if f.framework {
		hop.Root = parsePrefix(r.Header["X-Forwarded-Prefix"])
	}
	r = inbound.With(r, hop)
	if host != "" && !strings.ContainsAny(host, " /\\@?#\"<>") {
		r.Host = withPort(host, firstOf(r.Header.Get("X-Forwarded-Port")), proto)
	}
	if client := f.client(chain, peer); client != peer {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
	}
	return r
}

// client returns the last address of the chain that is no proxy of ours: what stands before it anybody may have written.
func (f *forwarded) client(chain string, peer netip.Addr) netip.Addr {
	client := peer
	for _, one := range slices.Backward(strings.Split(chain, ",")) {
		address, ok := addressOf(strings.TrimSpace(one))
		if !ok {
			break
		}
		if client = address; !f.trusts(address) {
			break
		}
	}
	return client
}

// addressOf reads an address with or without a port.
func addressOf(text string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}

func withPort(host, port, proto string) string {
	if _, _, err := net.SplitHostPort(host); err == nil || port == "" || strings.Trim(port, "0123456789") != "" {
		return host
	}
	if proto == "https" && port == "443" || proto != "https" && port == "80" {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(first)
}

// parseForwarded reads RFC 7239: the chain of for, and proto and host of the first element that has them.
func parseForwarded(text string) (chain, proto, host string) {
	var clients []string
	for _, element := range strings.Split(text, ",") {
		for _, pair := range strings.Split(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			value = strings.Trim(value, `"`)
			switch strings.ToLower(name) {
			case "for":
				clients = append(clients, value)
			case "proto":
				proto = cmp.Or(proto, value)
			case "host":
				host = cmp.Or(host, value)
			}
		}
	}
	return strings.Join(clients, ","), proto, host
}

// parsePrefix joins the paths under which proxies serve us, outermost first. One that is no plain path counts for nothing.
func parsePrefix(values []string) string {
	whole := ""
	for _, one := range strings.Split(strings.Join(values, ","), ",") {
		one = strings.TrimRight(strings.TrimSpace(one), "/")
		if one == "" {
			continue
		}
		if one[0] != '/' || strings.HasPrefix(one, "//") || strings.ContainsAny(one, " \\?#\"<>") || strings.Contains(one, "..") {
			return ""
		}
		whole += one
	}
	return whole
}
