package eureka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
)

// InetConfig is what "spring.cloud.inetutils" in application.yml can say about finding one's own address.
type InetConfig struct {
	DefaultHostname   string        `config:"default-hostname"`               // when nothing is found; default localhost
	DefaultIPAddress  string        `config:"default-ip-address"`             // when nothing is found; default 127.0.0.1
	Timeout           time.Duration `config:"timeout-seconds,unit=s"`         // of looking up one's own name; default 1s
	IgnoredInterfaces []string      `config:"ignored-interfaces"`             // regular expressions of whole names, such as docker0; default none
	PreferredNetworks []string      `config:"preferred-networks"`             // regular expressions or beginnings of addresses, such as 10.0; ours: networks, such as 10.0.0.0/16; default any
	SiteLocalOnly     bool          `config:"use-only-site-local-interfaces"` // private IPv4 addresses only; default false
}

// DefaultInetConfig returns the settings in force when application.yml is silent.
func DefaultInetConfig() InetConfig {
	return InetConfig{DefaultHostname: "localhost", DefaultIPAddress: "127.0.0.1", Timeout: time.Second}
}

// Validate reports expressions that cannot be read.
func (c InetConfig) Validate() error {
	var faults []error
	for i, e := range c.IgnoredInterfaces {
		if _, err := regexp.Compile(e); err != nil {
			faults = append(faults, config.FieldError{Key: fmt.Sprintf("ignored-interfaces[%d]", i), Problem: err.Error()})
		}
	}
	if c.Timeout <= 0 {
		faults = append(faults, config.FieldError{Key: "timeout-seconds", Problem: "must be positive"})
	}
	return errors.Join(faults...)
}

// Interface is a network interface of this machine.
type Interface struct {
	Name      string
	Index     int
	Addresses []netip.Addr
}

// Machine is what a [Finder] asks about this machine. [ThisMachine] is the real one.
type Machine struct {
	Interfaces func() ([]Interface, error)                                          // those that are up
	Route      func(hostport string) (netip.Addr, error)                            // local address of packets to there; none is sent
	Reverse    func(ctx context.Context, address netip.Addr) (name string, _ error) // name of an address
	Hostname   func() (string, error)
}

// ThisMachine asks the operating system.
func ThisMachine() Machine {
	return Machine{
		Interfaces: func() ([]Interface, error) {
			all, err := net.Interfaces()
			if err != nil {
				return nil, err
			}
			var up []Interface
			for _, one := range all {
				if one.Flags&net.FlagUp == 0 {
					continue
				}
				i := Interface{Name: one.Name, Index: one.Index}
				addresses, err := one.Addrs()
				if err != nil {
					continue
				}
				for _, a := range addresses {
					if prefix, err := netip.ParsePrefix(a.String()); err == nil {
						i.Addresses = append(i.Addresses, prefix.Addr().Unmap())
					}
				}
				up = append(up, i)
			}
			return up, nil
		},
		Route: func(hostport string) (netip.Addr, error) {
			conn, err := net.DialTimeout("udp", hostport, time.Second)
			if err != nil {
				return netip.Addr{}, err
			}
			defer conn.Close()
			return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
		},
		Reverse: func(ctx context.Context, address netip.Addr) (string, error) {
			names, err := net.DefaultResolver.LookupAddr(ctx, address.String())
			if err != nil || len(names) == 0 {
				return "", cmpErr(err)
			}
			return strings.TrimSuffix(names[0], "."), nil
		},
		Hostname: os.Hostname,
	}
}

func cmpErr(err error) error {
	if err != nil {
		return err
	}
	return errors.New("no name")
}

// Host is the name and address by which a program is called.
type Host struct {
	Name   string // host name; the address when there is none
	IP     string
	Reason string // why this address
	Weak   bool   // loopback, because nothing else exists: only callers on this machine will reach it
}

