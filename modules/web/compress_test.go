package web_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

var long = strings.Repeat("all work and no play ", 200)

// ask sends a request with headers, without what net/http would add for compression.
func (s *running) ask(t *testing.T, method, path string, header map[string]string) (*http.Response, string) {
	t.Helper()
	s.client.Transport.(*http.Transport).DisableCompression = true
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	require.NoError(t, err)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func unzipped(t *testing.T, body string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(plain)
}

func TestAnswersAreCompressedWhenItIsWorthItAndAllowed(t *testing.T) {
	s := serve(t, "server.compression: {enabled: true, excluded-user-agents: 'Old.*', additional-mime-types: application/x-mine}", func(e *echo.Echo) {
		e.Match([]string{"GET", "HEAD"}, "/long", func(c echo.Context) error { return c.String(http.StatusOK, long) })
		e.GET("/short", func(c echo.Context) error { return c.String(http.StatusOK, "short") })
		e.GET("/image", func(c echo.Context) error { return c.Blob(http.StatusOK, "image/png", []byte(long)) })
		e.GET("/mine", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/x-mine", []byte(long)) })
		e.GET("/packed", func(c echo.Context) error {
			c.Response().Header().Set("Content-Encoding", "br")
			return c.String(http.StatusOK, long)
		})
		e.GET("/tagged", func(c echo.Context) error {
			c.Response().Header().Set("ETag", `"v1"`)
			c.Response().Header().Set("Content-Length", fmt.Sprint(len(long)))
			return c.String(http.StatusOK, long)
		})
		e.GET("/pieces", func(c echo.Context) error {
			for piece := range strings.SplitAfterSeq(long, " ") {
				fmt.Fprint(c.Response(), piece)
			}
			return nil
		})
		e.GET("/empty", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
		e.GET("/kept", func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", "no-transform")
			return c.String(http.StatusOK, long)
		})
		e.GET("/missing", func(c echo.Context) error { return echo.NewHTTPError(http.StatusNotFound, long) })
	})
	defer s.RequireStop()
	for _, one := range []struct {
		method, path, accept, agent string
		compressed                  bool
	}{
		{"GET", "/long", "gzip", "", true},
		{"GET", "/long", "br, *;q=0.5", "", true},
		{"GET", "/long", "gzip;q=0", "", false},
		{"GET", "/long", "", "", false},
		{"GET", "/long", "gzip", "OldBrowser/1", false},
		{"HEAD", "/long", "gzip", "", false},
		{"GET", "/short", "gzip", "", false},
		{"GET", "/image", "gzip", "", false},
		{"GET", "/mine", "gzip", "", true},
		{"GET", "/packed", "gzip", "", false},
		{"GET", "/tagged", "gzip", "", true},
		{"GET", "/pieces", "gzip", "", true},
		{"GET", "/empty", "gzip", "", false},
		{"GET", "/kept", "gzip", "", false},
		{"GET", "/missing", "gzip", "", false},
	} {
		response, body := s.ask(t, one.method, one.path, map[string]string{"Accept-Encoding": one.accept, "User-Agent": one.agent})
		require.Equal(t, one.compressed, response.Header.Get("Content-Encoding") == "gzip", "%v", one)
		if !one.compressed {
			continue
		}
		require.Equal(t, long, unzipped(t, body), "%v", one)
		require.Equal(t, "Accept-Encoding", response.Header.Get("Vary"))
		require.Less(t, len(body), len(long)/5)
		if one.path == "/tagged" {
			require.Equal(t, `W/"v1"`, response.Header.Get("ETag"))
		}
	}
}

func TestAFlushSendsWhatThereIsThroughCompression(t *testing.T) {
	next := make(chan struct{})
	s := serve(t, "server.compression: {enabled: true, additional-mime-types: text/event-stream}", func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error {
			c.Response().Header().Set("Content-Type", c.QueryParam("as"))
			c.Response().Flush()
			<-next
			for range 3 {
				fmt.Fprintln(c.Response(), "line")
				c.Response().Flush()
				<-next
			}
			return nil
		})
	})
	defer s.RequireStop()
	for _, kind := range []string{"text/plain", "text/event-stream", "application/octet-stream"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/?as="+kind, nil)
		require.NoError(t, err)
		response, err := s.client.Do(request) // the client unpacks; headers are here before anything is written
		require.NoError(t, err)
		next <- struct{}{}
		lines := bufio.NewReader(response.Body)
		for range 3 {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "line\n", line)
			next <- struct{}{}
		}
		response.Body.Close()
	}
}

func TestAPanicAfterAHeldBackBeginningIsAProblem(t *testing.T) {
	s := serve(t, "server.compression.enabled: true", func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error { panic("oh no") })
	})
	defer s.RequireStop()
	response, body := s.ask(t, "GET", "/", map[string]string{"Accept-Encoding": "gzip"})
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Contains(t, body, `"status":500`)
}
