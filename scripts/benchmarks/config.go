package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/logging"
	"github.com/archimedes-go/archimedes/modules/web"
)

// configRows: 200 keys in four files, for three profiles, and the settings of all modules from them.
func configRows() []row {
	dir := must(os.MkdirTemp("", "benchmarks"))
	files := configFiles()
	for name, text := range files {
		must(0, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	environ := []string{"SERVER_PORT=8081", "EUREKA_INSTANCE_PREFERIPADDRESS=true", "HOME=/home/orders", "PATH=/usr/bin"}
	return []row{{
		what: "config, 200 keys, three profiles, all modules", beside: "viper", most: 5 * time.Millisecond,
		measure: func() (time.Duration, time.Duration) {
			return each(func() {
				c := must(config.Load(config.Options{Dir: dir, Environ: environ, Args: []string{"--spring.profiles.active=eu,cloud,tracing"}}))
				must(0, bindModules(c))
			}), each(func() { must(0, viperModules(dir)) })
		},
	}}
}

// configFiles are an application.yml of a Spring team with three profiles: 140 keys and 20 in each.
func configFiles() map[string]string {
	var base strings.Builder
	base.WriteString(`spring: {application: {name: orders}, cloud: {loadbalancer: {retry: {retryable-status-codes: [502, 503]}, clients: {stock: {retry: {max-retries-on-next-service-instance: 2}}}}}}
server: {port: "${PORT:8080}", shutdown: graceful}
management:
  server: {port: 8082}
  endpoints: {web: {exposure: {include: "*", exclude: heapdump}}}
  endpoint: {health: {show-details: always, probes: {enabled: true}}}
  tracing: {sampling: {probability: 1.0}}
eureka:
  client: {service-url: {defaultZone: "http://${EUREKA_USER:u}:${EUREKA_PASS:p}@eureka1:8761/eureka/,http://eureka2:8761/eureka"}, registry-fetch-interval-seconds: 10}
  instance: {prefer-ip-address: true, instance-id: "${spring.application.name}:${random.value}", metadata-map: {zone: a, user.name: admin}}
logging: {level: {root: INFO, web: DEBUG}}
orders:
`)
	for i := range 118 {
		fmt.Fprintf(&base, "  setting-%d: {value: %d}\n", i, i)
	}
	files := map[string]string{"application.yml": base.String()}
	for _, profile := range []string{"eu", "cloud", "tracing"} {
		var b strings.Builder
		fmt.Fprintf(&b, "eureka.instance.metadata-map.%s: true\nlogging.level.%s: WARN\norders:\n", profile, profile)
		for i := range 18 {
			fmt.Fprintf(&b, "  setting-%d: {%s: '${spring.application.name}-%d'}\n", i, profile, i)
		}
		files["application-"+profile+".yml"] = b.String()
	}
	return files
}

// settings are what the modules bind.
type settings struct {
	server    web.Config
	client    eureka.ClientConfig
	instance  eureka.InstanceConfig
	balancing loadbalancer.Config
	calls     invoker.Config
	health    health.Config
	actuator  actuator.Config
	registry  registry.Config
}

func defaults() settings {
	return settings{
		web.DefaultConfig(), eureka.DefaultClientConfig(), eureka.DefaultInstanceConfig(), loadbalancer.DefaultConfig(), invoker.DefaultConfig(),
		health.DefaultConfig(), actuator.DefaultConfig(), registry.DefaultConfig(),
	}
}

func (s *settings) each(fn func(prefix string, target any) error) error {
	return errors.Join(fn("server", &s.server), fn("eureka.client", &s.client), fn("eureka.instance", &s.instance),
		fn("spring.cloud.loadbalancer", &s.balancing), fn("spring.http.clients", &s.calls), fn("management.endpoint.health", &s.health),
		fn("management.endpoints.web", &s.actuator), fn("eureka.server", &s.registry))
}

func bindModules(c *config.Config) error {
	if _, err := logging.ConfigFrom(c); err != nil {
		return err
	}
	s := defaults()
	return s.each(func(prefix string, target any) error {
		var err error
		switch t := target.(type) {
		case *web.Config:
			*t, err = config.Bind(c, prefix, *t)
		case *eureka.ClientConfig:
			*t, err = config.Bind(c, prefix, *t)
		case *eureka.InstanceConfig:
			*t, err = config.Bind(c, prefix, *t)
		case *loadbalancer.Config:
			*t, err = config.Bind(c, prefix, *t)
		case *invoker.Config:
			*t, err = config.Bind(c, prefix, *t)
		case *health.Config:
			*t, err = config.Bind(c, prefix, *t)
		case *actuator.Config:
			*t, err = config.Bind(c, prefix, *t)
		case *registry.Config:
			*t, err = config.Bind(c, prefix, *t)
		}
		return err
	})
}

// viperModules reads the same files and fills the same structs. It knows no placeholders, so texts that have them stay.
func viperModules(dir string) error {
	v := viper.New()
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_", "-", ""))
	v.AutomaticEnv()
	for i, name := range []string{"application", "application-eu", "application-cloud", "application-tracing"} {
		v.SetConfigFile(filepath.Join(dir, name+".yml"))
		read := v.MergeInConfig
		if i == 0 {
			read = v.ReadInConfig
		}
		if err := read(); err != nil {
			return err
		}
	}
	v.Set("server.port", 8081) // for the placeholder
	hooks := viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(mapstructure.TextUnmarshallerHookFunc(),
		mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")))
	var levels logging.Config
	s := defaults()
	fill := func(prefix string, target any) error {
		return v.UnmarshalKey(prefix, target, hooks, func(c *mapstructure.DecoderConfig) { c.TagName, c.WeaklyTypedInput = "config", true })
	}
	return errors.Join(fill("logging", &levels), s.each(fill))
}
