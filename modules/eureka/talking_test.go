package eureka_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

// speaking returns a client of a server with settings of its own.
func speaking(t *testing.T, url string, change func(*eureka.ClientConfig), opts ...eureka.Option) *eureka.Client {
	t.Helper()
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(url)}
	if change != nil {
		change(&cfg)
	}
	client, err := eureka.NewClient(cfg, opts...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestCredentialsOfAZoneGoToServersThatNameNone(t *testing.T) {
	first, second := eurekatest.NewServer(t), eurekatest.NewServer(t)
	first.Fail(http.StatusInternalServerError)
	own := strings.Replace(first.URL, "://", "://own:p%40ss:/?#@", 1)
	client := speaking(t, own+","+second.URL, func(c *eureka.ClientConfig) {
		c.Auth = map[string]eureka.AuthConfig{"defaultzone": {Username: "zone", Password: "s3cr%t"}}
	})
	_, err := client.Applications(t.Context())
	require.NoError(t, err)
	for server, want := range map[*eurekatest.Server]string{first: "own:p@ss:/?#", second: "zone:s3cr%t"} {
		require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte(want)), server.Requests()[0].Header.Get("Authorization"))
	}
}

func TestRequestsNameTheClientAsNetflixDoes(t *testing.T) {
	server := eurekatest.NewServer(t)
	client := speaking(t, server.URL, nil, eureka.WithIdentity(func() string { return "127.0.0.1" }))
	_, err := client.Applications(t.Context())
	require.NoError(t, err)
	h := server.Requests()[0].Header
	require.Equal(t, []string{"DefaultClient", "127.0.0.1"}, []string{h.Get("DiscoveryIdentity-Name"), h.Get("DiscoveryIdentity-Id")})
	require.NotEmpty(t, h.Get("DiscoveryIdentity-Version"))
}

func TestATrustStoreThatHoldsNoCertificateIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "store.p12")
	require.NoError(t, os.WriteFile(empty, []byte("\x30\x82"), 0o600))
	for _, file := range []string{empty, "file:/does/not/exist.pem"} {
		cfg := eureka.DefaultClientConfig()
		cfg.TLS.TrustStore = file
		_, err := eureka.NewClient(cfg)
		require.ErrorContains(t, err, "tls.trust-store")
		require.ErrorContains(t, err, strings.TrimPrefix(file, "file:"))
	}
}

func TestAServerThatMovedIsFoundWhenConnectionsAreMadeAnew(t *testing.T) {
	names := eurekatest.NewNames(t)
	here := eurekatest.NewServer(t)
	_, port, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(here.URL, "http://"), "/eureka/"), ":")
	there := eurekatest.NewServer(t, eurekatest.Listen("127.0.0.2:"+port))
	names.Set("eureka.test", "127.0.0.1")
	aged := speaking(t, "http://eureka.test:"+port+"/eureka/", func(c *eureka.ClientConfig) { c.Transport.Reconnect = time.Nanosecond })
	kept := speaking(t, "http://eureka.test:"+port+"/eureka/", nil)
	look := func(client *eureka.Client) {
		_, err := client.Applications(t.Context())
		require.NoError(t, err)
	}
	look(aged)
	look(kept)
	names.Set("eureka.test", "127.0.0.2")
	look(kept)
	require.Empty(t, there.Requests(), "a connection of 20 minutes stays with the server it leads to")
	look(aged)
	require.Len(t, there.Requests(), 1)
	here.Stop()
	look(kept)
	require.Len(t, there.Requests(), 2, "the first server is gone, and its name leads elsewhere")
	names.Set("eureka.test", "")
	there.Stop()
	_, err := kept.Applications(t.Context())
	require.ErrorContains(t, err, "eureka.test")
}

func TestAKeptConnectionThatTheServerClosesCostsNoRequest(t *testing.T) {
	server := eurekatest.NewServer(t)
	client := speaking(t, server.URL, nil)
	for range 3 {
		require.NoError(t, client.Register(t.Context(), self(here)))
		require.NoError(t, client.Renew(t.Context(), "orders", "me", discovery.Up, 0))
		server.Stop()
		server.Start(t)
	}
	require.NoError(t, client.Cancel(t.Context(), "orders", "me"))
}

