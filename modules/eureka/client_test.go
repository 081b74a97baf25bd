package eureka_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func ExampleNewClient() {
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": "http://user:secret@localhost:1/eureka/"}
	client, err := eureka.NewClient(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Applications(context.Background())
	fmt.Println(strings.HasPrefix(err.Error(), "eureka: GET http://localhost:1/eureka/apps/: "))
	// Output: true
}

// transport answers with a function.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestCredentialsAreSentAndNeverShown(t *testing.T) {
	for url, want := range map[string]string{
		"http://user:p%40ss@host:8761/eureka/":             "user:p@ss",
		"http://user:p@ss:w/o#rd@host:8761/eureka":         "user:p@ss:w/o#rd",
		"http://us%er:100%@host/eureka/":                   "us%er:100%",
		"http://user:a,b@host:8761/eureka/":                "user:a,b",
		"http://u:p@first/eureka/,http://v:q@other/eureka": "u:p",
	} {
		t.Run(url, func(t *testing.T) {
			cfg := eureka.DefaultClientConfig()
			cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(url)}
			var sent string
			client, err := eureka.NewClient(cfg, eureka.WithTransport(transport(func(r *http.Request) (*http.Response, error) {
				if sent == "" {
					raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
					require.NoError(t, err)
					sent = string(raw)
				}
				require.Nil(t, r.URL.User)
				return nil, errRefused
			})))
			require.NoError(t, err)
			_, err = client.Applications(t.Context())
			require.Equal(t, want, sent)
			_, password, _ := strings.Cut(want, ":")
			if len(password) > 1 {
				require.NotContains(t, err.Error(), password)
			}
			require.NotContains(t, fmt.Sprintf("%v %+v", cfg, cfg), password+"@")
		})
	}
}

func TestServerURLsThatCannotBeAreNamed(t *testing.T) {
	for _, url := range []string{"", " , ", "eureka:8761/eureka", "ftp://eureka/", "http://", "http://user:secret@", "http://eureka:abc/", "http://user:secret", "http://eureka:876100/", "http://eureka:8761/eureka/?x=1"} {
		cfg := eureka.DefaultClientConfig()
		cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(url)}
		_, err := eureka.NewClient(cfg)
		require.ErrorContains(t, err, "service-url.defaultZone", url)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestZonesIgnoreCaseAndTheDefaultServerGivesWay(t *testing.T) {
	for _, zones := range []map[string]config.Secret{
		{"defaultZone": "http://localhost:8761/eureka/", "defaultzone": "http://chosen:1/eureka/"},
		{"DEFAULT-ZONE": "http://chosen:1/eureka"}, {"us-east": "http://other:1/", "defaultZone": "http://chosen:1/eureka/"},
	} {
		cfg := eureka.DefaultClientConfig()
		cfg.ServiceURL = zones
		client, err := eureka.NewClient(cfg, eureka.WithTransport(transport(func(r *http.Request) (*http.Response, error) {
			require.Equal(t, "http://chosen:1/eureka/apps/", r.URL.String())
			return nil, errRefused
		})))
		require.NoError(t, err)
		_, err = client.Applications(t.Context())
		require.Error(t, err)
	}
}

func TestTheNextServerIsAskedWhenOneGivesNoUsableAnswer(t *testing.T) {
	for name, fault := range map[string]func() (*http.Response, error){
		"refused":   func() (*http.Response, error) { return nil, errRefused },
		"500":       func() (*http.Response, error) { return page(500), nil },
		"HTML":      func() (*http.Response, error) { return page(200), nil },
		"empty":     func() (*http.Response, error) { return body(200, ""), nil },
		"other":     func() (*http.Response, error) { return body(200, `{"a":1}`), nil },
		"truncated": func() (*http.Response, error) { return body(200, `{"applications":{"application":[`), nil },
		"403":       func() (*http.Response, error) { return page(403), nil },
		"redirect":  func() (*http.Response, error) { return page(302), nil },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEstate()
			require.NoError(t, e.registry.Register(self(here), false))
			client := e.client(t, "one", "two")
			e.break_(func(r *http.Request) (*http.Response, error) {
				if r.URL.Hostname() == "one" {
					return fault()
				}
				return nil, nil
			})
			all, err := client.Applications(t.Context())
			require.NoError(t, err)
			require.Equal(t, "ORDERS", all.Applications[0].Name)
			_, err = client.Applications(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{"0s one GET apps/", "0s two GET apps/", "0s two GET apps/"}, e.log(), "the first is passed over for a while")
		})
	}
}

func body(status int, text string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))}
}

