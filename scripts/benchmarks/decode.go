package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/hudl/fargo"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

// decoder is the Java client's, which scripts/interop builds.
const decoder = "../../examples/spring-cloud/decoder/target/decoder.jar"

// registry10000 is a registry of 10,000 instances in 200 applications, each with six entries of metadata.
func registry10000() []byte {
	return must(io.ReadAll(must(gzip.NewReader(must(os.Open("testdata/registry-10000.json.gz"))))))
}

// decodeRows: reading a registry of 10,000 instances.
func decodeRows() []row {
	data := registry10000()
	ours := func() { must(eureka.DecodeApplications(data)) }
	inXML, decodeXML := asXML(data)
	return append([]row{{
		what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "json.Valid", budget: 0.4,
		measure: func() (time.Duration, time.Duration) {
			return work(ours), work(func() {
				if !json.Valid(data) {
					panic("not JSON")
				}
			})
		},
		note: func() string { return fmt.Sprintf("%d allocations", allocations(ours)) },
	}, {
		what: "decode 10,000 instances, to structs", ours: "eureka.DecodeApplications", beside: "encoding/json", budget: 0.1,
		measure: func() (time.Duration, time.Duration) {
			return work(ours), work(func() {
				if err := json.Unmarshal(data, new(plainJSON)); err != nil {
					panic(err)
				}
			})
		},
	}, {
		what: "decode 10,000 instances, as clients do", ours: "eureka.DecodeApplications", beside: "fargo v1.4.0", budget: 0.1,
		measure: func() (time.Duration, time.Duration) {
			return work(ours), work(func() {
				if err := json.Unmarshal(data, new(fargo.GetAppsResponseJson)); err != nil {
					panic(err)
				}
			})
		},
	}, {
		what: "decode 10,000 instances, XML", ours: "eureka.Client", beside: "encoding/xml to structs", budget: 0.1,
		measure: func() (time.Duration, time.Duration) {
			return work(decodeXML), work(func() {
				if err := xml.Unmarshal(inXML, new(plainXML)); err != nil {
					panic(err)
				}
			})
		},
	}}, coldRows(data)...)
}

// coldRows: the first decode of a process.
func coldRows(data []byte) []row {
	if _, err := os.Stat(decoder); err != nil {
		return []row{{what: "decode 10,000 instances beside the Java client: run scripts/interop first, which builds it"}}
	}
	dir := must(os.MkdirTemp("", "benchmarks"))
	document, cold := filepath.Join(dir, "registry.json"), filepath.Join(dir, "cold")
	if err := os.WriteFile(document, data, 0o600); err != nil {
		panic(err)
	}
	if out, err := exec.Command("go", "build", "-o", cold, "./cold").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	java := sync.OnceValue(func() [3]time.Duration { return figures("java", "-jar", decoder, document) })
	return []row{{
		what: "decode 10,000 instances, first of a process", ours: "eureka.DecodeApplications", beside: "Java client, cold", budget: 1,
		measure: func() (time.Duration, time.Duration) { return figures(cold, document)[0], java()[0] },
	}, {
		what: "decode 10,000 instances, first of a process beside the eightieth", ours: "eureka.DecodeApplications", beside: "Java client, warmed up", budget: 1,
		measure: func() (time.Duration, time.Duration) { return figures(cold, document)[0], java()[1] },
	}}
}

// allocations returns how many a run of fn makes.
func allocations(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// asXML returns the registry as a server sends it in XML, and a function that a client decodes it with.
func asXML(data []byte) ([]byte, func()) {
	known := registry.New(registry.DefaultConfig())
	for _, app := range must(eureka.DecodeApplications(data)).Applications {
		for _, i := range app.Instances {
			if err := known.Register(i, false); err != nil {
				panic(err)
			}
		}
	}
	request := httptest.NewRequest(http.MethodGet, "/eureka/apps/", nil)
	request.Header.Set("Accept", "application/xml")
	answer := httptest.NewRecorder()
	rest.New(known).ServeHTTP(answer, request)
	document := answer.Body.Bytes()
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": "http://localhost/eureka/"}
	client := must(eureka.NewClient(cfg, eureka.WithTransport(canned(func(*http.Request) *http.Response {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/xml"}}, ContentLength: int64(len(document)),
			Body: io.NopCloser(bytes.NewReader(document)),
		}
	}))))
	return document, func() { must(client.Applications(context.Background())) }
}

