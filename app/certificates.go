package app

import (
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
)

// bundles are where Unix systems keep the certificates of authorities: Debian and Alpine, Fedora, openSUSE, the BSDs.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
	"/usr/local/etc/ssl/cert.pem",
}

// logCertificates says that calls over https cannot work, as in an image made from scratch. Package x509 would call every certificate
// one of an unknown authority. Where settings hold an https URL it is a warning.
func (a *App) logCertificates() {
	for _, bundle := range bundles { // asking x509 costs milliseconds where there are some
		if _, err := os.Stat(bundle); err == nil {
			return
		}
	}
	if pool, err := x509.SystemCertPool(); err == nil && !pool.Equal(x509.NewCertPool()) {
		return
	}
	level := slog.LevelInfo
	for _, key := range a.cfg.Keys("") {
		if value, _ := a.cfg.Raw(key); strings.Contains(value, "https://") {
			level = slog.LevelWarn
		}
	}
	a.log.Log(context.Background(), level, "There are no CA certificates here: calls over https will fail with \"certificate signed by unknown authority\". "+
		"Copy /etc/ssl/certs/ca-certificates.crt into the image, or set SSL_CERT_FILE")
}
