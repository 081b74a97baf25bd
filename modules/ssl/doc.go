// Package ssl holds the certificates, keys and authorities of a program as bundles: the web server, the Eureka client and calls
// to services name one in their settings and share it.
//
//	spring.ssl.bundle.pem.web:
//	  keystore.certificate: file:/etc/tls/tls.crt     # or classpath:tls.crt, or the PEM text itself
//	  keystore.private-key: file:/etc/tls/tls.key
//	  truststore.certificate: file:/etc/tls/ca.crt
//	  reload-on-update: true                          # looked at every spring.ssl.bundle.watch.file.quiet-period
//	server.ssl.bundle: web
//	spring.http.clients.ssl.bundle: web
//	eureka.client.tls.bundle: web
//
// PKCS12 files stand under spring.ssl.bundle.jks, as in Spring, with location and password. Java's own JKS format is refused with
// the command that converts it.
//
// A certificate that is expired, or does not belong to its key, fails the start. When files change while the program runs, new
// connections use what is new; while the files are unfit, the old stays in use and one warning says why.
//
// In Go a bundle is asked for by name:
//
//	func newMailer(bundles *ssl.Bundles) (*mailer, error) {
//		b, err := bundles.Get("mail")
//		client := &http.Client{Transport: b.Transport(func(c *tls.Config) *http.Transport { return &http.Transport{TLSClientConfig: c} })}
package ssl
