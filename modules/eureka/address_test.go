package eureka_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

func addresses(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestTheOwnAddressIsFoundInOrder(t *testing.T) {
	machine := eureka.Machine{
		Interfaces: func() ([]eureka.Interface, error) {
			return []eureka.Interface{
				{Name: "eth1", Index: 3, Addresses: addresses("10.0.0.7")},
				{Name: "lo", Index: 1, Addresses: addresses("127.0.0.1", "::1")},
				{Name: "docker0", Index: 2, Addresses: addresses("172.17.0.1")},
			}, nil
		},
		Route:    func(string) (netip.Addr, error) { return netip.MustParseAddr("192.168.1.9"), nil },
		Reverse:  func(context.Context, netip.Addr) (string, error) { return "web-1.example", nil },
		Hostname: func() (string, error) { return "machine", nil },
	}
	loopbackRoute := func(m eureka.Machine) eureka.Machine {
		m.Route = func(string) (netip.Addr, error) { return netip.MustParseAddr("127.0.0.1"), nil }
		return m
	}
	for name, one := range map[string]struct {
		finder eureka.Finder
		want   eureka.Host
	}{
		"explicit":               {eureka.Finder{Hostname: "h", IP: "1.2.3.4", Machine: machine}, eureka.Host{Name: "h", IP: "1.2.3.4", Reason: "eureka.instance.ip-address"}},
		"explicit address alone": {eureka.Finder{IP: "1.2.3.4", Machine: machine}, eureka.Host{Name: "web-1.example", IP: "1.2.3.4", Reason: "eureka.instance.ip-address"}},
		"preferred network": {
			eureka.Finder{Config: eureka.InetConfig{PreferredNetworks: []string{"10.0"}}, Server: "http://eureka:8761/eureka/", Machine: machine},
			eureka.Host{Name: "web-1.example", IP: "10.0.0.7", Reason: "interface eth1, left by spring.cloud.inetutils"},
		},
		"preferred network as a prefix": {
			eureka.Finder{Config: eureka.InetConfig{PreferredNetworks: []string{"10.0.0.0/24"}}, Server: "http://eureka:8761/eureka/", Machine: machine},
			eureka.Host{Name: "web-1.example", IP: "10.0.0.7", Reason: "interface eth1, left by spring.cloud.inetutils"},
		},
		"ignored interface": {
			eureka.Finder{Config: eureka.InetConfig{IgnoredInterfaces: []string{"docker.*"}}, Server: "http://eureka:8761/eureka/", Machine: machine},
			eureka.Host{Name: "web-1.example", IP: "10.0.0.7", Reason: "interface eth1, left by spring.cloud.inetutils"},
		},
		"route": {
			eureka.Finder{Server: "http://eureka:8761/eureka/", Machine: machine},
			eureka.Host{Name: "web-1.example", IP: "192.168.1.9", Reason: "route to the Eureka server eureka:8761"},
		},
		"lowest interface": {
			eureka.Finder{Server: "http://localhost:8761/eureka/", Machine: loopbackRoute(machine)},
			eureka.Host{Name: "web-1.example", IP: "172.17.0.1", Reason: "interface docker0"},
		},
		"loopback": {
			eureka.Finder{Server: "http://localhost:8761/eureka/", Machine: loopbackRoute(eureka.Machine{Interfaces: func() ([]eureka.Interface, error) { return nil, errors.New("none") }})},
			eureka.Host{Name: "localhost", IP: "127.0.0.1", Reason: "no other address exists", Weak: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := eureka.DefaultInetConfig()
			cfg.IgnoredInterfaces, cfg.PreferredNetworks = one.finder.Config.IgnoredInterfaces, one.finder.Config.PreferredNetworks
			one.finder.Config = cfg
			require.Equal(t, one.want, one.finder.Find())
		})
	}
}

func TestALookupThatOnlyEchoesTheAddressIsNoName(t *testing.T) {
	f := eureka.Finder{Config: eureka.DefaultInetConfig(), IP: "10.0.0.7", Machine: eureka.Machine{
		Reverse:  func(context.Context, netip.Addr) (string, error) { return "10.0.0.7", nil },
		Hostname: func() (string, error) { return "machine", nil },
	}}
	require.Equal(t, "machine", f.Find().Name)
	f.Machine.Hostname = func() (string, error) { return "", errors.New("none") }
	require.Equal(t, "10.0.0.7", f.Find().Name)
}

func TestLookingUpTheOwnNameIsBounded(t *testing.T) {
	cfg := eureka.DefaultInetConfig()
	cfg.Timeout = time.Millisecond
	f := eureka.Finder{Config: cfg, IP: "10.0.0.7", Machine: eureka.Machine{
		Reverse:  func(ctx context.Context, _ netip.Addr) (string, error) { <-ctx.Done(); return "", ctx.Err() },
		Hostname: func() (string, error) { return "machine", nil },
	}}
	require.Equal(t, "machine", f.Find().Name)
}

func TestThisMachineHasAnAddress(t *testing.T) {
	host := eureka.Finder{Config: eureka.DefaultInetConfig(), Machine: eureka.ThisMachine()}.Find()
	require.True(t, netip.MustParseAddr(host.IP).IsValid())
	require.NotEmpty(t, host.Name)
}
