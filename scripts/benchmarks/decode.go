package main

import (
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
	"runtime"
	"sync"
	"time"

	"github.com/hudl/fargo"

	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

const registryFile = "testdata/registry-10000.json.gz"

// registry10000 is a registry of 10,000 instances in 200 applications, each with six entries of metadata.
func registry10000() []byte {
	return must(io.ReadAll(must(gzip.NewReader(must(os.Open(registryFile))))))
}

// decodeRows: reading a registry of 10,000 instances.
func decodeRows() []row {
	data := registry10000()
	asXML := sync.OnceValue(func() []byte { return inXML(data) })
	ours := func() time.Duration { return each(func() { must(eureka.DecodeApplications(data)) }) }
	beside := func(decode func() error) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) { return ours(), each(func() { must(0, decode()) }) }
	}
	return append([]row{
		{
			what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "json.Valid", budget: 0.4,
			measure: beside(func() error {
				if !json.Valid(data) {
					return fmt.Errorf("not JSON")
				}
				return nil
			}),
			note: func() string {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				must(eureka.DecodeApplications(data))
				runtime.ReadMemStats(&after)
				return fmt.Sprintf("%d allocations", after.Mallocs-before.Mallocs)
			},
		},
		{
			what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "encoding/json into structs", budget: 0.15,
			measure: beside(func() error { return json.Unmarshal(data, new(jsonRegistry)) }),
		},
		{
			what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "fargo v1.4.0", budget: 0.05,
			measure: beside(func() error { return json.Unmarshal(data, new(fargo.GetAppsResponseJson)) }),
		},
		{
			what: "decode 10,000 instances in XML", ours: "eureka.DecodeApplicationsXML", beside: "encoding/xml into structs", budget: 0.1,
			measure: func() (time.Duration, time.Duration) {
				data := asXML()
				return each(func() { must(eureka.DecodeApplicationsXML(data)) }), each(func() { must(0, xml.Unmarshal(data, new(xmlRegistry))) })
			},
		},
	}, javaRows(ours)...)
}

// javaRows: the first decode of a process and those of one that is warm, beside the decoder of Netflix's client.
func javaRows(ours func() time.Duration) []row {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return []row{{what: "decode beside Netflix's client: " + program + " is missing; install a JDK 17 and Maven"}}
		}
	}
	cold := program("./cold")
	theirs := func() (first, warm time.Duration) {
		out := must(exec.Command("java", "-cp", "java/target/classes"+string(os.PathListSeparator)+"java/target/lib/*", "archimedes.decode.Decode", registryFile).Output())
		must(fmt.Sscan(string(out), &first, &warm))
		return first, warm
	}
	first := func() (took time.Duration) {
		must(fmt.Sscan(string(must(exec.Command(cold(), registryFile).Output())), &took))
		return took
	}
	compiled := sync.OnceFunc(func() { run("java", "mvn", "-q", "-B", "package") })
	measure := func(measure func() (time.Duration, time.Duration)) func() (time.Duration, time.Duration) {
		return func() (time.Duration, time.Duration) { compiled(); return measure() }
	}
	return []row{
		{
			what: "decode 10,000 instances, first of a process", ours: "eureka.DecodeApplications", beside: "Netflix's client, first of a process", budget: 1,
			measure: measure(func() (time.Duration, time.Duration) { them, _ := theirs(); return first(), them }),
		},
		{
			what: "decode 10,000 instances, first of a process", ours: "eureka.DecodeApplications", beside: "Netflix's client, warmed up", budget: 1,
			measure: measure(func() (time.Duration, time.Duration) { _, them := theirs(); return first(), them }),
		},
		{
			what: "decode 10,000 instances", ours: "eureka.DecodeApplications", beside: "Netflix's client, warmed up", budget: 0.5,
			measure: measure(func() (time.Duration, time.Duration) { _, them := theirs(); return ours(), them }),
		},
	}
}

