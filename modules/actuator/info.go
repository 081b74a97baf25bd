package actuator

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
)

// infoEndpoint tells about the build and what "info" in application.yml says.
func infoEndpoint(c *config.Config, cfg InfoConfig) endpoint.Endpoint {
	return endpoint.Read("info", func(context.Context) (any, error) {
		info := map[string]any{}
		if cfg.Env.Enabled {
			for _, key := range c.Keys("info") {
				if value, set, err := c.Value(key); err == nil && set {
					put(info, strings.Split(key, ".")[1:], value)
				}
			}
		}
		if cfg.Build.Enabled {
			addBuild(c, info)
		}
		if cfg.Go.Enabled {
			info["go"] = map[string]any{"version": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH}
		}
		return info, nil
	})
}

// put places a value in a tree of maps. A value that stands where a map is needed gives way.
func put(tree map[string]any, path []string, value any) {
	if len(path) == 0 {
		return
	}
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	tree[path[len(path)-1]] = value
}

func addBuild(c *config.Config, info map[string]any) {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	about := map[string]any{"artifact": build.Path, "group": build.Main.Path}
	if name, set := c.Lookup("spring.application.name"); set {
		about["name"] = name
	}
	if version, set := c.Lookup("spring.application.version"); set {
		about["version"] = version
	} else if build.Main.Version != "" {
		about["version"] = build.Main.Version
	}
	git := map[string]any{}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			put(git, []string{"commit", "id"}, s.Value[:min(len(s.Value), 7)])
		case "vcs.time":
			put(git, []string{"commit", "time"}, s.Value)
		}
	}
	info["build"] = about
	if len(git) > 0 {
		info["git"] = git
	}
}
