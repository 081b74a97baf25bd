// Package web serves HTTP with Echo v4 and owns the life of the listener: it is bound before the program is registered
// anywhere, and closed after every caller has had time to leave.
//
// Handlers are routes of a type of the user's:
//
//	type orders struct{ rest *invoker.Client }
//
//	func (o *orders) Routes(e *echo.Echo) { e.GET("/orders/:id", o.show) }
//
//	app.Run(starter.Service, fx.Provide(web.AsRoutes(newOrders)))
//
// An error that a handler returns becomes a problem document (RFC 9457) with the trace id: a [Problem] as it is, an
// echo.HTTPError with its code and text, an error with StatusCode() int with that status, anything else as 500 without its
// text. A panic is a 500, too, and the server lives.
//
// Requests pass, in this order: the span and what belongs to it (the error's problem, the panic's recovery), the body
// limit, the user's middleware by its order, the route.
//
// Settings live under "server" in application.yml:
//
//	port: 8080                 # 0 takes any free one
//	address: 127.0.0.1         # default all
//	shutdown: graceful         # or immediate
//	servlet.context-path: /shop
//
// With plain fx, put [Root] after all other options and give fx.StopTimeout the sum that a warning names.
package web
