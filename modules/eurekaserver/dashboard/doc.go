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
//	traces: false   # pages of the calls between programs of this machine; default false
//	traces-max-spans: 10000  # that are kept for them; default 10000
//
// Whoever may read the page may press its buttons: set spring.security.user.password where that is too many. Requests that other
// sites make a browser send are refused.
//
// A page lists 500 instances at most and says so; /eureka-ui/?q=orders looks for what is beyond. Zone and version
// are what an instance's metadata say under these names.
//
// /lastn, as at Eureka's own dashboard, and /eureka-ui/lastn list the latest 1000 events, found by ?q=expired.
//
// With traces, which package traces takes and keeps, /eureka-ui/traces shows who calls whom and the latest 100 traces, found by
// ?q=orders and ?failed=1; /eureka-ui/traces/<id> draws one of them as a waterfall.
package dashboard
