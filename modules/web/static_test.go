package web_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/web"
)

// site is what a program was compiled with.
func site(yaml string) fstest.MapFS {
	return fstest.MapFS{
		"application.yml":          {Data: []byte("server: {port: 0, address: 127.0.0.1}\n" + yaml)},
		"secret.txt":               {Data: []byte("secret")},
		"static/index.html":        {Data: []byte("<h1>home</h1>")},
		"static/app.js":            {Data: []byte("alert(1)")},
		"static/docs/index.html":   {Data: []byte("docs")},
		"static/docs/a b.txt":      {Data: []byte("spaced")},
		"static/.hidden":           {Data: []byte("secret")},
		"static/hello/static.html": {Data: []byte("not a route")},
		"public/only-public.txt":   {Data: []byte("public")},
	}
}

func serveSite(t *testing.T, yaml string) *running {
	t.Helper()
	c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{site(yaml)}})
	require.NoError(t, err)
	return serveConfig(t, c, func(e *echo.Echo) {
		e.GET("/hello/:name", func(c echo.Context) error { return c.String(http.StatusOK, "hello "+c.Param("name")) })
		e.GET("/gone", func(echo.Context) error { return echo.ErrNotFound })
		e.POST("/app.js", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	})
}

func TestAnIndexPageWinsOverAMountAtTheRootWithOneWarning(t *testing.T) {
	files := site("")
	root := fx.Provide(web.AsMount(func() web.Mount {
		return web.Mount{Prefix: "/", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "mount") })}
	}))
	for _, want := range []string{"<h1>home</h1>", "mount"} {
		if want == "mount" {
			delete(files, "static/index.html")
		}
		c, err := config.Load(config.Options{NoFiles: true, Embedded: []fs.FS{files}})
		require.NoError(t, err)
		s := serveConfig(t, c, func(*echo.Echo) {}, root)
		_, body, _ := s.get(t, "/")
		require.Equal(t, want, body)
		require.Equal(t, want != "mount", strings.Contains(s.logs.String(), "takes the place of a built-in one"))
		s.RequireStop()
	}
}

func TestEmbeddedFilesAreServedWhereNoRouteIs(t *testing.T) {
	s := serveSite(t, "")
	defer s.RequireStop()
	for path, want := range map[string]string{
		"/": "200 text/html; charset=utf-8 <h1>home</h1>", "/index.html": "200 text/html; charset=utf-8 <h1>home</h1>", "/docs/": "200 text/html; charset=utf-8 docs",
		"/docs/a%20b.txt": "200 text/plain; charset=utf-8 spaced", "/only-public.txt": "200 text/plain; charset=utf-8 public",
		"/hello/static.html": "200 text/plain; charset=UTF-8 hello static.html",
	} {
		status, body, header := s.get(t, path)
		require.Equal(t, want, fmt.Sprint(status, " ", header.Get("Content-Type"), " ", body), path)
	}
	for _, path := range []string{
		"/docs", "/none", "/gone", "/.hidden", "/docs/../../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/..%5csecret.txt", "/static/index.html",
		"//secret.txt", "/docs/%00", "/docs/.%2e/.%2e/secret.txt", "/%ff%fe", "/application.yml", "/docs//a%20b.txt", "/%2fetc/passwd", "/index.html/",
	} {
		response, body := s.ask(t, "GET", path, nil)
		require.Equal(t, "404 application/problem+json", fmt.Sprint(response.StatusCode, " ", response.Header.Get("Content-Type")), path)
		require.NotContains(t, body, "secret\"", path)
	}
	response, _ := s.ask(t, "GET", "/app.js", nil)
	require.Equal(t, "405 POST", fmt.Sprint(response.StatusCode, " ", strings.ReplaceAll(response.Header.Get("Allow"), "OPTIONS, ", "")), "a route is in the way")
	response, _ = s.ask(t, "POST", "/only-public.txt", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	response, body := s.ask(t, "HEAD", "/only-public.txt", nil)
	require.Equal(t, "200 6 ", fmt.Sprint(response.StatusCode, " ", response.Header.Get("Content-Length"), " ", body))
}

func TestBrowsersKeepFilesAsSettingsSay(t *testing.T) {
	for yaml, want := range map[string]string{
		"":                                      "",
		"spring.web.resources.cache.period: 1h": "max-age=3600",
		"spring.web.resources.cache.period: 0":  "no-store",
		"spring.web.resources.cache: {period: 1h, cachecontrol: {max-age: 60, cache-public: true, must-revalidate: true, stale-while-revalidate: 5s}}": "max-age=60, must-revalidate, public, stale-while-revalidate=5",
	} {
		s := serveSite(t, yaml)
		response, _ := s.ask(t, "GET", "/only-public.txt", nil)
		require.Equal(t, want, response.Header.Get("Cache-Control"), yaml)
		tag := response.Header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{32}"$`, tag)
		response, body := s.ask(t, "GET", "/only-public.txt", map[string]string{"If-None-Match": tag})
		require.Equal(t, "304 ", fmt.Sprint(response.StatusCode, " ", body))
		response, body = s.ask(t, "GET", "/only-public.txt", map[string]string{"Range": "bytes=1-2"})
		require.Equal(t, "206 ub", fmt.Sprint(response.StatusCode, " ", body))
		s.RequireStop()
	}
}

func TestFilesOnDiskAreServedAndLinksLeadNowhereElse(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(root, "secret.txt")
	folder := filepath.Join(root, "www")
	require.NoError(t, os.Mkdir(folder, 0o700))
	for name, text := range map[string]string{outside: "secret", filepath.Join(folder, "page.html"): "one"} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "link.txt")))
	require.NoError(t, os.Symlink("page.html", filepath.Join(folder, "inside.html")))
	s := serveSite(t, "spring.web.resources.static-locations: 'file:"+folder+"/, classpath:/public/'")
	defer s.RequireStop()
	response, body := s.ask(t, "GET", "/page.html", nil)
	require.Equal(t, "one", body)
	require.NotEmpty(t, response.Header.Get("Last-Modified"))
	first := response.Header.Get("ETag")
	_, body = s.ask(t, "GET", "/inside.html", nil)
	require.Equal(t, "one", body)
	response, _ = s.ask(t, "GET", "/link.txt", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	_, body = s.ask(t, "GET", "/only-public.txt", nil)
	require.Equal(t, "public", body, "each location is looked at")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "page.html"), []byte("another"), 0o600))
	response, body = s.ask(t, "GET", "/page.html", nil)
	require.Equal(t, "another", body)
	require.NotEqual(t, first, response.Header.Get("ETag"))
}

func TestFilesCanBeOff(t *testing.T) {
	s := serveSite(t, "spring.web.resources.add-mappings: false")
	defer s.RequireStop()
	status, _, _ := s.get(t, "/index.html")
	require.Equal(t, http.StatusNotFound, status)
}
