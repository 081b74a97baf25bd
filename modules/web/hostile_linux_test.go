package web_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

// told is the answer to bytes that are sent as they are: the status and what of the connection is left.
func told(t *testing.T, s *running, text string) (status int, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, text) }()
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err, "no answer to %.80q", text)
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response.StatusCode, response.Close
}

func hostileRoutes(e *echo.Echo) {
	hello(e)
	e.POST("/body", func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, strconv.Itoa(len(body)))
	})
	e.POST("/ignored", func(c echo.Context) error { return c.String(http.StatusOK, "no need") })
}

func TestRequestsThatTwoServersWouldReadDifferentlyAreRefused(t *testing.T) {
	s := serve(t, "", hostileRoutes)
	defer s.RequireStop()
	const smuggled = "GET /hello/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"two lengths":                 "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a list of lengths":           "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 4\r\n\r\nabcd",
		"a length with a sign":        "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
		"a negative length":           "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc",
		"a length beyond all":         "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
		"a space before the colon":    "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
		"another transfer coding":     "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"two transfer codings":        "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"a chunk size that is none":   "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"a chunk longer than it says": "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
		"no host":                     "GET /hello/x HTTP/1.1\r\n\r\n",
		"two hosts":                   "GET /hello/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"a host with a path":          "GET /hello/x HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"a null in a header":          "GET /hello/x HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
		"a header without a name":     "GET /hello/x HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
		"a header without a colon":    "GET /hello/x HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n",
		"no version":                  "GET /hello/x\r\nHost: x\r\n\r\n",
		"a version of the future":     "GET /hello/x HTTP/9.9\r\nHost: x\r\n\r\n",
		"another protocol":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"a broken escape":             "GET /hello/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"a folded first line":         "GET /hello/x\r\n HTTP/1.1\r\nHost: x\r\n\r\n",
		"headers without an end":      "GET /hello/x HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 20_000),
		"thousands of headers":        "GET /hello/x HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 5_000) + "\r\n",
		"a path without an end":       "GET /" + strings.Repeat("a", 20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		status, closed := told(t, s, text)
		require.True(t, status >= 400 && status < 500 || status == http.StatusNotImplemented || status == http.StatusHTTPVersionNotSupported, "%s: %d", name, status)
		require.True(t, closed || status == http.StatusBadRequest, "%s: the connection is not used again", name)
	}

	// Length and coding at once: the coding counts (RFC 9112 §6.3), and what follows is never a second request.
	status, closed := told(t, s, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+smuggled)
	require.True(t, status == http.StatusOK || status == http.StatusBadRequest)
	_ = closed
	// A folded header (obsolete) is one value, as RFC 9112 §5.2 allows, never a header of its own.
	status, _ = told(t, s, "GET /hello/x HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Content-Length: 40\r\n\r\n")
	require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, status)

	status, body, _ := s.get(t, "/hello/alive")
	require.Equal(t, "200 hello alive", fmt.Sprint(status, " ", body))
}

