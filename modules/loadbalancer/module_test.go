package loadbalancer_test

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

func TestModuleLetsApplicationYmlChooseAStrategyOfTheUsersOwn(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer: {strategy: stick, clients: {stock: {strategy: mine}}}")
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(of(5)...), fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b),
		fx.Provide(loadbalancer.AsFactory(func() loadbalancer.Factory {
			return loadbalancer.Factory{Name: "mine", New: func(string) loadbalancer.Strategy { return fixed{} }}
		})))
	require.NoError(t, app.Err())
	require.ElementsMatch(t, append(strategies, "mine"), b.Strategies())
	for range 20 {
		require.Equal(t, "i0", pick(t, b, loadbalancer.Request{}))
	}
}

func TestModuleRefusesAStrategyThatDoesNotExistAtStart(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer.clients.stock.strategy: nearest")
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(), fx.As(new(discovery.Resolver)))), loadbalancer.Module(c))
	var unknown *loadbalancer.StrategyError
	require.ErrorAs(t, app.Err(), &unknown)
	require.Equal(t, []string{"spring.cloud.loadbalancer.clients.stock.strategy"}, unknown.Keys())
}

func TestModuleSwitchedOffProvidesNothing(t *testing.T) {
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer.enabled: false")
	app := fx.New(fx.NopLogger, loadbalancer.Module(c), fx.Invoke(func(*loadbalancer.Balancer) {}))
	require.ErrorContains(t, app.Err(), "missing type")
}

func TestSettingsThatCannotWorkAreNamedAllAtOnce(t *testing.T) {
	minus := -1
	cfg := loadbalancer.DefaultConfig()
	cfg.Retry.NextInstance = &minus
	cfg.Clients = map[string]loadbalancer.Service{"stock": {Retry: loadbalancer.Retry{SameInstance: &minus, StatusCodes: []int{42}}}}
	err := cfg.Validate()
	for _, key := range []string{"retry.max-retries-on-next-service-instance", "clients.stock.retry.max-retries-on-same-service-instance", "clients.stock.retry.retryable-status-codes"} {
		require.ErrorContains(t, err, key)
	}
}

func TestSettingsThatChangeWhileAProgramRunsCountFromTheNextPick(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "application.yml"), []byte(text), 0o600))
	}
	write("spring.cloud.loadbalancer.strategy: stick")
	c, err := config.Load(config.Options{Dir: dir})
	require.NoError(t, err)
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(zoned()...), fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b))
	require.NoError(t, app.Err())
	require.NoError(t, app.Start(t.Context()))
	stuck := pick(t, b, loadbalancer.Request{})
	p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
	require.NoError(t, err)
	p.Done(loadbalancer.Outcome{Failed: true})

	write("spring.cloud.loadbalancer: {strategy: round-robin, retry.max-retries-on-next-service-instance: 7}")
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Len(t, seen(t, b, 6), 6)
	require.Equal(t, 7, *p.Settings().Retry.NextInstance)

	write("spring.cloud.loadbalancer: {strategy: nearest}")
	_, err = c.Reload(t.Context())
	require.ErrorContains(t, err, `unknown strategy "nearest"`)
	require.Len(t, seen(t, b, 6), 6, "what cannot work changes nothing")

	write("spring.cloud.loadbalancer: {configurations: zone-preference, zone: a}")
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Len(t, seen(t, b, 100), 2)

	write("spring.cloud.loadbalancer.clients.STOCK.strategy: stick")
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{stuck: 20}, seen(t, b, 20), "a strategy remembers")
	require.NoError(t, app.Stop(t.Context()))
}

func TestWhatIsWrittenForOneServiceCountsAlsoWhenItIsNothing(t *testing.T) {
	const all = "spring.cloud.loadbalancer: {strategy: stick, hint-header-name: X-Hint, slow-start.window: 1m, subset.size: 7, sticky-session.header-name: X-Node," +
		" health-check: {initial-delay: 5s, port: 9, path.default: /up}, hint: {default: blue}, retry.max-retries-on-next-service-instance: 2}\n"
	for name, tc := range map[string]struct {
		own  string
		want func(*loadbalancer.Service)
	}{
		"nothing":                {"", func(*loadbalancer.Service) {}},
		"no slow start":          {"slow-start.window: 0", func(s *loadbalancer.Service) { s.SlowStart.Window = 0 }},
		"no subset":              {"subset.size: 0", func(s *loadbalancer.Service) { s.Subset.Size = 0 }},
		"no header for hints":    {"hint-header-name: ''", func(s *loadbalancer.Service) { s.HintHeader = "" }},
		"no header for sessions": {"sticky-session.header-name: ''", func(s *loadbalancer.Service) { s.Sticky.Header = "" }},
		"probes at once":         {"health-check.initial-delay: 0s", func(s *loadbalancer.Service) { s.HealthCheck.InitialDelay = 0 }},
		"probes of its own port": {"health-check.port: 0", func(s *loadbalancer.Service) { s.HealthCheck.Port = 0 }},
		"another strategy":       {"strategy: random", func(s *loadbalancer.Service) { s.Strategy = loadbalancer.Random }},
	} {
		t.Run(name, func(t *testing.T) {
			settings := func(text string) *loadbalancer.Service {
				c := configtest.FromYAML(t, text)
				var b *loadbalancer.Balancer
				app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(of(2)...), fx.As(new(discovery.Resolver)))),
					loadbalancer.Module(c), fx.Populate(&b))
				require.NoError(t, app.Err())
				p, err := b.Pick(t.Context(), loadbalancer.Request{Service: "stock"})
				require.NoError(t, err)
				return p.Settings()
			}
			text := all
			if tc.own != "" {
				text += "spring.cloud.loadbalancer.clients.stock: {" + tc.own + "}"
			}
			want := *settings(all)
			tc.want(&want)
			require.EqualExportedValues(t, want, *settings(text))
		})
	}
}