// inXML is what a server that lists the instances of a registry answers in XML.
func inXML(data []byte) []byte {
	list := registry.New(registry.DefaultConfig())
	for _, app := range must(eureka.DecodeApplications(data)).Applications {
		for _, i := range app.Instances {
			must(0, list.Register(i, true))
		}
	}
	request := must(http.NewRequestWithContext(context.Background(), http.MethodGet, "/eureka/apps", nil))
	request.Header.Set("Accept", "application/xml")
	answer := httptest.NewRecorder()
	rest.New(list).ServeHTTP(answer, request)
	if all := must(eureka.DecodeApplicationsXML(answer.Body.Bytes())); len(all.Applications) != 200 {
		panic(fmt.Sprint(len(all.Applications), " applications in XML"))
	}
	return answer.Body.Bytes()
}

// jsonRegistry is what a program that writes structs by hand reads a registry into.
type jsonRegistry struct {
	Applications struct {
		Version      string `json:"versions__delta"`
		Hash         string `json:"apps__hashcode"`
		Applications []struct {
			Name      string         `json:"name"`
			Instances []jsonInstance `json:"instance"`
		} `json:"application"`
	} `json:"applications"`
}

type jsonInstance struct {
	plainFields
	Port       jsonPort          `json:"port"`
	SecurePort jsonPort          `json:"securePort"`
	Metadata   map[string]string `json:"metadata"`
}

type jsonPort struct {
	Number  int    `json:"$"`
	Enabled string `json:"@enabled"`
}

// xmlRegistry is the same for XML.
type xmlRegistry struct {
	Version      string `xml:"versions__delta"`
	Hash         string `xml:"apps__hashcode"`
	Applications []struct {
		Name      string        `xml:"name"`
		Instances []xmlInstance `xml:"instance"`
	} `xml:"application"`
}

type xmlInstance struct {
	plainFields
	Port       xmlPort `xml:"port"`
	SecurePort xmlPort `xml:"securePort"`
	Metadata   struct {
		Entries []struct {
			XMLName xml.Name
			Value   string `xml:",chardata"`
		} `xml:",any"`
	} `xml:"metadata"`
}

type xmlPort struct {
	Number  int    `xml:",chardata"`
	Enabled string `xml:"enabled,attr"`
}

// plainFields are those that both formats write alike.
type plainFields struct {
	InstanceID       string `json:"instanceId" xml:"instanceId"`
	HostName         string `json:"hostName" xml:"hostName"`
	App              string `json:"app" xml:"app"`
	IPAddr           string `json:"ipAddr" xml:"ipAddr"`
	Status           string `json:"status" xml:"status"`
	OverriddenStatus string `json:"overriddenStatus" xml:"overriddenstatus"`
	CountryID        int    `json:"countryId" xml:"countryId"`
	DataCenter       struct {
		Name string `json:"name" xml:"name"`
	} `json:"dataCenterInfo" xml:"dataCenterInfo"`
	Lease struct {
		RenewalInterval int   `json:"renewalIntervalInSecs" xml:"renewalIntervalInSecs"`
		Duration        int   `json:"durationInSecs" xml:"durationInSecs"`
		Registration    int64 `json:"registrationTimestamp" xml:"registrationTimestamp"`
		LastRenewal     int64 `json:"lastRenewalTimestamp" xml:"lastRenewalTimestamp"`
		Eviction        int64 `json:"evictionTimestamp" xml:"evictionTimestamp"`
		ServiceUp       int64 `json:"serviceUpTimestamp" xml:"serviceUpTimestamp"`
	} `json:"leaseInfo" xml:"leaseInfo"`
	HomePageURL      string `json:"homePageUrl" xml:"homePageUrl"`
	StatusPageURL    string `json:"statusPageUrl" xml:"statusPageUrl"`
	HealthCheckURL   string `json:"healthCheckUrl" xml:"healthCheckUrl"`
	VIPAddress       string `json:"vipAddress" xml:"vipAddress"`
	SecureVIPAddress string `json:"secureVipAddress" xml:"secureVipAddress"`
	Coordinating     string `json:"isCoordinatingDiscoveryServer" xml:"isCoordinatingDiscoveryServer"`
	LastUpdated      int64  `json:"lastUpdatedTimestamp,string" xml:"lastUpdatedTimestamp"`
	LastDirty        int64  `json:"lastDirtyTimestamp,string" xml:"lastDirtyTimestamp"`
	Action           string `json:"actionType" xml:"actionType"`
}
