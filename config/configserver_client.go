package config

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds what a config server may send.
const maxAnswer = 64 << 20

// serverClient asks the config servers of one import.
type serverClient struct {
	settings  serverSettings
	servers   []server
	transport *http.Transport
}

// serverError is an answer that cannot be used, or none, in words without credentials.
type serverError struct {
	problem, advice string
	status          int // of the answer; 0 when there was none
}

func (e *serverError) Error() string { return e.problem }

// serverTLS is "spring.cloud.config.tls".
type serverTLS struct {
	TrustStore string `config:"trust-store"` // PEM file of the authorities that servers are trusted by; file: may stand before it; default the system's
}

func (t serverTLS) validate() error {
	if _, err := t.pool(); err != nil {
		return FieldError{Key: "tls.trust-store", Problem: err.Error()}
	}
	return nil
}

func (t serverTLS) pool() (*x509.CertPool, error) {
	if t.TrustStore == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(strings.TrimPrefix(t.TrustStore, "file:"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file holds no certificate in PEM form")
	}
	return pool, nil
}

func newServerClient(settings serverSettings, servers []server) (*serverClient, error) {
	pool, err := settings.TLS.pool()
	if err != nil {
		return nil, err
	}
	return &serverClient{settings: settings, servers: servers, transport: &http.Transport{
		DialContext:     (&net.Dialer{Timeout: settings.ConnectTimeout}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: settings.ConnectTimeout,
		ResponseHeaderTimeout: settings.ReadTimeout,
	}}, nil
}

func (c *serverClient) close() { c.transport.CloseIdleConnections() }

// environment asks until a server answers; several times when fail-fast is set, since nothing else would help.
func (c *serverClient) environment(ctx context.Context, name, profiles string) (*environment, error) {
	attempts, retry := 1, c.settings.Retry
	if c.settings.FailFast && retry.Enabled {
		attempts = retry.MaxAttempts
	}
	pause := float64(retry.InitialInterval)
	for attempt := 1; ; attempt++ {
		answer, err := c.once(ctx, name, profiles)
		if err == nil || attempt >= attempts || ctx.Err() != nil {
			return answer, err
		}
		timer := time.NewTimer(time.Duration(pause * (0.9 + 0.2*rand.Float64()) * float64(time.Millisecond)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
		pause = min(pause*retry.Multiplier, float64(retry.MaxInterval))
	}
}

// once tries the labels in order, and for each the servers.
func (c *serverClient) once(ctx context.Context, name, profiles string) (*environment, error) {
	labels := splitList(c.settings.Label)
	if len(labels) == 0 || c.settings.SendAllLabels {
		labels = []string{c.settings.Label}
	}
	var err error
	for _, label := range labels {
		var answer *environment
		if answer, err = c.label(ctx, name, profiles, label); err == nil {
			return answer, nil
		}
	}
	return nil, err
}

func (c *serverClient) label(ctx context.Context, name, profiles, label string) (*environment, error) {
	elements := []string{name, profiles}
	if label != "" {
		elements = append(elements, strings.ReplaceAll(label, "/", "(_)"))
	}
	var failed error
	for _, s := range c.servers {
		answer, err := c.get(ctx, s, s.url.JoinPath(escaped(elements)...))
		if err == nil {
			return answer, nil
		}
		failed = err
		var bad *serverError
		if errors.As(err, &bad) && bad.status != 0 && (bad.status == http.StatusNotFound || uniform(c.settings.Strategy) != "always") {
			break
		}
	}
	return nil, failed
}

// escaped leaves commas and brackets as Spring sends them.
func escaped(elements []string) []string {
	all := make([]string, len(elements))
	for i, e := range elements {
		all[i] = strings.NewReplacer("%2C", ",", "%28", "(", "%29", ")").Replace(url.PathEscape(e))
	}
	return all
}

func (c *serverClient) get(ctx context.Context, s server, target *url.URL) (*environment, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.ConnectTimeout+c.settings.ReadTimeout) // the body included
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, &serverError{problem: "the address of the config server is not a URL"}
	}
	request.Header.Set("Accept", "application/vnd.spring-cloud.config-server.v2+json, application/json")
	if s.username != "" {
		request.SetBasicAuth(s.username, string(s.password))
	}
	if c.settings.Token != "" {
		request.Header.Set("X-Config-Token", string(c.settings.Token))
	}
	for name, value := range c.settings.Headers {
		if !strings.EqualFold(name, "Authorization") || s.username == "" { // credentials win, as in Spring
			request.Header.Set(name, string(value))
		}
	}
	client := http.Client{Transport: c.transport}
	response, err := client.Do(request)
	if err != nil {
		return nil, c.silent(target, err)
	}
	defer response.Body.Close()
	return c.read(target, response)
}

// silent tells why there was no answer.
func (c *serverClient) silent(target *url.URL, err error) error {
	var dial *net.OpError
	dialed := errors.As(err, &dial) && dial.Op == "dial"
	var timeout interface{ Timeout() bool }
	late := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	switch {
	case late && dialed:
		return &serverError{
			problem: fmt.Sprintf("the config server at %s accepted no connection within %v", target, c.settings.ConnectTimeout),
			advice:  "Start the config server, correct its address, or set spring.cloud.config.request-connect-timeout.",
		}
	case late:
		return &serverError{
			problem: fmt.Sprintf("the config server at %s did not answer within %v", target, c.settings.ReadTimeout),
			advice:  "Look at the config server, or set spring.cloud.config.request-read-timeout (milliseconds).",
		}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &serverError{problem: fmt.Sprintf("the config server at %s cannot be reached: %v", target, err)}
}

func (c *serverClient) read(target *url.URL, response *http.Response) (*environment, error) {
	bad := func(format string, args ...any) error {
		return &serverError{problem: fmt.Sprintf("the config server at %s ", target) + fmt.Sprintf(format, args...), status: response.StatusCode}
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		err := &serverError{status: response.StatusCode, advice: "Set spring.cloud.config.username and spring.cloud.config.password, or correct the credentials in the address."}
		err.problem = fmt.Sprintf("the config server at %s refuses the credentials: status %s", target, response.Status)
		return nil, err
	case http.StatusNotFound:
		return nil, bad("knows no such configuration or label: status %s", response.Status)
	default:
		return nil, bad("answered with status %s", response.Status)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil, bad("answered with %s instead of JSON: is it a config server?", strconv.Quote(kind))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil && response.Request.Context().Err() != nil:
		return nil, c.silent(target, context.DeadlineExceeded)
	case err != nil:
		return nil, bad("broke off in its answer: %v", err)
	case len(body) > maxAnswer:
		return nil, bad("answered with more than %d MB", maxAnswer>>20)
	}
	var e environment
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, bad("answered with what is no environment: %v", err)
	}
	return &e, nil
}

// environment is the answer of a config server.
type environment struct {
	Version         string           `json:"version"`
	State           string           `json:"state"`
	PropertySources []propertySource `json:"propertySources"`
}

type propertySource struct {
	Name   string                     `json:"name"`
	Source map[string]json.RawMessage `json:"source"`
}

var (
	describedFile = regexp.MustCompile(`^Config resource '[^\[']*\[([^\]]+)\]' via location '[^']*'( \(document #\d+\))?$`)
	lineAndColumn = regexp.MustCompile(`(\d+):(\d+)$`)
)

// source turns an answer's source into ours. Keys are flat already; values are texts, numbers or booleans, in the second
// version of the protocol with their place in the file.
func (p propertySource) source() (*Source, error) {
	name := p.Name
	if found := describedFile.FindStringSubmatch(name); found != nil {
		name = found[1] + found[2]
	}
	name = "configserver:" + name
	entries := make([]entry, 0, len(p.Source))
	for _, key := range slices.Sorted(maps.Keys(p.Source)) {
		raw := p.Source[key]
		e := entry{key: key, origin: Origin{Source: name}}
		var placed struct {
			Value  json.RawMessage `json:"value"`
			Origin string          `json:"origin"`
		}
		if len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &placed) == nil && placed.Value != nil {
			raw = placed.Value
			if found := lineAndColumn.FindStringSubmatch(placed.Origin); found != nil {
				e.origin.Line, _ = strconv.Atoi(found[1])
				e.origin.Column, _ = strconv.Atoi(found[2])
			}
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		token, err := decoder.Token()
		if token == nil && err == nil {
			e.kind = null
			entries = append(entries, e)
			continue
		}
		if err == nil {
			err = flattenJSON(key, token, decoder, e.origin, &entries)
		}
		if err != nil {
			return nil, &LoadError{Origin: e.origin, Problem: "the config server's value of " + key + " is not JSON", Advice: "Look at the config server's answer.", keys: []string{key}}
		}
	}
	return newSource(name, entries), nil
}
