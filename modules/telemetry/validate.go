package telemetry

import (
	"errors"
	"net/url"

	"github.com/archimedes-go/archimedes/config"
)

// faults collects what is wrong with settings.
type faults []error

func (f *faults) add(key, problem string) {
	*f = append(*f, config.FieldError{Key: key, Problem: problem})
}

func (f *faults) otlp(prefix string, o otlp) {
	f.endpoint(prefix+".endpoint", o.Endpoint)
	if o.Timeout < 0 {
		f.add(prefix+".timeout", "must not be negative")
	}
	if o.Compression != "" && o.Compression != "none" && o.Compression != "gzip" {
		f.add(prefix+".compression", "must be none or gzip")
	}
}

func (f *faults) endpoint(key, endpoint string) {
	if endpoint == "" {
		return
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.add(key, "must be a URL such as http://localhost:4318/v1/traces")
	}
}

func (f faults) joined() error { return errors.Join(f...) }
