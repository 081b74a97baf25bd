package web

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/archimedes-go/archimedes/config"
)

// ResourcesConfig is "spring.web.resources": files that are served as they are, where no route is in the way.
type ResourcesConfig struct {
	AddMappings     bool           `config:"add-mappings"`     // serve files; default true
	StaticLocations []string       `config:"static-locations"` // folders, the first that has a file counts; default classpath:/META-INF/resources/, classpath:/resources/, classpath:/static/, classpath:/public/
	Cache           ResourcesCache `config:"cache"`
}

// ResourcesCache is "spring.web.resources.cache".
type ResourcesCache struct {
	Period          *time.Duration `config:"period,unit=s"`     // for which browsers keep a file, unless cachecontrol says more; default none said
	UseLastModified bool           `config:"use-last-modified"` // tell when a file on disk was changed; default true
	CacheControl    CacheControl   `config:"cachecontrol"`
}

// CacheControl is "spring.web.resources.cache.cachecontrol": what the header Cache-Control says.
type CacheControl struct {
	MaxAge               *time.Duration `config:"max-age,unit=s"`                // default none said
	SMaxAge              *time.Duration `config:"s-max-age,unit=s"`              // for shared caches; default none said
	StaleIfError         *time.Duration `config:"stale-if-error,unit=s"`         // default none said
	StaleWhileRevalidate *time.Duration `config:"stale-while-revalidate,unit=s"` // default none said
	NoCache              bool           `config:"no-cache"`                      // ask again before each use; default false
	NoStore              bool           `config:"no-store"`                      // keep nothing; default false
	MustRevalidate       bool           `config:"must-revalidate"`               // default false
	ProxyRevalidate      bool           `config:"proxy-revalidate"`              // default false
	NoTransform          bool           `config:"no-transform"`                  // default false
	Public               bool           `config:"cache-public"`                  // default false
	Private              bool           `config:"cache-private"`                 // default false
}

func defaultResources() ResourcesConfig {
	return ResourcesConfig{
		AddMappings:     true,
		StaticLocations: []string{"classpath:/META-INF/resources/", "classpath:/resources/", "classpath:/static/", "classpath:/public/"},
		Cache:           ResourcesCache{UseLastModified: true},
	}
}

// header is the value of Cache-Control, "" for none.
func (c ResourcesCache) header() string {
	var parts []string
	say := func(name string, on bool) {
		if on {
			parts = append(parts, name)
		}
	}
	last := func(name string, d *time.Duration) {
		if d != nil {
			parts = append(parts, fmt.Sprintf("%s=%d", name, int(d.Seconds())))
		}
	}
	cc := c.CacheControl
	last("max-age", cc.MaxAge)
	say("no-cache", cc.NoCache)
	say("no-store", cc.NoStore)
	say("must-revalidate", cc.MustRevalidate)
	say("no-transform", cc.NoTransform)
	say("public", cc.Public)
	say("private", cc.Private)
	say("proxy-revalidate", cc.ProxyRevalidate)
	last("s-maxage", cc.SMaxAge)
	last("stale-if-error", cc.StaleIfError)
	last("stale-while-revalidate", cc.StaleWhileRevalidate)
	if len(parts) == 0 && c.Period != nil {
		if *c.Period <= 0 {
			return "no-store"
		}
		last("max-age", c.Period)
	}
	return strings.Join(parts, ", ")
}

// static serves the files of folders.
type static struct {
	folders      []fs.FS
	cacheControl string
	lastModified bool
	tags         sync.Map // file that never changes → ETag
}

// newStatic returns nil when there is nothing to serve.
func newStatic(c *config.Config) (*static, error) {
	cfg, err := config.Bind(c, "spring.web.resources", defaultResources())
	if err != nil || !cfg.AddMappings {
		return nil, err
	}
	s := &static{cacheControl: cfg.Cache.header(), lastModified: cfg.Cache.UseLastModified}
	for i, location := range cfg.StaticLocations {
		folders, err := c.ResourceFolders(location)
		if err != nil {
			return nil, &config.BindError{Prefix: "spring.web.resources", Faults: []error{
				&config.ValueError{Key: fmt.Sprintf("spring.web.resources.static-locations[%d]", i), Value: location, Set: true, Problem: err.Error()},
			}}
		}
		s.folders = append(s.folders, folders...)
	}
	if len(s.folders) == 0 {
		return nil, nil
	}
	return s, nil
}

// middleware serves a file where no route was found.
func (s *static) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if err != echo.ErrNotFound || c.Path() != "" { //nolint:errorlint // exactly what Echo returns for a path without a route
			return err
		}
		if method := c.Request().Method; method != http.MethodGet && method != http.MethodHead {
			return err
		}
		return s.serve(c)
	}
}

func (s *static) serve(c echo.Context) error {
	r := c.Request()
	name := strings.TrimPrefix(r.URL.Path, "/")
	if strings.HasSuffix(r.URL.Path, "/") {
		name += "index.html"
	}
	// A name that is not its own clean form, such as one with "..", is no file. Neither is what starts with a dot: it is there for
	// programs, not for readers.
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return echo.ErrNotFound
	}
	for i, folder := range s.folders {
		file, err := folder.Open(name)
		if err != nil {
			continue
		}
		served, err := s.send(c, i, name, file)
		_ = file.Close()
		if served || err != nil {
			return err
		}
	}
	return echo.ErrNotFound
}

// has reports whether there is a file of that name.
func (s *static) has(name string) bool {
	if s == nil {
		return false
	}
	for _, folder := range s.folders {
		if info, err := fs.Stat(folder, name); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// send reports false when there is nothing to send, as for a folder.
func (s *static) send(c echo.Context, folder int, name string, file fs.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, nil
	}
	content, ok := file.(io.ReadSeeker)
	if !ok {
		return false, nil
	}
	tag, err := s.tag(folder, name, info, content)
	if err != nil {
		return false, err
	}
	h := c.Response().Header()
	h.Set("ETag", tag)
	if s.cacheControl != "" {
		h.Set("Cache-Control", s.cacheControl)
	}
	modified := info.ModTime()
	if !s.lastModified {
		modified = time.Time{}
	}
	http.ServeContent(c.Response(), c.Request(), path.Base(name), modified, content)
	return true, nil
}

// tag tells contents apart. Files without a time are compiled in: they never change, so their digest is made once.
func (s *static) tag(folder int, name string, info fs.FileInfo, content io.ReadSeeker) (string, error) {
	if !info.ModTime().IsZero() {
		return fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()), nil
	}
	key := [2]any{folder, name}
	if known, ok := s.tags.Load(key); ok {
		return known.(string), nil
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, content); err != nil {
		return "", err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", errors.Join(errors.New("web: "+name), err)
	}
	tag := fmt.Sprintf(`"%x"`, digest.Sum(nil)[:16])
	s.tags.Store(key, tag)
	return tag, nil
}
