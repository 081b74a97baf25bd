package springcloud_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exchange is a request and its answer, in the form of the recordings that the embedded server replays.
type exchange struct {
	Name    string `json:"name"`
	Request struct {
		Method  string              `json:"method"`
		Path    string              `json:"path"`
		Headers map[string][]string `json:"headers"`
		Body    string              `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int                 `json:"status"`
		Headers map[string][]string `json:"headers"`
		Body    string              `json:"body"`
	} `json:"response"`
}

// protocol is every endpoint of Eureka's, in JSON and in XML, with what it is for, with something that is not there, and with
// something that makes no sense.
func protocol() (all []exchange) {
	for _, kind := range []string{"json", "xml"} {
		media := "application/" + kind
		send := func(name, method, path, body string, headers ...string) {
			e := exchange{Name: kind + "-" + name}
			e.Request.Method, e.Request.Path, e.Request.Body = method, "/eureka/"+path, body
			e.Request.Headers = map[string][]string{"Accept": {media}}
			if body != "" {
				e.Request.Headers["Content-Type"] = []string{media}
			}
			for i := 0; i+1 < len(headers); i += 2 {
				e.Request.Headers[headers[i]] = []string{headers[i+1]}
			}
			all = append(all, e)
		}
		id := "host-1:script:8080"
		one := "apps/SCRIPT/" + id
		document := func(app, id string) string {
			if kind == "xml" {
				return fmt.Sprintf(`<instance><instanceId>%s</instanceId><hostName>host-1</hostName><app>%s</app><ipAddr>192.0.2.1</ipAddr><status>UP</status><overriddenstatus>UNKNOWN</overriddenstatus><port enabled="true">8080</port><securePort enabled="false">8443</securePort><countryId>1</countryId><dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo><leaseInfo><renewalIntervalInSecs>30</renewalIntervalInSecs><durationInSecs>90</durationInSecs></leaseInfo><metadata><zone>z1</zone></metadata><vipAddress>script</vipAddress><secureVipAddress>script-s</secureVipAddress><lastDirtyTimestamp>1700000000000</lastDirtyTimestamp></instance>`, id, app)
			}
			return fmt.Sprintf(`{"instance":{"instanceId":%q,"hostName":"host-1","app":%q,"ipAddr":"192.0.2.1","status":"UP","overriddenStatus":"UNKNOWN","port":{"$":8080,"@enabled":"true"},"securePort":{"$":8443,"@enabled":"false"},"countryId":1,"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90},"metadata":{"zone":"z1"},"vipAddress":"script","secureVipAddress":"script-s","lastDirtyTimestamp":"1700000000000"}}`, id, app)
		}
		nonsense := map[string]string{"json": `{"instance":`, "xml": `<instance><app>`}[kind]
		read := func(name, found, missing string) {
			send(name+"-found", "GET", found, "")
			send(name+"-missing", "GET", missing, "")
			send(name+"-malformed-accept", "GET", found, "", "Accept", "image/png")
			send(name+"-malformed-method", "PATCH", found, "")
		}
		send("01-apps-missing", "GET", "apps/", "")
		send("02-delta-missing", "GET", "apps/delta", "", "X-Eureka-Accept", "compact")
		// 4
		send("04-register-found", "POST", "apps/SCRIPT", document("SCRIPT", id))
		send("04-register-missing", "POST", "apps/OTHER", document("SCRIPT", id))
		send("04-register-malformed", "POST", "apps/SCRIPT", nonsense)
		send("04-register-malformed-type", "POST", "apps/SCRIPT", document("SCRIPT", id), "Content-Type", "application/octet-stream")
		send("04-register-again", "POST", "apps/SCRIPT", document("SCRIPT", id))
		send("04-register-second", "POST", "apps/script", document("script", "host-2:script:8080"))
		read("01-apps", "apps", "apps/?regions=us-east-1")
		read("02-delta", "apps/delta", "apps/delta?regions=us-east-1")
		read("03-application", "apps/SCRIPT", "apps/NOBODY")
		read("05-instance", one, "apps/SCRIPT/nobody")
		send("05-instance-missing-application", "GET", "apps/NOBODY/"+id, "")
		// 6
		send("06-heartbeat-found", "PUT", one+"?status=UP&lastDirtyTimestamp=1700000000000", "")
		send("06-heartbeat-missing", "PUT", "apps/SCRIPT/nobody?status=UP", "")
		send("06-heartbeat-malformed", "PUT", one+"?lastDirtyTimestamp=yesterday", "")
		send("06-heartbeat-malformed-empty", "PUT", one+"?lastDirtyTimestamp=", "")
		send("06-heartbeat-malformed-status", "PUT", one+"?status=SIDEWAYS&lastDirtyTimestamp=1700000000000", "")
		send("06-heartbeat-older-peer", "PUT", one+"?lastDirtyTimestamp=1600000000000", "", "X-Netflix-Discovery-Replication", "true")
		// 8 and 9
		send("08-status-found", "PUT", one+"/status?value=OUT_OF_SERVICE", "")
		send("08-status-missing", "PUT", "apps/SCRIPT/nobody/status?value=OUT_OF_SERVICE", "")
		send("08-status-malformed", "PUT", one+"/status?value=SIDEWAYS", "")
		send("08-status-malformed-none", "PUT", one+"/status", "")
		send("08-status-malformed-dirty", "PUT", one+"/status?value=DOWN&lastDirtyTimestamp=yesterday", "")
		send("08-status-malformed-missing", "PUT", "apps/SCRIPT/nobody/status?value=SIDEWAYS", "")
		send("08-status-after", "GET", "apps/SCRIPT", "")
		send("09-status-removal-found", "DELETE", one+"/status?value=UP", "")
		send("09-status-removal-none", "DELETE", one+"/status", "")
		send("09-status-removal-missing", "DELETE", "apps/SCRIPT/nobody/status", "")
		send("09-status-removal-malformed", "DELETE", one+"/status?value=SIDEWAYS", "")
		send("09-status-removal-after", "GET", "apps/SCRIPT", "")
		// 10
		send("10-metadata-found", "PUT", one+"/metadata?color=red&build_id=7&color=blue", "")
		send("10-metadata-missing", "PUT", "apps/SCRIPT/nobody/metadata?color=red", "")
		send("10-metadata-malformed", "PUT", one+"/metadata?=x&alone", "")
		send("10-metadata-malformed-method", "POST", one+"/metadata?color=red", "{}")
		send("10-metadata-after", "GET", one, "")
		read("11-instance-by-id", "instances/"+id, "instances/nobody")
		read("12-vip", "vips/script", "vips/nobody")
		read("13-secure-vip", "svips/script-s", "svips/nobody")
		read("14-status", "status", "status/nobody")
		// 15
		batch := func(name, action, id, more string) {
			send(name, "POST", "peerreplication/batch/", fmt.Sprintf(`{"replicationList":[{"appName":"SCRIPT","id":%q,"lastDirtyTimestamp":1700000000000,"status":"UP","action":%q%s}]}`, id, action, more), "Content-Type", "application/json")
		}
		for _, action := range []string{"Heartbeat", "StatusUpdate", "DeleteStatusOverride", "Cancel"} {
			batch("15-batch-missing-"+action, action, "nobody", "")
		}
		batch("15-batch-found", "Heartbeat", id, "")
		batch("15-batch-found-override", "Heartbeat", id, `,"overriddenStatus":"UNKNOWN"`)
		send("15-batch-empty", "POST", "peerreplication/batch/", `{"replicationList":[]}`, "Content-Type", "application/json")
		send("15-batch-malformed", "POST", "peerreplication/batch/", `{"replicationList":`, "Content-Type", "application/json")
		send("15-batch-malformed-type", "POST", "peerreplication/batch/", `<list/>`, "Content-Type", "application/xml")
		send("15-batch-malformed-method", "GET", "peerreplication/batch/", "")
		send("16-asg", "PUT", "asg/group/status?value=DISABLED", "")
		// 7
		send("07-cancel-found", "DELETE", one, "")
		send("07-cancel-missing", "DELETE", one, "")
		send("07-cancel-malformed-method", "DELETE", "apps/SCRIPT", "")
		send("07-cancel-second", "DELETE", "apps/SCRIPT/host-2:script:8080", "")
		send("07-cancel-after", "GET", "apps/", "")
		send("07-cancel-after-delta", "GET", "apps/delta", "")
	}
	return all
}

// script is where the recording is kept.
const script = "../../modules/eurekaserver/rest/testdata/script.json"

func TestTheProtocolIsStillWhatWasRecordedAtTheRealServer(t *testing.T) {
	server := startEureka(t, "spring", 0)
	all := protocol()
	for i := range all {
		e := &all[i]
		r, err := http.NewRequestWithContext(t.Context(), e.Request.Method, strings.TrimSuffix(server.url(), "/eureka/")+e.Request.Path, strings.NewReader(e.Request.Body))
		require.NoError(t, err)
		for name, values := range e.Request.Headers {
			r.Header[name] = values
		}
		r.Header.Set("Accept-Encoding", "identity")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		e.Response.Status, e.Response.Body, e.Response.Headers = response.StatusCode, string(body), map[string][]string{}
		for _, name := range []string{"Content-Type", "Content-Encoding", "Allow"} {
			if values := response.Header[name]; len(values) > 0 {
				e.Response.Headers[name] = values
			}
		}
	}
	if os.Getenv("ARCHIMEDES_FULL") != "" {
		text, err := json.MarshalIndent(all, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(script, append(text, '\n'), 0o600))
		return
	}
	text, err := os.ReadFile(script)
	require.NoError(t, err)
	var recorded []exchange
	require.NoError(t, json.Unmarshal(text, &recorded))
	require.Len(t, recorded, len(all), "record it again: scripts/interop full -run TestTheProtocol")
	for i, e := range all {
		require.Equal(t, recorded[i].Request, e.Request, "record it again: scripts/interop full -run TestTheProtocol")
		require.Equal(t, recorded[i].Response.Status, e.Response.Status, e.Name)
		require.Equal(t, recorded[i].Response.Headers, e.Response.Headers, e.Name)
	}
}
