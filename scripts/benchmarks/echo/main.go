// Command echo is a service wired by hand: what a start with Archimedes is measured beside.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
)

func main() {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("Web server started on port %d (http)\n", l.Addr().(*net.TCPAddr).Port)
	e.Listener = l
	_ = e.Start("")
}