// Finder finds the own address in the order: explicit keys; interfaces left by ignored-interfaces and preferred-networks,
// when set; the local address on the way to the Eureka server, unless loopback; the interface with the lowest index that has a
// fitting address (Spring's InetUtils); loopback.
type Finder struct {
	Config   InetConfig
	Hostname string // eureka.instance.hostname
	IP       string // eureka.instance.ip-address
	Server   string // base URL of the Eureka server in use
	Machine  Machine
}

// Find takes as long as looking up the own name, at most the configured timeout; nothing is looked up that is given.
func (f Finder) Find() Host {
	h := f.address()
	switch {
	case f.Hostname != "":
		h.Name = f.Hostname
	case h.Weak && f.IP == "":
		h.Name = f.Config.DefaultHostname
	default:
		h.Name = f.name(h.IP)
	}
	return h
}

func (f Finder) address() Host {
	if f.IP != "" {
		return Host{IP: f.IP, Reason: "eureka.instance.ip-address"}
	}
	if len(f.Config.IgnoredInterfaces) > 0 || len(f.Config.PreferredNetworks) > 0 || f.Config.SiteLocalOnly {
		if ip, name := f.fromInterfaces(); ip != "" {
			return Host{IP: ip, Reason: "interface " + name + ", left by spring.cloud.inetutils"}
		}
	}
	if hostport := f.serverAddress(); hostport != "" {
		if ip, err := f.Machine.Route(hostport); err == nil && ip.IsValid() && !ip.IsLoopback() && !ip.IsUnspecified() {
			return Host{IP: ip.WithZone("").String(), Reason: "route to the Eureka server " + hostport}
		}
	}
	if ip, name := f.fromInterfaces(); ip != "" {
		return Host{IP: ip, Reason: "interface " + name}
	}
	return Host{IP: f.Config.DefaultIPAddress, Reason: "no other address exists", Weak: true}
}

func (f Finder) serverAddress() string {
	u, err := url.Parse(f.Server)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// fromInterfaces is Spring's InetUtils.findFirstNonLoopbackAddress: the interface with the lowest index that is not ignored,
// and of it the last IPv4 address that fits.
func (f Finder) fromInterfaces() (ip, name string) {
	all, err := f.Machine.Interfaces()
	if err != nil {
		return "", ""
	}
	slices.SortFunc(all, func(a, b Interface) int { return a.Index - b.Index })
	for _, one := range all {
		if f.ignores(one.Name) {
			continue
		}
		for _, address := range slices.Backward(one.Addresses) {
			if address.Is4() && !address.IsLoopback() && !address.IsLinkLocalUnicast() && f.prefers(address) {
				return address.String(), one.Name
			}
		}
	}
	return "", ""
}

func (f Finder) ignores(name string) bool {
	return slices.ContainsFunc(f.Config.IgnoredInterfaces, func(e string) bool { return fullMatch(e, name) })
}

func (f Finder) prefers(address netip.Addr) bool {
	if f.Config.SiteLocalOnly {
		return address.IsPrivate()
	}
	text := address.String()
	within := func(e string) bool {
		network, err := netip.ParsePrefix(e)
		return err == nil && network.Contains(address)
	}
	return len(f.Config.PreferredNetworks) == 0 || slices.ContainsFunc(f.Config.PreferredNetworks, func(e string) bool {
		return strings.HasPrefix(text, e) || within(e) || fullMatch(e, text)
	})
}

func fullMatch(expression, text string) bool {
	re, err := regexp.Compile(`\A(?:` + expression + `)\z`)
	return err == nil && re.MatchString(text)
}

// name is what an address is called. A lookup that only echoes the address, or takes too long, is no name: then the
// machine's own name serves, else the address.
func (f Finder) name(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.Config.Timeout)
	defer cancel()
	if name, err := f.Machine.Reverse(ctx, address); err == nil && name != "" && name != ip {
		return name
	}
	if name, err := f.Machine.Hostname(); err == nil && name != "" {
		return name
	}
	return ip
}
