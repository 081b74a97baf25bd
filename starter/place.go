package starter

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

// lookUp is how long the own name or address may be looked up in DNS.
const lookUp = time.Second

// place returns the name and address that are registered. What is given is taken; what is not follows from the other through
// DNS, and both from this machine's addresses.
func (c Config) place() (host, ip string, err error) {
	if strings.ContainsAny(c.InstanceHost, "/ ") {
		return "", "", fmt.Errorf("starter: Config.InstanceHost is %q; a host name such as web-1.example or an address is expected", c.InstanceHost)
	}
	if c.InstanceIP != "" {
		if _, err := netip.ParseAddr(c.InstanceIP); err != nil {
			return "", "", fmt.Errorf("starter: Config.InstanceIP is %q; an address such as 10.0.0.7 is expected", c.InstanceIP)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUp)
	defer cancel()
	host, ip = strings.Trim(c.InstanceHost, "[]"), c.InstanceIP
	if ip == "" && host != "" {
		ip = addressOf(ctx, host)
	}
	if ip == "" {
		if ip, err = c.found(); err != nil {
			return "", "", err
		}
	}
	if host == "" {
		host = nameOf(ctx, ip)
	}
	return host, ip, nil
}

// addressOf returns the first address of a name, IPv4 before IPv6, or "".
func addressOf(ctx context.Context, host string) string {
	if literal, err := netip.ParseAddr(host); err == nil {
		return literal.String()
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(all) == 0 {
		return ""
	}
	for _, one := range all {
		if one = one.Unmap(); one.Is4() {
			return one.String()
		}
	}
	return all[0].String()
}

// nameOf returns the name of an address, or the address.
func nameOf(ctx context.Context, ip string) string {
	names, err := net.DefaultResolver.LookupAddr(ctx, ip)
	if err != nil || len(names) == 0 {
		return ip
	}
	return strings.TrimSuffix(names[0], ".")
}

// found returns this machine's address: of the network that is asked for, on the way to the first server, or else any.
func (c Config) found() (string, error) {
	f := eureka.Finder{Config: eureka.DefaultInetConfig(), Machine: eureka.ThisMachine(), Hostname: "found by address"}
	if c.InstanceIPNetwork != "" {
		if _, err := netip.ParsePrefix(c.InstanceIPNetwork); err != nil {
			return "", fmt.Errorf("starter: Config.InstanceIPNetwork is %q; a network such as 10.0.0.0/8 is expected", c.InstanceIPNetwork)
		}
		f.Config.PreferredNetworks = []string{c.InstanceIPNetwork}
	}
	servers, err := c.servers()
	if err != nil {
		return "", err
	}
	server, _, _ := strings.Cut(servers, ",http")
	scheme, rest, _ := strings.Cut(server, "://")
	f.Server = scheme + "://" + rest[strings.LastIndexByte(rest, '@')+1:]
	return f.Find().IP, nil
}
