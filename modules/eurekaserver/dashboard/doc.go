// Package dashboard shows a registry to people: services with their instances, how they renew, and what happened lately. The
// page works without JavaScript; with it, it follows the registry by itself.
//
//	h := dashboard.New(r, dashboard.WithConfig(dashboard.Config{Actions: true}))
//	http.Handle("/", h)           // the page
//	http.Handle("/eureka-ui/", h) // the page again, and what it loads
//
// Settings live under "eureka.dashboard" in application.yml:
//
//	enabled: true   # default true, where there is a server
//	path: /         # besides /eureka-ui/, where it always is; default /
//	actions: false  # buttons that take an instance OUT_OF_SERVICE and back; default false
//
// Whoever may read the page may press its buttons: set spring.security.user.password where that is too many. Requests that other
// sites make a browser send are refused.
//
// A page lists 500 instances at most and says so; /eureka-ui/?q=orders looks for what is beyond. Zone and version
// are what an instance's metadata say under these names.
package dashboard
