package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// nowhere is an answer that nobody reads.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) WriteHeader(status int)      { n.status = status }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }

const registration = `{"instance":{"instanceId":"node-%[1]d.test:orders:8080","hostName":"node-%[1]d.test","app":"APP-%[2]d","ipAddr":"127.0.0.1","status":"UP","overriddenStatus":"UNKNOWN",` +
	`"port":{"$":8080,"@enabled":"true"},"securePort":{"$":8443,"@enabled":"false"},"countryId":1,"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},` +
	`"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"registrationTimestamp":0,"lastRenewalTimestamp":0,"evictionTimestamp":0,"serviceUpTimestamp":0},` +
	`"metadata":{"zone":"zone-1","version":"2.0.7","weight":"1","profile":"production","git.commit":"%[1]x","management.port":"8081"},"homePageUrl":"http://node-%[1]d.test:8080/",` +
	`"statusPageUrl":"http://node-%[1]d.test:8080/actuator/info","healthCheckUrl":"http://node-%[1]d.test:8080/actuator/health","vipAddress":"app-%[2]d","secureVipAddress":"app-%[2]d",` +
	`"isCoordinatingDiscoveryServer":"false","lastUpdatedTimestamp":"1700000000000","lastDirtyTimestamp":"1700000000000"}}`

// BenchmarkRequest is what a request costs beside net/http, with 10,000 instances in 200 applications.
func BenchmarkRequest(b *testing.B) {
	h := rest.New(registry.New(registry.DefaultConfig()))
	const instances, apps = 10_000, 200
	bodies := make([][]byte, instances)
	w := &nowhere{header: http.Header{}}
	send := func(method, path string, body []byte) {
		r := httptest.NewRequest(method, "/eureka/"+path, nil)
		if body != nil {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Accept-Encoding", "gzip")
		h.ServeHTTP(w, r)
		if w.status >= 300 {
			b.Fatal(method, path, w.status)
		}
	}
	for n := range bodies {
		bodies[n] = fmt.Appendf(nil, registration, n, n%apps)
		send("POST", fmt.Sprint("apps/APP-", n%apps), bodies[n])
	}
	paths := make([][2]string, instances)
	for n := range paths {
		paths[n] = [2]string{fmt.Sprint("apps/APP-", n%apps), fmt.Sprintf("apps/APP-%d/node-%d.test:orders:8080?status=UP&lastDirtyTimestamp=1700000000000", n%apps, n)}
	}
	run := func(name string, do func(n int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n = (n + 1) % instances {
				do(n)
			}
		})
	}
	run("none", func(n int) { httptest.NewRequest("PUT", "/eureka/"+paths[n][1], nil) })
	run("renew", func(n int) { send("PUT", paths[n][1], nil) })
	run("register", func(n int) { send("POST", paths[n][0], bodies[n]) })
	run("delta", func(int) { send("GET", "apps/delta", nil) })
	run("fetch", func(int) { send("GET", "apps/", nil) })
}
