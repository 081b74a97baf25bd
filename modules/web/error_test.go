package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/web"
)

func failing(e *echo.Echo) {
	e.GET("/secret", func(echo.Context) error { return errors.New("password is hunter2") })
	e.GET("/taken", func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "taken") })
	e.GET("/panic", func(echo.Context) error { panic("hunter2") })
	e.GET("/bind", func(c echo.Context) error {
		_, err := web.Bind[struct {
			N int `query:"n" validate:"required"`
		}](c)
		return err
	})
}

func TestErrorsAreSpringsDefaultDocumentsWhereProblemsAreOff(t *testing.T) {
	for _, one := range []struct {
		yaml, path string
		want       map[string]any // beside timestamp
	}{
		{"", "/taken", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken"}},
		{"", "/taken?message=true&errors&trace", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken"}},
		{"server.error.include-message: always", "/taken", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken", "message": "taken"}},
		{"spring.web.error.include-message: on-param", "/taken", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken"}},
		{"spring.web.error.include-message: on-param", "/taken?message", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken", "message": "taken"}},
		{"spring.web.error.include-message: on-param", "/taken?message=false", map[string]any{"status": 409.0, "error": "Conflict", "path": "/taken"}},
		{"spring.web.error.include-message: always", "/secret", map[string]any{"status": 500.0, "error": "Internal Server Error", "path": "/secret", "message": "No message available"}},
		{"spring.web.error.include-path: never", "/none", map[string]any{"status": 404.0, "error": "Not Found"}},
		{"spring.web.error.include-exception: true", "/secret", map[string]any{"status": 500.0, "error": "Internal Server Error", "path": "/secret", "exception": "*errors.errorString"}},
		{"spring.web.error.include-binding-errors: always", "/bind", map[string]any{"status": 400.0, "error": "Bad Request", "path": "/bind", "errors": []any{map[string]any{"field": "n", "detail": "is required"}}}},
	} {
		s := serve(t, "spring.mvc.problemdetails.enabled: false\n"+one.yaml, failing)
		_, body, header := s.get(t, one.path)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		at, err := time.Parse(time.RFC3339, got["timestamp"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, time.Minute)
		delete(got, "timestamp")
		require.Equal(t, one.want, got, "%s %s", one.yaml, one.path)
		s.RequireStop()
	}
}

func TestTheStackOfAPanicIsToldOnlyWhereAsked(t *testing.T) {
	s := serve(t, "spring: {webflux.problemdetails.enabled: false, web.error.include-stacktrace: on-param}", failing)
	defer s.RequireStop()
	_, body, _ := s.get(t, "/panic")
	require.NotContains(t, body, "error_test.go")
	_, body, _ = s.get(t, "/panic?trace")
	require.Contains(t, body, "error_test.go")
}

// outOfStock is an error of a program's own; one method gives it a status.
type outOfStock struct{ sku string }

func (e outOfStock) Error() string { return e.sku + " is out of stock" }
func (outOfStock) StatusCode() int { return http.StatusConflict }

func TestWhatRefusesARequestIsAProblemToo(t *testing.T) {
	s := serve(t, "server: {servlet.context-path: /shop, max-request-body-size: 10B}\nserver.server-header: ours", func(e *echo.Echo) {
		e.GET("/stock", func(echo.Context) error { return fmt.Errorf("in the cellar: %w", outOfStock{"A7"}) })
		e.PUT("/stock", func(c echo.Context) error { _, err := io.ReadAll(c.Request().Body); return err })
		e.Any("/bad-extra", func(echo.Context) error { return web.NewProblem(400, "x").With("f", func() {}) })
	})
	defer s.RequireStop()
	for _, one := range []struct {
		method, path string
		status       int
		allow        string
	}{{"GET", "/stock", 409, ""}, {"DELETE", "/stock", 405, "OPTIONS, GET, HEAD, PUT"}, {"GET", "/none", 404, ""}, {"GET", "/bad-extra", 500, ""}} {
		response, body := s.ask(t, one.method, one.path, nil)
		require.Equal(t, one.status, response.StatusCode, body)
		require.Equal(t, one.allow, response.Header.Get("Allow"))
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		require.Equal(t, "ours", response.Header.Get("Server"))
		require.NotContains(t, body, "cellar")
	}
	response, _ := s.ask(t, "OPTIONS", "/stock", nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/stock", nil)
	require.NoError(t, err)
	request.Header.Set("X-Large", strings.Repeat("x", 8<<10))
	response, err = s.client.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode, "at the limit, not 4 KB above it")
	require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	response, body := s.ask(t, "HEAD", "/none", nil)
	require.Equal(t, "404 ", fmt.Sprint(response.StatusCode, " ", body))
}

func TestPagesOfOtherOriginsMayCallAsSettingsSay(t *testing.T) {
	s := serve(t, "", hello)
	response, _ := s.ask(t, "GET", "/hello/x", map[string]string{"Origin": "https://page.example"})
	require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), "off by default")
	s.RequireStop()

	s = serve(t, "web.cors: {allowed-origins: https://page.example, allowed-origin-patterns: 'https://*.shop.example', allowed-methods: [GET, PUT], exposed-headers: X-Total, allow-credentials: true, max-age: 60}", hello)
	defer s.RequireStop()
	for origin, allowed := range map[string]bool{"https://page.example": true, "https://a.shop.example": true, "https://evil.example": false, "https://shop.example.evil": false, "null": false} {
		response, _ := s.ask(t, "GET", "/hello/x", map[string]string{"Origin": origin})
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, allowed, response.Header.Get("Access-Control-Allow-Origin") == origin, origin)
		require.Equal(t, allowed, response.Header.Get("Access-Control-Expose-Headers") == "X-Total", origin)
		response, _ = s.ask(t, "OPTIONS", "/hello/x", map[string]string{"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-tenant"})
		require.Equal(t, allowed, response.Header.Get("Access-Control-Max-Age") == "60", origin)
		require.Equal(t, allowed, response.Header.Get("Access-Control-Allow-Methods") == "PUT", origin)
	}
	response, _ = s.ask(t, "GET", "/none", map[string]string{"Origin": "https://page.example"})
	require.Equal(t, "https://page.example", response.Header.Get("Access-Control-Allow-Origin"), "a page may read errors, too")
}
