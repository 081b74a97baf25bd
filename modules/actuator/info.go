package actuator

import (
	"cmp"
	"context"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/actuator/endpoint"
	"github.com/archimedes-go/archimedes/modules/build"
)

// infoEndpoint tells about the build and what "info" in application.yml says.
func infoEndpoint(c *config.Config, cfg InfoConfig) endpoint.Endpoint {
	program := build.Read()
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
			info["build"] = buildInfo(c, program)
		}
		if git := gitInfo(program, cfg.Git.Mode); cfg.Git.Enabled && len(git) > 0 {
			info["git"] = git
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

// buildInfo is Spring's section "build", from META-INF/build-info.properties there.
func buildInfo(c *config.Config, program build.Info) map[string]any {
	about := map[string]any{}
	name, _ := c.Lookup("spring.application.name")
	version, _ := c.Lookup("spring.application.version")
	for key, value := range map[string]string{
		"artifact": program.Artifact, "group": program.Group, "name": cmp.Or(name, program.Artifact), "version": cmp.Or(version, program.Version), "time": instant(program.Time),
	} {
		if value != "" {
			about[key] = value
		}
	}
	return about
}

// gitInfo is Spring's section "git", from git.properties there.
func gitInfo(program build.Info, mode GitMode) map[string]any {
	git := map[string]any{}
	commit := program.Short()
	if mode == GitFull {
		commit = program.Commit
		if commit != "" {
			git["dirty"] = strconv.FormatBool(program.Modified)
		}
	}
	for key, value := range map[string]string{"branch": program.Branch, "commit.id": commit, "commit.time": instant(program.CommitTime)} {
		if value != "" {
			put(git, strings.Split(key, "."), value)
		}
	}
	return git
}

// instant is a time as Spring writes it, or "".
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
