package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/lifecycle"
	"github.com/archimedes-go/archimedes/modules/ssl/ssltest"
	"github.com/archimedes-go/archimedes/modules/web"
)

// everything is on: streams must pass.
const allMiddleware = "server.compression.enabled: true\nweb.cors.allowed-origins: https://page.example\nspring.mvc.async.request-timeout: 100ms\nserver.tomcat.connection-timeout: 1s\n"

// ticker sends an event with a number every now and then.
func ticker(c echo.Context) error {
	events := make(chan web.Event)
	ctx := c.Request().Context()
	go func() {
		defer close(events)
		for i := 1; ; i++ {
			select {
			case events <- web.Event{ID: fmt.Sprint(i), Name: "tick", Data: map[string]int{"n": i}}:
			case <-ctx.Done():
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return web.Events(c, events)
}

// echoes is a WebSocket that says what it hears.
func echoes(c echo.Context) error {
	conn, err := websocket.Accept(c.Response(), c.Request(), nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	for {
		kind, text, err := conn.Read(c.Request().Context())
		if err != nil {
			return nil
		}
		if err := conn.Write(c.Request().Context(), kind, text); err != nil {
			return nil
		}
	}
}

func streams(e *echo.Echo) {
	e.GET("/events", ticker)
	e.GET("/socket", echoes)
}

// raw opens a stream of events and returns its lines.
func (s *running) events(t *testing.T, accept string) (*bufio.Reader, io.Closer) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/events", nil)
	require.NoError(t, err)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	return bufio.NewReader(response.Body), response.Body
}

func TestAnEventStreamLivesLongerThanAnyTimeout(t *testing.T) {
	for _, http2 := range []string{"false", "true"} {
		ca := ssltest.NewAuthority(t)
		s := serve(t, allMiddleware+secured(t, ca)+"server.http2.enabled: "+http2, streams).trusting(t, ca)
		lines, body := s.events(t, "text/event-stream")
		for i := range 30 { // one and a half seconds: longer than the write timeout and the request's
			var event []string
			for len(event) < 4 {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				event = append(event, line)
			}
			require.Equal(t, []string{fmt.Sprintf("id: %d\n", i+1), "event: tick\n", fmt.Sprintf("data: {\"n\":%d}\n", i+1), "\n"}, event)
		}
		body.Close()
		s.RequireStop()
	}
}

func TestAWebSocketLivesLongerThanAnyTimeoutThroughAllMiddleware(t *testing.T) {
	ca := ssltest.NewAuthority(t)
	for _, secure := range []bool{false, true} {
		yaml := allMiddleware
		if secure {
			yaml += secured(t, ca) + "server.http2.enabled: true"
		}
		s := serve(t, yaml, streams).trusting(t, ca)
		conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/socket", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS(t)}},
		})
		require.NoError(t, err)
		for i := range 30 {
			require.NoError(t, conn.Write(t.Context(), websocket.MessageText, fmt.Append(nil, "hello ", i)))
			_, text, err := conn.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint("hello ", i), string(text))
			time.Sleep(50 * time.Millisecond)
		}
		require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
		s.RequireStop()
		require.Contains(t, spanStatuses(s), "GET /socket 101")
	}
}

func spanStatuses(s *running) []string {
	var all []string
	for _, span := range s.spans.Ended() {
		for _, a := range span.Attributes() {
			if a.Key == "http.response.status_code" {
				all = append(all, span.Name()+" "+a.Value.String())
			}
		}
	}
	return all
}

func TestStreamsEndAtTheStartOfTheLastStepOfAStop(t *testing.T) {
	for _, accept := range []string{"text/event-stream", ""} { // a browser asks for events, curl does not
		for _, http2 := range []string{"false", "true"} {
			ca := ssltest.NewAuthority(t)
			s := serve(t, secured(t, ca)+"spring.lifecycle.timeout-per-shutdown-phase: 1h\nserver.http2.enabled: "+http2, streams).trusting(t, ca)
			s.registration.drain = time.Hour
			lines, body := s.events(t, accept)
			_, err := lines.ReadString('\n')
			require.NoError(t, err)
			conn, _, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(s.url, "https")+"/socket", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS(t)}},
			})
			require.NoError(t, err)

			ctx, haste := lifecycle.WithHaste(t.Context())
			s.registration.at = func(step string) {
				if step == "down" {
					go func() { // events go on while callers leave; only then does the drain end
						for seen := 0; seen < 3; {
							line, err := lines.ReadString('\n')
							if err != nil {
								return
							}
							if strings.HasPrefix(line, "data") {
								seen++
							}
						}
						haste.Hurry()
					}()
				}
			}
			stopped := make(chan error)
			go func() { stopped <- s.Stop(ctx) }()
			select {
			case err := <-stopped:
				require.NoError(t, err)
			case <-time.After(30 * time.Second):
				t.Fatal("streams end before the drain does, or the stop waits for them")
			}
			_, _, err = conn.Read(t.Context())
			require.Error(t, err)
			conn.CloseNow()
			body.Close()
		}
	}
}