func TestPathsOfAnyBytesAreAnswered(t *testing.T) {
	s := serve(t, "server.servlet.context-path: /shop", hostileRoutes)
	defer s.RequireStop()
	s.url = strings.TrimSuffix(s.url, "/shop")
	for path, want := range map[string]int{
		"/shop/hello/%ff%fe": 200, "/shop/hello/%00": 200, "/shop/hello/a%2fb": 200, "/shop/hello/" + strings.Repeat("%f0%9f", 100): 200, "/shop/hello/\xff\xfe": 200,
		"/shop/../shop/hello/x": 404, "/%73hop/hello/x": 404, "/shop%2fhello/x": 404, "//shop/hello/x": 404, "/shop//hello/x": 404, "*": 404, "/shop/hello/x;a=b": 200,
	} {
		status, _ := told(t, s, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Contains(t, []int{want, http.StatusBadRequest}, status, "%q", path)
	}
}

func TestBodiesBeyondTheLimitAreRefusedHoweverTheyCome(t *testing.T) {
	s := serve(t, "server.max-request-body-size: 1KB", hostileRoutes)
	defer s.RequireStop()
	endless := "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100\r\n"+strings.Repeat("a", 256)+"\r\n", 1000)
	for name, text := range map[string]string{
		"announced":            "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n",
		"announced, and huge":  "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000000\r\n\r\n",
		"chunked, without end": endless,
	} {
		status, closed := told(t, s, text)
		require.Equal(t, http.StatusRequestEntityTooLarge, status, name)
		require.True(t, closed, name)
	}
	status, _ := told(t, s, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n"+strings.Repeat("a", 1024))
	require.Equal(t, http.StatusOK, status)
}

func TestCallersThatDribbleAreCutOff(t *testing.T) {
	s := serve(t, "server.tomcat.connection-timeout: 1s", hostileRoutes)
	defer s.RequireStop()
	dribble := func(first string) string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		fmt.Fprint(conn, first)
		go func() {
			for range 200 {
				if _, err := conn.Write([]byte("X")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		text, err := io.ReadAll(conn)
		require.False(t, err != nil && os.IsTimeout(err), "the server waits for a caller that dribbles")
		return string(text)
	}
	dribble("GET /hello/x HTTP/1.1\r\nHost: x\r\nX-Slow: ") // the header has one deadline, however much comes
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "POST /ignored HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n") // a body that nobody reads, and that never comes
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(text), "no need")
}

func TestAConnectionIsClosedThatIsIdleOrDribblesAfterRequestsThatWereGood(t *testing.T) {
	t.Parallel()
	s := serve(t, "server.tomcat: {connection-timeout: 2s, keep-alive-timeout: 2s}", hostileRoutes)
	t.Cleanup(s.RequireStop)
	for name, last := range map[string]string{"idle": "", "header": "GET /hello/x HTTP/1.1\r\nX-Slow: ", "body": "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			reader := bufio.NewReader(conn)
			for range 3 {
				fmt.Fprint(conn, "POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
				response, err := http.ReadResponse(reader, nil)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, response.Body)
				require.Equal(t, http.StatusOK, response.StatusCode)
			}
			fmt.Fprint(conn, last)
			_, err = io.ReadAll(reader)
			require.NoError(t, err, "the server waits for a caller that does not go on")
		})
	}
}

// manyIdle is set in the process that opens connections.
const manyIdle = "ARCHIMEDES_WEB_IDLE"

func TestTenThousandIdleConnectionsCostLittle(t *testing.T) {
	if address := os.Getenv(manyIdle); address != "" {
		openIdle(t, address)
		return
	}
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	count := 10_000
	if limit.Cur < 12_000 {
		t.Skipf("this machine allows %d open files", limit.Cur)
	}
	s := serve(t, "", hostileRoutes)
	defer s.RequireStop()
	before := inUse()
	other := exec.Command(os.Args[0], "-test.run", "^TestTenThousandIdleConnectionsCostLittle$", "-test.v")
	other.Env = append(os.Environ(), manyIdle+"="+strings.TrimPrefix(s.url, "http://")+" "+strconv.Itoa(count))
	in, err := other.StdinPipe()
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	defer func() { _ = in.Close(); _ = other.Wait() }()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "all are open") {
	}
	require.Contains(t, lines.Text(), "all are open")
	each := (inUse() - before) / uint64(count)
	t.Logf("%d bytes for each connection", each)
	require.Less(t, each, uint64(32<<10))
	status, body, _ := s.get(t, "/hello/alive")
	require.Equal(t, "200 hello alive", fmt.Sprint(status, " ", body))
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// openIdle opens connections, uses each once, and keeps them until its input ends.
func openIdle(t *testing.T, addressAndCount string) {
	address, text, _ := strings.Cut(addressAndCount, " ")
	count, err := strconv.Atoi(text)
	require.NoError(t, err)
	answer := make([]byte, 4<<10)
	for range count {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		n, err := conn.Read(answer)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 ")))
		defer conn.Close()
	}
	fmt.Println("all are open")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