func TestEveryOperationReachesTheRegistry(t *testing.T) {
	e := newEstate()
	c := e.client(t)
	ctx := t.Context()
	require.NoError(t, c.Register(ctx, self(here)))
	require.NoError(t, c.Renew(ctx, "orders", "me", discovery.Up, 0))
	require.NoError(t, c.Override(ctx, "orders", "me", discovery.OutOfService, 0))
	one, err := c.Instance(ctx, "orders", "me")
	require.NoError(t, err)
	require.Equal(t, discovery.OutOfService, one.Status)
	require.NoError(t, c.RemoveOverride(ctx, "orders", "me", discovery.Up, 0))
	require.NoError(t, c.UpdateMetadata(ctx, "orders", "me", map[string]string{"a key": "ä&b"}))
	one, err = c.InstanceByID(ctx, "me")
	require.NoError(t, err)
	require.Equal(t, "ä&b", one.Metadata.Get("a key"))
	app, err := c.Application(ctx, "Orders")
	require.NoError(t, err)
	require.Len(t, app.Instances, 1)
	for _, read := range []func() (*eureka.Applications, error){
		func() (*eureka.Applications, error) { return c.Applications(ctx) }, func() (*eureka.Applications, error) { return c.Delta(ctx) },
		func() (*eureka.Applications, error) { return c.VIP(ctx, "orders") },
	} {
		all, err := read()
		require.NoError(t, err)
		require.Len(t, all.Applications, 1)
	}
	require.NoError(t, c.Cancel(ctx, "orders", "me"))
	require.ErrorIs(t, c.Cancel(ctx, "orders", "me"), eureka.ErrUnknownInstance)
	require.ErrorIs(t, c.Renew(ctx, "orders", "me", discovery.Up, 0), eureka.ErrUnknownInstance)
	_, err = c.Instance(ctx, "orders", "me")
	require.ErrorIs(t, err, eureka.ErrUnknownInstance)
	_, err = c.SecureVIP(ctx, "orders")
	require.NoError(t, err)
}

func TestAnswersLargerThanTheLimitAreRefused(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Garbage("application/json", strings.Repeat(" ", 4096))
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
	cfg.MaxResponse = 1024
	c, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	defer c.CloseIdleConnections()
	_, err = c.Applications(t.Context())
	require.ErrorContains(t, err, "larger than 1024 bytes")
}

func TestFaultsOfARealServerEndInAnErrorInTime(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
	cfg.ReadTimeout = 50 * time.Millisecond
	c, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	defer c.CloseIdleConnections()
	for name, inject := range map[string]func(){
		"silent": func() { server.Silent() }, "cut": func() { server.Cut(false) }, "body": func() { server.CutBody() },
		"stopped": server.Stop,
	} {
		inject()
		_, err := c.Applications(t.Context())
		var failed *eureka.ServerError
		require.ErrorAs(t, err, &failed, name)
		require.Len(t, failed.Attempts, 1, name)
		server.Heal()
		if name == "stopped" {
			server.Start(t)
		}
		_, err = c.Applications(t.Context())
		require.NoError(t, err, name)
	}
}

func TestARefusedRegistrationSaysWhy(t *testing.T) {
	for body, want := range map[string]string{
		"Missing hostname":           "status 400: Missing hostname",
		"two\nlines\x1b[31m":         "status 400: two lines [31m",
		"<html>no</html>":            "status 400",
		strings.Repeat("long ", 999): "status 400: " + strings.TrimSpace(strings.Repeat("long ", 40)),
	} {
		server := eurekatest.NewServer(t)
		cfg := eureka.DefaultClientConfig()
		cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
		client, err := eureka.NewClient(cfg)
		require.NoError(t, err)
		defer client.CloseIdleConnections()
		server.Refuse(http.StatusBadRequest, body)
		err = client.Register(t.Context(), self(here))
		require.Error(t, err)
		require.True(t, strings.HasSuffix(err.Error(), want), err.Error())
	}
}

func TestAnEmptyNameAsksForNothingElse(t *testing.T) {
	server := eurekatest.NewServer(t)
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
	client, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	ctx := t.Context()
	for what, ask := range map[string]func() error{
		"register":    func() error { return client.Register(ctx, eureka.NewInstance()) },
		"renew":       func() error { return client.Renew(ctx, "orders", "", discovery.Up, 0) },
		"cancel":      func() error { return client.Cancel(ctx, "orders", "") },
		"override":    func() error { return client.Override(ctx, "", "me", discovery.Down, 0) },
		"application": func() error { _, err := client.Application(ctx, ""); return err },
		"instance":    func() error { _, err := client.Instance(ctx, "orders", ""); return err },
		"by id":       func() error { _, err := client.InstanceByID(ctx, ""); return err },
		"VIP":         func() error { _, err := client.VIP(ctx, ""); return err },
	} {
		require.ErrorContains(t, ask(), "a name or an id is empty", what)
	}
	require.Empty(t, server.Requests())
}