func TestARequestThatWasResetOnAKeptConnectionIsSentAgain(t *testing.T) {
	server := eurekatest.NewServer(t)
	client := speaking(t, server.URL, nil)
	require.NoError(t, client.Register(t.Context(), self(here)))
	server.Reset().Times(1)
	require.NoError(t, client.Renew(t.Context(), "orders", "me", discovery.Up, 0))
	server.Cut(false).Times(1)
	require.NoError(t, client.Register(t.Context(), self(here)))
}

func TestABusyServerIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		replicating(t, e)
		synctest.Wait()
		e.forget()
		e.break_(func(*http.Request) (*http.Response, error) {
			r := page(http.StatusServiceUnavailable)
			r.Header.Set("Retry-After", "120")
			return r, nil
		})
		time.Sleep(10 * time.Minute)
		looks := len(e.requests())
		require.LessOrEqual(t, looks, 6, "one look each two minutes: %v", e.log())
		require.GreaterOrEqual(t, looks, 4)
	})
}

func TestAServerThatStaysBusyIsLookedAtEveryFiveMinutesAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		require.NoError(t, replicating(t, e).Await(t.Context()))
		e.break_(func(*http.Request) (*http.Response, error) {
			r := page(http.StatusServiceUnavailable)
			r.Header.Set("Retry-After", "1000000000")
			return r, nil
		})
		time.Sleep(12 * time.Hour)
		e.forget()
		time.Sleep(time.Hour)
		require.GreaterOrEqual(t, len(e.requests()), 10)
	})
}

func TestAHeartbeatIsNotPutOffBeyondAThirdOfTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		r := registering(t, e)
		r.Up(here)
		synctest.Wait()
		e.forget()
		e.break_(func(*http.Request) (*http.Response, error) {
			r := page(http.StatusTooManyRequests)
			r.Header.Set("Retry-After", "999999")
			return r, nil
		})
		time.Sleep(5 * time.Minute)
		require.GreaterOrEqual(t, len(e.requests()), 9, "%v", e.log())
		require.LessOrEqual(t, len(e.requests()), 16, "%v", e.log())
	})
}

func TestXMLIsReadWhereJSONWasAskedFor(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Add(discovery.Instance{Service: "stock", ID: "a", Address: "localhost:1"})
	server.AnswerXML()
	client := speaking(t, server.URL, nil)
	apps, err := client.Applications(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", apps.Applications[0].Instances[0].InstanceID)
	app, err := client.Application(t.Context(), "Stock")
	require.NoError(t, err)
	require.Len(t, app.Instances, 1)
	i, err := client.Instance(t.Context(), "stock", "a")
	require.NoError(t, err)
	require.Equal(t, "localhost", i.HostName)
}

func TestServerStatusIsWhatTheServerSaysOfItself(t *testing.T) {
	recorded, err := os.ReadFile("testdata/server-status.xml")
	require.NoError(t, err)
	server := eurekatest.NewServer(t)
	client := speaking(t, server.URL, nil)
	status, err := client.ServerStatus(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, status.Uptime)
	require.Nil(t, status.Instance)

	server.Garbage("application/xml", string(recorded))
	status, err = client.ServerStatus(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"2", "240mb", "00:00"}, []string{status.CPUs, status.TotalMemory, status.Uptime})
	require.Equal(t, "host-s:eureka-server:8761", status.Instance.InstanceID)
	require.Equal(t, 8761, status.Instance.Port.Number)
	require.Equal(t, []string{"http://a/", "http://b/"}, status.AvailableReplicas)

	server.Garbage("text/html", "<html>hello</html>")
	_, err = client.ServerStatus(t.Context())
	require.Error(t, err)
}

func TestSpringsNewerTimeoutsCountMoreThanTheOlder(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Silent()
	var asked atomic.Int32
	client := speaking(t, server.URL, func(c *eureka.ClientConfig) {
		c.ReadTimeout, c.Timeout.Socket = time.Hour, 20*time.Millisecond
	}, eureka.WithListeners(eureka.Listener{Failed: func(eureka.Operation, error) { asked.Add(1) }}))
	_, err := client.Applications(t.Context())
	require.Error(t, err, "after 20 ms, not after an hour")
	require.False(t, errors.Is(err, t.Context().Err()))
}