func TestAHandlerThatReadsFromATakenConnectionIsToldToo(t *testing.T) {
	read := make(chan error, 1)
	s := serve(t, "spring.lifecycle.timeout-per-shutdown-phase: 1h", func(e *echo.Echo) {
		e.GET("/raw", func(c echo.Context) error { // a library that knows no contexts
			conn, buffered, err := http.NewResponseController(c.Response()).Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\n")
			_, err = buffered.ReadByte()
			read <- err
			_, err = conn.Write([]byte("bye"))
			return err
		})
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "GET /raw HTTP/1.1\r\nHost: x\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	s.RequireStop()
	require.Error(t, <-read)
	goodbye, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, "bye", string(goodbye))
}

func TestAConnectionThatWasKeptBeyondItsHandlerIsToldAtTheStop(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/raw", func(c echo.Context) error {
			conn, _, err := c.Response().Hijack()
			if err != nil {
				return err
			}
			go func() {
				_, err := conn.Read(make([]byte, 1))
				ended <- err
				conn.Close()
			}()
			return nil
		})
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "GET /raw HTTP/1.1\r\nHost: x\r\n\r\n")
	time.Sleep(50 * time.Millisecond)
	s.RequireStop()
	require.Error(t, <-ended)
}

func TestResponseControllerWorksThroughAllMiddleware(t *testing.T) {
	s := serve(t, allMiddleware, func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error {
			control := http.NewResponseController(c.Response())
			for _, err := range []error{control.SetReadDeadline(time.Now().Add(time.Hour)), control.SetWriteDeadline(time.Now().Add(time.Hour)), control.EnableFullDuplex(), control.Flush()} {
				if err != nil {
					return err
				}
			}
			c.Response().Writer.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			return c.String(http.StatusOK, "done")
		})
	})
	defer s.RequireStop()
	status, body, _ := s.get(t, "/")
	require.Equal(t, []any{200, "done"}, []any{status, body})
}

func TestARequestsContextEndsAtItsTimeout(t *testing.T) {
	deadlines := make(chan bool, 1)
	s := serve(t, "spring.mvc.async.request-timeout: 50ms", func(e *echo.Echo) {
		e.GET("/slow", func(c echo.Context) error {
			_, has := c.Request().Context().Deadline()
			deadlines <- has
			<-c.Request().Context().Done()
			return fmt.Errorf("secret place: %w", c.Request().Context().Err())
		})
		e.GET("/elsewhere", func(c echo.Context) error { return fmt.Errorf("call: %w", context.DeadlineExceeded) })
	})
	defer s.RequireStop()
	status, body, _ := s.get(t, "/slow")
	require.Equal(t, http.StatusServiceUnavailable, status, "as Spring's AsyncRequestTimeoutException")
	require.Contains(t, body, "took too long")
	require.NotContains(t, body, "secret")
	require.True(t, <-deadlines, "calls below share it")
	status, _, _ = s.get(t, "/elsewhere")
	require.Equal(t, http.StatusGatewayTimeout, status)
}

func TestACallerThatLeavesIsNoFailureOfTheServer(t *testing.T) {
	began := make(chan struct{})
	s := serve(t, "", func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error {
			close(began)
			<-c.Request().Context().Done()
			return c.Request().Context().Err()
		})
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-began; leave() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/", nil)
	require.NoError(t, err)
	_, err = s.client.Do(request)
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return len(s.spans.Ended()) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, []string{"GET / 499"}, spanStatuses(s))
	s.RequireStop()
	require.NotContains(t, s.logs.String(), "a request failed")
}

func TestABodyThatStallsIsGivenUp(t *testing.T) {
	t.Parallel()
	s := serve(t, "server.tomcat.connection-timeout: 2s", func(e *echo.Echo) {
		e.POST("/", func(c echo.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return err
			}
			time.Sleep(2200 * time.Millisecond) // once the body is there nothing is in a hurry
			if err := c.Request().Context().Err(); err != nil {
				return err
			}
			return c.String(http.StatusOK, string(body))
		})
	})
	defer s.RequireStop()
	post := func(pieces ...string) *http.Response {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n")
		for _, piece := range pieces {
			time.Sleep(60 * time.Millisecond)
			fmt.Fprint(conn, piece)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		return response
	}
	require.Equal(t, http.StatusRequestTimeout, post("a").StatusCode)
	require.Equal(t, http.StatusOK, post(strings.Split(strings.Repeat("a", 40), "")...).StatusCode, "slow, but it does not stall")
}

func TestACallerThatStopsReadingIsLeft(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, "server.tomcat.connection-timeout: 200ms", func(e *echo.Echo) {
		e.GET("/", func(c echo.Context) error {
			piece := make([]byte, 1<<20)
			for {
				if _, err := c.Response().Write(piece); err != nil {
					ended <- err
					return nil
				}
			}
		})
	})
	defer s.RequireStop()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("the handler hangs")
	}
}
