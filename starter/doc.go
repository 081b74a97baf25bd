// Package starter is bundles of modules: what a kind of program is made of, in one word.
//
//	func main() { app.Run(starter.Service, fx.Provide(web.AsRoutes(newOrders))) }
//
// [Service] is a whole microservice; [Web] serves without calling or being registered; [Client] calls by name without a server
// of its own; [Worker] is a service without a listener; [EurekaServer] is the embedded server as a program. A bundle is a
// function of the configuration, so that what is switched off is not there at all; [Join] makes one of your own:
//
//	var mine = starter.Join(starter.Service, billing.Module)
//
// A program that owns its main joins Eureka in one call, as with the Python client:
//
//	agent, err := starter.Init(ctx, starter.Config{EurekaServer: "http://peer1,http://peer2", AppName: "orders", InstancePort: 9090})
//	if err != nil {
//		return err
//	}
//	defer agent.Close(context.Background())
//	body, err := agent.DoService(ctx, "OTHER-SERVICE-NAME", "/service/context/path")
//
// [Register] only registers, [Discover] only discovers. They read their [Config] and nothing else.
package starter
