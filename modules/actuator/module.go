package actuator

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
	"github.com/archimedes-go/archimedes/modules/health"
	"github.com/archimedes-go/archimedes/modules/ssl"
	"github.com/archimedes-go/archimedes/modules/web"
)

// Module serves the endpoints: on the program's listener, or on one of its own when management.server.port is set. It is
// off with management.server.port: -1, and without effect in a program without a web server.
func Module(c *config.Config) fx.Option {
	port, separate := c.Lookup("management.server.port")
	if port == "-1" {
		c.Decided("actuator", false, "management.server.port = -1")
		return fx.Options()
	}
	if !c.Enabled("actuator", "management.endpoints.enabled", true) {
		return fx.Options()
	}
	main, set := c.Lookup("server.port")
	if !set {
		main = "8080"
	}
	if separate && port != "" && (port == "0" || port != main) {
		return fx.Module("actuator", common, fx.Provide(web.AsListener(newListener)))
	}
	return fx.Module("actuator", common, fx.Provide(web.AsMount(newMount)))
}

var common = fx.Provide(newConfig, newServerConfig, newInfoConfig, endpoint.As(healthEndpoint), endpoint.As(infoEndpoint))

func newConfig(c *config.Config) (Config, error) {
	return config.Bind(c, "management.endpoints.web", DefaultConfig())
}

func newServerConfig(c *config.Config) (ServerConfig, error) {
	return config.Bind(c, "management.server", ServerConfig{})
}

func newInfoConfig(c *config.Config) (InfoConfig, error) {
	return config.Bind(c, "management.info", DefaultInfoConfig())
}

type params struct {
	fx.In

	Config    Config
	Server    ServerConfig
	Checks    *health.Checks
	Endpoints []endpoint.Endpoint `group:"actuator.endpoints"`
	Bundles   *ssl.Bundles        `optional:"true"`
	Settings  *config.Config
	Log       *slog.Logger
}

func (p params) handler(prefix string) *Handler {
	h := New(p.Config, prefix, p.Endpoints...)
	p.Log.With("logger", "actuator").Debug("exposing endpoints", "count", h.Exposed(), "base_path", h.Base())
	return h
}

func newMount(p params) web.Mount {
	h := p.handler("")
	return web.Mount{Prefix: h.Base(), Handler: h}
}

func newListener(p params) (web.Listener, error) {
	l := web.Listener{Name: "management", Address: p.Server.Address, Port: *p.Server.Port, Key: "management.server.port", Handler: p.handler(p.Server.BasePath)}
	if !p.Server.SSL.On() {
		return l, nil
	}
	bundles, err := ssl.From(p.Bundles, p.Settings, p.Log)
	if err != nil {
		return l, err
	}
	l.TLS, err = bundles.Server("management.server.ssl", p.Server.SSL, "http/1.1")
	return l, err
}
