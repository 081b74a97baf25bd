package starter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/starter"
)

func ExampleInit() {
	eureka := httptest.NewServer(rest.New(registry.New(registry.DefaultConfig())))
	defer eureka.Close()
	hello := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer hello.Close()
	port := 0
	fmt.Sscan(hello.URL[strings.LastIndexByte(hello.URL, ':')+1:], &port)

	agent, err := starter.Init(context.Background(), starter.Config{
		EurekaServer: eureka.URL, AppName: "greeter", InstancePort: port, InstanceHost: "localhost", InstanceIP: "127.0.0.1",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer agent.Close(context.Background())
	body, err := agent.DoService(context.Background(), "GREETER", "/hello")
	fmt.Println(body, err)
	// Output: hello <nil>
}
