package config

import (
	"slices"
	"strings"
)

// platforms are the words of spring.main.cloud-platform and spring.config.activate.on-cloud-platform.
var platforms = []string{"none", "cloud-foundry", "heroku", "sap", "nomad", "kubernetes", "azure-app-service", "aws-ecs"}

// cloudPlatform says where the program runs: what spring.main.cloud-platform says, else what the environment betrays.
func (l *loader) cloudPlatform() (string, error) {
	var forced struct {
		Platform string `config:"cloud-platform"` // where the program runs, such as kubernetes; default what the environment says
	}
	var misplaced error
	for _, root := range l.root {
		root.each(func(c *contributor) {
			if misplaced == nil && c.source != nil && c.guarded {
				misplaced = refuse(c.source, "spring.main.cloud-platform", "in a document that holds under conditions only")
			}
		})
	}
	if misplaced != nil {
		return "", misplaced
	}
	b := l.binder(nil)
	if err := b.into("spring.main", &forced); err != nil {
		return "", err
	}
	if forced.Platform != "" {
		if name, err := Choice(forced.Platform, platforms...); err == nil {
			return name, nil
		}
	}
	return platformOf(b.c.variables()), nil
}

// CloudPlatform says where the program runs: what spring.main.cloud-platform says, else what the environment betrays, else none.
func (c *Config) CloudPlatform() string {
	forced, _ := c.Lookup("spring.main.cloud-platform")
	if name, err := Choice(forced, platforms...); err == nil {
		return name
	}
	return platformOf(c.variables())
}

// platformOf returns the platform that sets such variables.
func platformOf(variables map[string]string) string {
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { _, set := variables[name]; return !set })
	}
	switch {
	case has("VCAP_APPLICATION"), has("VCAP_SERVICES"):
		return "cloud-foundry"
	case has("DYNO"):
		return "heroku"
	case has("HC_LANDSCAPE"):
		return "sap"
	case has("NOMAD_ALLOC_ID"):
		return "nomad"
	case has("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"), services(variables):
		return "kubernetes"
	case has("WEBSITE_SITE_NAME", "WEBSITE_INSTANCE_ID", "WEBSITE_RESOURCE_GROUP", "WEBSITE_SKU"):
		return "azure-app-service"
	case strings.HasPrefix(variables["AWS_EXECUTION_ENV"], "AWS_ECS"):
		return "aws-ecs"
	}
	return "none"
}

// services reports whether Kubernetes announces a service by a pair of variables.
func services(variables map[string]string) bool {
	for name := range variables {
		if prefix, ok := strings.CutSuffix(name, "_SERVICE_HOST"); ok {
			if _, pair := variables[prefix+"_SERVICE_PORT"]; pair {
				return true
			}
		}
	}
	return false
}
