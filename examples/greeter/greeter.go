package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
	"github.com/archimedes-go/archimedes/modules/web"
)

// greeter says who it is, and asks others who they are.
type greeter struct{ parts }

type parts struct {
	fx.In

	Config   *config.Config
	Rest     *invoker.Client
	Services discovery.Resolver
	Self     *eureka.Registrar `optional:"true"` // not there when registration is switched off
}

func newGreeter(p parts) *greeter { return &greeter{p} }

func (g *greeter) Routes(e *echo.Echo) {
	e.Any("/hello", g.hello)
	e.GET("/call", g.call)
}

// greeting is who answers.
type greeting struct {
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Port     int    `json:"port"`
}

func (g *greeter) hello(c echo.Context) error {
	name, _ := g.Config.Lookup("spring.application.name")
	answer := greeting{Service: name}
	if g.Self != nil {
		answer.Instance = g.Self.InstanceID()
	}
	if local, ok := c.Request().Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		answer.Port = local.Port
	}
	return c.JSON(http.StatusOK, answer)
}

// call relays what another service answers.
func (g *greeter) call(c echo.Context) error {
	service, method := c.QueryParam("service"), strings.ToUpper(c.QueryParam("method"))
	if service == "" {
		return web.NewProblem(http.StatusBadRequest, "The parameter service is missing. Known: "+strings.Join(g.Services.Services(), ", ")+".")
	}
	if method == "" {
		method = http.MethodGet
	}
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}, method) {
		return web.NewProblem(http.StatusBadRequest, "The parameter method must be GET, POST, PUT or DELETE.")
	}
	target, err := url.Parse("http://" + service + "/" + strings.TrimPrefix(c.QueryParam("path"), "/"))
	if err != nil || target.Host != service {
		return web.NewProblem(http.StatusBadRequest, "The parameters service and path do not make a URL.")
	}
	request, err := http.NewRequestWithContext(c.Request().Context(), method, "/", nil)
	if err != nil {
		return err
	}
	target.RawQuery = strings.ReplaceAll(target.RawQuery, " ", "%20") // would end the request line
	request.URL = target                                              // as it stands otherwise: no template, no further escaping
	rest := g.Rest
	if strategy := c.QueryParam("strategy"); strategy != "" {
		rest = rest.With(invoker.Strategy(strategy))
	}
	response, err := rest.Do(request)
	if err != nil {
		return problemOf(err)
	}
	defer response.Body.Close()
	header := c.Response().Header()
	maps.Copy(header, http.Header{"Content-Type": response.Header.Values("Content-Type"), "X-Served-By": {invoker.ServedBy(response)}})
	c.Response().WriteHeader(response.StatusCode)
	_, err = io.Copy(c.Response(), response.Body)
	return err
}

// attempt is one try, as the problem document tells it.
type attempt struct {
	Instance string `json:"instance"`
	URL      string `json:"url"`
	Cause    string `json:"cause"`
}

func problemOf(err error) error {
	var unknown *loadbalancer.StrategyError
	if errors.As(err, &unknown) {
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("There is no strategy %q. Known: %s.", unknown.Strategy, strings.Join(unknown.Known, ", ")))
	}
	var failed *invoker.CallError
	if !errors.As(err, &failed) {
		return err
	}
	attempts := []attempt{}
	for _, a := range failed.Attempts {
		attempts = append(attempts, attempt{a.Instance, a.URL, a.Cause.Error()})
	}
	status := failed.StatusCode()
	if status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout {
		status = http.StatusBadGateway // whatever it was: the call gave no answer
	}
	return web.NewProblem(status, failed.Cause.Error()).With("attempts", attempts).Because(err)
}