// canned answers without a network.
type canned func(*http.Request) *http.Response

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) { return c(r), nil }

// plainJSON is what a registry is to encoding/json.
type plainJSON struct {
	Applications struct {
		Versions string `json:"versions__delta"`
		Hash     string `json:"apps__hashcode"`
		Apps     []struct {
			Name      string      `json:"name"`
			Instances []plainItem `json:"instance"`
		} `json:"application"`
	} `json:"applications"`
}

type plainItem struct {
	ID         string `json:"instanceId"`
	Host       string `json:"hostName"`
	App        string `json:"app"`
	IP         string `json:"ipAddr"`
	Status     string `json:"status"`
	Overridden string `json:"overriddenStatus"`
	Port       struct {
		Number  int    `json:"$"`
		Enabled string `json:"@enabled"`
	} `json:"port"`
	Secure struct {
		Number  int    `json:"$"`
		Enabled string `json:"@enabled"`
	} `json:"securePort"`
	Center struct {
		Name string `json:"name"`
	} `json:"dataCenterInfo"`
	Lease struct {
		Renewal    int64 `json:"renewalIntervalInSecs"`
		Duration   int64 `json:"durationInSecs"`
		Registered int64 `json:"registrationTimestamp"`
		Renewed    int64 `json:"lastRenewalTimestamp"`
		Evicted    int64 `json:"evictionTimestamp"`
		Up         int64 `json:"serviceUpTimestamp"`
	} `json:"leaseInfo"`
	Metadata    map[string]string `json:"metadata"`
	HomePage    string            `json:"homePageUrl"`
	StatusPage  string            `json:"statusPageUrl"`
	HealthCheck string            `json:"healthCheckUrl"`
	VIP         string            `json:"vipAddress"`
	SecureVIP   string            `json:"secureVipAddress"`
	Updated     string            `json:"lastUpdatedTimestamp"`
	Dirty       string            `json:"lastDirtyTimestamp"`
	Action      string            `json:"actionType"`
}

// plainXML is what a registry is to encoding/xml.
type plainXML struct {
	Versions string `xml:"versions__delta"`
	Hash     string `xml:"apps__hashcode"`
	Apps     []struct {
		Name      string `xml:"name"`
		Instances []struct {
			ID         string `xml:"instanceId"`
			Host       string `xml:"hostName"`
			App        string `xml:"app"`
			IP         string `xml:"ipAddr"`
			Status     string `xml:"status"`
			Overridden string `xml:"overriddenstatus"`
			Port       struct {
				Number  int    `xml:",chardata"`
				Enabled string `xml:"enabled,attr"`
			} `xml:"port"`
			Secure struct {
				Number  int    `xml:",chardata"`
				Enabled string `xml:"enabled,attr"`
			} `xml:"securePort"`
			Center struct {
				Name string `xml:"name"`
			} `xml:"dataCenterInfo"`
			Lease struct {
				Renewal    int64 `xml:"renewalIntervalInSecs"`
				Duration   int64 `xml:"durationInSecs"`
				Registered int64 `xml:"registrationTimestamp"`
				Renewed    int64 `xml:"lastRenewalTimestamp"`
				Evicted    int64 `xml:"evictionTimestamp"`
				Up         int64 `xml:"serviceUpTimestamp"`
			} `xml:"leaseInfo"`
			Metadata struct {
				Entries []struct {
					XMLName xml.Name
					Value   string `xml:",chardata"`
				} `xml:",any"`
			} `xml:"metadata"`
			HomePage    string `xml:"homePageUrl"`
			StatusPage  string `xml:"statusPageUrl"`
			HealthCheck string `xml:"healthCheckUrl"`
			VIP         string `xml:"vipAddress"`
			SecureVIP   string `xml:"secureVipAddress"`
			Updated     string `xml:"lastUpdatedTimestamp"`
			Dirty       string `xml:"lastDirtyTimestamp"`
			Action      string `xml:"actionType"`
		} `xml:"instance"`
	} `xml:"application"`
}
