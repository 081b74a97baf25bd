package discovery

import (
	"context"
	"time"

	"github.com/archimedes-go/archimedes/modules/health"
)

// HealthName is that of the indicator which tells of discovery, with a part for each way of it.
const HealthName = "discoveryComposite"

// HealthConfig is what "spring.cloud.discovery.client" in application.yml can say about the health of discovery.
type HealthConfig struct {
	Composite struct {
		Enabled bool `config:"enabled"` // discoveryComposite is part of the program's health; default true
	} `config:"composite-indicator"`
	Client struct {
		Enabled     bool `config:"enabled"`             // discoveryClient is part of discoveryComposite; default true
		Description bool `config:"include-description"` // it says what it is; default false
		Services    bool `config:"use-services-query"`  // it lists the services that are known; default true
	} `config:"health-indicator"`
}

// DefaultHealthConfig returns the settings in force when application.yml is silent.
func DefaultHealthConfig() HealthConfig {
	var c HealthConfig
	c.Composite.Enabled, c.Client.Enabled, c.Client.Services = true, true, true
	return c
}

// indicators returns discoveryComposite, or nothing where there is nothing to tell.
func (c HealthConfig) indicators(resolver Resolver, members []Resolver, parts []health.Indicator) []health.Indicator {
	if c.Client.Enabled && len(members) > 0 {
		parts = append(parts, health.NewIndicator("discoveryClient", func(context.Context) health.Result { return c.client(resolver, members) }))
	}
	if !c.Composite.Enabled || len(parts) == 0 {
		return nil
	}
	return []health.Indicator{health.NewComposite(HealthName, parts...)}
}

// client is what Spring's DiscoveryClientHealthIndicator says: UNKNOWN until every registry has been heard of once.
func (c HealthConfig) client(resolver Resolver, members []Resolver) health.Result {
	for _, member := range members {
		if aged, ok := member.(interface{ Age() (time.Duration, bool) }); ok {
			if _, heard := aged.Age(); !heard {
				return health.Result{Status: health.Unknown, Description: "Discovery Client not initialized"}
			}
		}
	}
	result := health.Result{Status: health.Up}
	if c.Client.Description {
		result.Description = "Composite Discovery Client"
	}
	if c.Client.Services {
		result.Details = map[string]any{"services": resolver.Services()}
	}
	return result
}
