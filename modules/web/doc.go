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
// A GET route answers HEAD, too, unless the program has one.
//
// An error that a handler returns becomes a problem document (RFC 9457) with the trace id: a [Problem] as it is, an
// echo.HTTPError with its code and text, anything else as 500 without its text. A panic is a 500, too, and the server lives. A type
// of the program's own gets its status by one method:
//
//	func (outOfStock) StatusCode() int { return http.StatusConflict } // below 500 its text is the detail
//
// A request becomes a struct, and a 400 names every field that is at fault, unknown or of the wrong type:
//
//	type order struct {
//		Shop     string `param:"shop"`
//		Tenant   string `header:"X-Tenant" validate:"required"`
//		Quantity int    `json:"quantity" validate:"min=1"`
//	}
//	in, err := web.Bind[order](c)
//
// Server-sent events are what comes out of a channel. Streams and WebSockets outlive every timeout, see their context end when the
// server stops, and are the first to go:
//
//	e.GET("/prices", func(c echo.Context) error { return web.Events(c, p.follow(c.Request().Context())) })
//
// Requests pass, in this order: the span and what belongs to it (the error's problem, the panic's recovery, the timeout), CORS,
// compression, the body's limits, the user's middleware by its order, the route; then, where no route was found, the static files.
// http.Flusher, http.Hijacker and http.ResponseController work through all of it.
//
// Settings live under "server" in application.yml:
//
//	port: 8080                          # 0 takes any free one
//	address: 127.0.0.1                  # default all
//	shutdown: graceful                  # or immediate
//	servlet.context-path: /shop
//	max-request-body-size: 2MB          # ours
//	max-http-request-header-size: 8KB
//	tomcat.connection-timeout: 20s      # for headers, then for each read of the body and each write of the answer
//
// TLS is on as soon as there is a certificate (see package ssl for bundles); the registries are told the secure port alone:
//
//	ssl: {certificate: "file:tls.crt", certificate-private-key: "file:tls.key", client-auth: none}
//	http2.enabled: true                 # over TLS, and without it for callers that know beforehand (h2c)
//	compression: {enabled: true, min-response-size: 2KB, mime-types: [text/html, application/json]}
//
// The caller's address, scheme and host are the socket's, whatever headers say, unless proxies are believed. Then X-Forwarded-For,
// -Proto, -Host and -Port of proxies with a private address count, as in Tomcat; framework reads Forwarded (RFC 7239)
// and X-Forwarded-Prefix, too:
//
//	forward-headers-strategy: native    # none; native by default on Kubernetes and other cloud platforms, as in Spring
//	tomcat.remoteip.internal-proxies: 10.1.0.0/16
//
// Elsewhere in application.yml:
//
//	web.cors: {allowed-origins: "https://shop.example", allow-credentials: true}          # off without origins
//	spring.web.resources: {static-locations: "classpath:/static/, file:./www/", cache.period: 1h}
//	spring.mvc.async.request-timeout: 30s            # ends the context of a request that asks for no stream; default never
//	spring.mvc.problemdetails.enabled: false         # Spring's error documents instead of problems
//	spring.web.error.include-message: on-param       # what those tell; server.error in Boot 3
//
// With plain fx, put [Root] after all other options and give fx.StopTimeout the sum that a warning names.
package web