func TestKeysOfSpringsThatChangeNothingAreSaidSoOnce(t *testing.T) {
	c := configtest.FromYAML(t, `
spring.cloud.loadbalancer:
  cache: {enabled: false, ttl: 35s, caffeine.spec: maximumSize=9}
  retry: {retry-on-all-exceptions: true, retryableExceptions: java.io.IOException}
  clients.stock.cache.capacity: 7
  service-discovery.timeout: 3s
  strategy: stick
`)
	var said strings.Builder
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.NewTextHandler(&said, nil))), fx.Supply(fx.Annotate(stock(), fx.As(new(discovery.Resolver)))), loadbalancer.Module(c))
	require.NoError(t, app.Err())
	require.Equal(t, 5, strings.Count(said.String(), "a key changes nothing here"))
	for _, key := range []string{"cache.ttl", "cache.caffeine.spec", "retry.retryableExceptions", "clients.stock.cache.capacity", "service-discovery.timeout"} {
		require.Equal(t, 1, strings.Count(said.String(), "key=spring.cloud.loadbalancer."+key+" why="), said.String())
	}
}

func TestTheOwnZoneIsLookedForWhereSpringLooks(t *testing.T) {
	for name, tc := range map[string]struct{ text, zone string }{
		"the balancer's own": {"spring.cloud.loadbalancer.zone: a\neureka.instance.metadata-map.zone: b", "a"},
		"metadata":           {"eureka.instance.metadata-map.zone: b", "b"},
		"host name":          {"spring.cloud.loadbalancer.eureka.approximate-zone-from-hostname: true\neureka.instance: {hostname: node1.b, metadata-map.zone: a}", "b"},
		"first of a region":  {"eureka.client: {region: eu, availability-zones: {eu: 'b,a'}}", "b"},
		"default region":     {"eureka.client.availability-zones.us-east-1: a", "a"},
		"nowhere":            {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := configtest.FromYAML(t, "spring.cloud.loadbalancer.configurations: zone-preference\n"+tc.text)
			var cfg loadbalancer.Config
			app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(), fx.As(new(discovery.Resolver)))),
				fx.Module("test", loadbalancer.Module(c)), fx.Invoke(func(b *loadbalancer.Balancer) { cfg = b.Config() }))
			require.NoError(t, app.Err())
			require.Equal(t, tc.zone, cfg.Zone)
		})
	}
}

func TestTheOwnZoneFollowsFromTheMachinesNameWhenNoOtherIsSet(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	_, want, _ := strings.Cut(host, ".")
	want = cmp.Or(want, "b") // a name without a dot tells no zone, and the next place is looked at
	c := configtest.FromYAML(t, `
spring.cloud.loadbalancer: {configurations: zone-preference, eureka.approximate-zone-from-hostname: true}
eureka.instance.metadata-map.zone: b`)
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(), fx.As(new(discovery.Resolver)))),
		loadbalancer.Module(c), fx.Populate(&b))
	require.NoError(t, app.Err())
	require.Equal(t, want, b.Config().Zone)
}

func TestModuleCountsWithTheProvidersMeters(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	c := configtest.FromYAML(t, "spring.cloud.loadbalancer: {strategy: round-robin, clients: {stock: {bulkhead: {max-concurrent-calls: 1}}}}")
	var b *loadbalancer.Balancer
	app := fx.New(fx.NopLogger, fx.Supply(c, slog.New(slog.DiscardHandler)), fx.Supply(fx.Annotate(stock(of(2)...), fx.As(new(discovery.Resolver)))),
		fx.Supply(fx.Annotate(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), fx.As(new(metric.MeterProvider)))), loadbalancer.Module(c), fx.Populate(&b))
	require.NoError(t, app.Err())
	fail(t, b, "i0", 5, refused)
	for range 2 {
		_, _ = b.Enter(t.Context(), "stock")
	}
	require.Equal(t, map[string]int64{"loadbalancer.ejections reason=dials": 1, "loadbalancer.bulkhead.rejections": 1}, sums(t, reader))
}
