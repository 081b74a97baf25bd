package rest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func ExampleNew() {
	server := httptest.NewServer(rest.New(registry.New(registry.DefaultConfig())))
	defer server.Close()
	response, err := http.Get(server.URL + "/eureka/apps")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
	// Output: <applications><versions__delta>1</versions__delta><apps__hashcode></apps__hashcode></applications>
}

// api asks a handler without a network.
type api struct {
	t *testing.T
	http.Handler
}

func newAPI(t *testing.T) api { return api{t, rest.New(registry.New(registry.DefaultConfig()))} }

func (a api) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/eureka/"+path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func document(id, status string, dirty int64) string {
	return fmt.Sprintf(`{"instance":{"instanceId":%q,"hostName":"h","app":"ORDERS","ipAddr":"1.2.3.4","status":%q,"vipAddress":"orders","port":{"$":8080,"@enabled":"true"},"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},"leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90},"lastDirtyTimestamp":"%d"}}`, id, status, dirty)
}

func (a api) register(id, status string, dirty int64) {
	a.t.Helper()
	w := a.do("POST", "apps/ORDERS", document(id, status, dirty))
	require.Equal(a.t, http.StatusNoContent, w.Code, w.Body)
	require.Empty(a.t, w.Body.String())
}

func (a api) status(id string) string {
	w := a.do("GET", "apps/ORDERS/"+id, "")
	if w.Code != 200 {
		return fmt.Sprint(w.Code)
	}
	i, err := wire.DecodeInstance(w.Body.Bytes())
	require.NoError(a.t, err)
	return i.Status.String()
}

func TestAHeartbeatIsAnsweredByItsTimestampAndNeverWithABody(t *testing.T) {
	a := newAPI(t)
	a.register("i", "UP", 100)
	for query, want := range map[string]int{
		"": 200, "?status=UP": 200, "?status=UP&lastDirtyTimestamp=100": 200, "?lastDirtyTimestamp=101": 404, "?lastDirtyTimestamp=99": 200, "?lastDirtyTimestamp=x": 400,
	} {
		w := a.do("PUT", "apps/orders/i"+query, "{}")
		require.Equal(t, want, w.Code, query)
		require.Empty(t, w.Body.String(), query)
	}
	w := a.do("PUT", "apps/ORDERS/unknown", "")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Empty(t, w.Body.String())
	w = a.do("PUT", "apps/ORDERS/i?lastDirtyTimestamp=99", "", "x-netflix-discovery-replication", "true")
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), `"instanceId":"i"`)
}

func TestStatusesFollowNetflixsRules(t *testing.T) {
	a := newAPI(t)
	a.register("i", "STARTING", 1)
	a.register("i", "UP", 2)
	require.Equal(t, "UP", a.status("i"))
	a.register("i", "OUT_OF_SERVICE", 3)
	require.Equal(t, "UP", a.status("i"), "a client cannot take itself out by registering")
	a.register("i", "DOWN", 4)
	require.Equal(t, "DOWN", a.status("i"))
	a.register("i", "UP", 5)
	require.Equal(t, "UP", a.status("i"))
	require.Equal(t, 200, a.do("PUT", "apps/ORDERS/i/status?value=OUT_OF_SERVICE", "").Code)
	a.register("i", "UP", 6)
	require.Equal(t, "OUT_OF_SERVICE", a.status("i"), "an override survives a registration")
	a.register("i", "DOWN", 7)
	require.Equal(t, "DOWN", a.status("i"), "DOWN beats it")
	a.register("i", "UP", 8)
	require.Equal(t, 200, a.do("DELETE", "apps/ORDERS/i/status", "").Code)
	require.Equal(t, "UNKNOWN", a.status("i"))
	require.Equal(t, 404, a.do("PUT", "apps/ORDERS/i", "").Code, "it must register again")
	a.register("i", "UP", 9)
	require.Equal(t, "UP", a.status("i"))
}

func TestAnOlderRegistrationLeavesWhatIsStored(t *testing.T) {
	a := newAPI(t)
	a.register("i", "UP", 100)
	a.register("i", "DOWN", 99)
	require.Equal(t, "UP", a.status("i"))
}

func TestADeltaTellsTheLatestStateOfEachInstance(t *testing.T) {
	a := newAPI(t)
	delta := func() *wire.Applications {
		d, err := wire.DecodeApplications(a.do("GET", "apps/delta", "").Body.Bytes())
		require.NoError(t, err)
		return d
	}
	a.register("i", "UP", 1)
	a.register("j", "UP", 1)
	before := delta()
	require.Equal(t, "UP_2_", before.Hash)
	require.Equal(t, 200, a.do("DELETE", "apps/ORDERS/i", "").Code)
	require.Equal(t, 200, a.do("PUT", "apps/ORDERS/j/status?value=OUT_OF_SERVICE", "").Code)
	after := delta()
	require.Equal(t, "OUT_OF_SERVICE_1_", after.Hash)
	require.NotEqual(t, before.Version, after.Version)
	actions := map[string]wire.Action{}
	for _, i := range after.Applications[0].Instances {
		actions[i.ID()] = i.Action
	}
	require.Equal(t, map[string]wire.Action{"i": wire.Deleted, "j": wire.Modified}, actions)
}

func TestLeasesLastAsLongAsTheyShould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.DefaultConfig())
		a := api{t, rest.New(r)}
		go func() { _ = r.Run(t.Context()) }()
		a.register("kept", "UP", 1)
		a.register("dead", "UP", 1)
		for range 4 {
			time.Sleep(30 * time.Second)
			require.Equal(t, 200, a.do("PUT", "apps/ORDERS/kept?lastDirtyTimestamp=1", "").Code)
		}
		require.Equal(t, "404", a.status("dead"), "90 s, not twice that")
		require.Equal(t, "UP", a.status("kept"))
		require.Equal(t, 1, r.Size())
	})
}

func TestSelfPreservationKeepsTheDeadButNotTheCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := registry.DefaultConfig()
		cfg.SelfPreservation = true
		r := registry.New(cfg)
		a := api{t, rest.New(r)}
		go func() { _ = r.Run(t.Context()) }()
		a.register("i", "UP", 1)
		a.register("j", "UP", 1)
		time.Sleep(10 * time.Minute)
		require.Equal(t, 2, r.Size())
		require.Equal(t, 200, a.do("DELETE", "apps/ORDERS/j", "").Code)
		require.Equal(t, 1, r.Size())
	})
}

func TestMalformedRequestsAreRefusedInEurekasWords(t *testing.T) {
	a := newAPI(t)
	a.register("i", "UP", 1)
	for name, tc := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		text               string
	}{
		"no JSON":    {"POST", "apps/ORDERS", "{", nil, 400, "cannot parse request body"},
		"XML":        {"POST", "apps/ORDERS", "<instance>", []string{"Content-Type", "application/xml"}, 400, "cannot parse"},
		"other app":  {"POST", "apps/OTHER", document("i", "UP", 1), nil, 400, "Mismatched appName, expecting OTHER but was ORDERS"},
		"no host":    {"POST", "apps/ORDERS", strings.Replace(document("i", "UP", 1), `"hostName":"h",`, "", 1), nil, 400, "Missing hostname"},
		"text":       {"POST", "apps/ORDERS", "x", []string{"Content-Type", "text/plain"}, 415, ""},
		"too large":  {"POST", "apps/ORDERS", `{"instance":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`, nil, 413, ""},
		"traversal":  {"GET", "apps/..%2f..%2fetc/x", "", nil, 404, ""},
		"long id":    {"GET", "apps/ORDERS/" + strings.Repeat("x", 2000), "", nil, 400, ""},
		"control":    {"GET", "apps/ORDERS/x%0ay", "", nil, 400, ""},
		"hidden id":  {"POST", "apps/ORDERS", document("i\n", "UP", 1), nil, 400, "control characters"},
		"gzip bomb":  {"POST", "apps/ORDERS", packed(strings.Repeat(" ", 1<<20)), []string{"Content-Encoding", "gzip"}, 413, ""},
		"no gzip":    {"POST", "apps/ORDERS", "{}", []string{"Content-Encoding", "gzip"}, 400, ""},
		"wrong verb": {"PATCH", "apps", "", nil, 405, ""},
		"bad accept": {"GET", "apps", "", []string{"Accept", "text/plain"}, 406, ""},
		"no such":    {"GET", "nothing/here", "", nil, 404, ""},
		"bad batch":  {"POST", "peerreplication/batch/", "{", nil, 400, ""},
		"bad status": {"PUT", "apps/ORDERS/i/status?value=up", "", nil, 400, ""},
		"head":       {"HEAD", "apps/", "", nil, 200, ""},
		"options":    {"OPTIONS", "apps", "", nil, 200, ""},
		"asg":        {"PUT", "asg/x/status?value=ENABLED", "", nil, 400, ""},
	} {
		w := a.do(tc.method, tc.path, tc.body, tc.headers...)
		require.Equal(t, tc.status, w.Code, name)
		require.Contains(t, w.Body.String(), tc.text, name)
	}
}

func packed(text string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return out.String()
}

func TestFetchesAboveTheRateAreTurnedAwayAndNothingElse(t *testing.T) {
	cfg := rest.DefaultConfig()
	cfg.RateLimited, cfg.Burst, cfg.FetchRate, cfg.FullRate = true, 2, 1, 1
	synctest.Test(t, func(t *testing.T) {
		a := api{t, rest.New(registry.New(registry.DefaultConfig()), rest.WithConfig(cfg))}
		a.register("i", "UP", 1)
		status := func(path string, headers ...string) int { return a.do("GET", path, "", headers...).Code }
		require.Equal(t, []int{200, 200, 503, 503}, []int{status("apps"), status("apps/delta"), status("apps"), status("apps/ORDERS")})
		require.Equal(t, 200, status("apps", "DiscoveryIdentity-Name", "DefaultClient"), "Netflix's own are privileged")
		require.Equal(t, 200, status("apps/ORDERS/i"))
		require.Equal(t, 200, a.do("PUT", "apps/ORDERS/i", "").Code)
		time.Sleep(time.Second)
		require.Equal(t, []int{200, 503}, []int{status("apps/delta"), status("apps/delta")})
	})
}

func TestRequestsAreCountedByWhatTheyAreForAndHowTheyEnd(t *testing.T) {
	h := rest.New(registry.New(registry.DefaultConfig()))
	a := api{t, h}
	a.register("i", "UP", 1)
	a.do("PUT", "apps/ORDERS/i", "")
	a.do("PUT", "apps/ORDERS/x", "")
	a.do("POST", "apps/ORDERS", "{")
	a.do("GET", "nowhere", "")
	counts := h.Counts()
	require.Equal(t, []int64{1, 0, 1}, counts[rest.Register][:])
	require.Equal(t, []int64{1, 1, 0}, counts[rest.Renew][:])
	require.Equal(t, []int64{0, 1, 0}, counts[rest.Other][:])
}

func TestTheRegistryIsCapped(t *testing.T) {
	cfg := registry.DefaultConfig()
	cfg.MaxInstances = 2
	a := api{t, rest.New(registry.New(cfg))}
	a.register("a", "UP", 1)
	a.register("b", "UP", 1)
	require.Equal(t, http.StatusForbidden, a.do("POST", "apps/ORDERS", document("c", "UP", 1)).Code)
	a.register("a", "UP", 2)
	require.Equal(t, 200, a.do("PUT", "apps/ORDERS/b", "").Code, "renewals are never refused")
	require.Equal(t, 200, a.do("DELETE", "apps/ORDERS/b", "").Code)
	a.register("c", "UP", 1)
}

func TestAReplicationBatchIsAnsweredItemByItem(t *testing.T) {
	a := newAPI(t)
	a.register("i", "UP", 100)
	w := a.do("POST", "peerreplication/batch/", `{"replicationList":[{"appName":"ORDERS","id":"i","lastDirtyTimestamp":50,"status":"UP","action":"Heartbeat"},{"appName":"ORDERS","id":"x","action":"Cancel"},{"appName":"ORDERS","id":"n","action":"Register","instanceInfo":`+strings.TrimSuffix(strings.TrimPrefix(document("n", "UP", 1), `{"instance":`), "}")+`}]}`)
	require.Equal(t, 200, w.Code)
	require.Regexp(t, `^{"responseList":\[{"statusCode":409,"responseEntity":{.*},{"statusCode":404},{"statusCode":200}\]}$`, w.Body.String())
	require.Equal(t, "UP", a.status("n"))
}

func TestVIPsAreFoundCaseSensitivelyWithAHashOfTheirOwn(t *testing.T) {
	a := newAPI(t)
	a.register("i", "DOWN", 1)
	found, err := wire.DecodeApplications(a.do("GET", "vips/orders", "").Body.Bytes())
	require.NoError(t, err)
	require.Equal(t, []string{"-1", "DOWN_1_"}, []string{found.Version, found.Hash})
	none, err := wire.DecodeApplications(a.do("GET", "vips/ORDERS", "").Body.Bytes())
	require.NoError(t, err)
	require.Empty(t, none.Applications)
	require.Equal(t, discovery.Down, found.Applications[0].Instances[0].Status)
}

func TestTheLogSaysWhyARegistrationIsRefused(t *testing.T) {
	for change, want := range map[[2]string]string{
		{`"$":8080`, `"$":"eighty"`}: "port", {`"app":"ORDERS",`, ""}: "no app", {`"hostName":"h"`, `"hostName":""`}: "Missing hostname", {`{"instance":`, `[`}: "not a Eureka document",
	} {
		var log bytes.Buffer
		a := api{t, rest.New(registry.New(registry.DefaultConfig()), rest.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))}
		require.Equal(t, 400, a.do("POST", "apps/ORDERS", strings.Replace(document("one", "UP", 1), change[0], change[1], 1)).Code, change)
		require.Regexp(t, `^\S+ level=DEBUG msg="a registration is refused" .*app=ORDERS.*`+want, log.String(), change)
	}
}

func TestRemoteRegionsAreAnsweredFromHereAndSaidOnce(t *testing.T) {
	var log bytes.Buffer
	a := api{t, rest.New(registry.New(registry.DefaultConfig()), rest.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))}
	require.Equal(t, 204, a.do("POST", "apps/ORDERS", document("one", "UP", 1)).Code)
	for _, path := range []string{"apps", "apps/", "apps/delta"} {
		plain := a.do("GET", path, "").Body.String()
		for _, regions := range []string{"", "us-east-1", "eu-west-1,us-east-1"} {
			w := a.do("GET", path+"?regions="+regions, "")
			require.Equal(t, 200, w.Code)
			require.Equal(t, plain, w.Body.String())
		}
	}
	require.Equal(t, 1, strings.Count(log.String(), "remote regions"), log.String())
}

func TestMetadataThatIsAddedAgainAndAgainEnds(t *testing.T) {
	a := newAPI(t)
	require.Equal(t, 204, a.do("POST", "apps/ORDERS", document("one", "UP", 1)).Code)
	refused := 0
	for n := range 200 {
		status := a.do("PUT", fmt.Sprintf("apps/ORDERS/one/metadata?k%d=%s", n, strings.Repeat("x", 4000)), "").Code
		if status == 413 {
			refused++
			continue
		}
		require.Equal(t, 200, status)
	}
	require.Greater(t, refused, 100)
	require.Less(t, a.do("GET", "apps/ORDERS/one", "").Body.Len(), 300<<10)
	require.Equal(t, 200, a.do("PUT", "apps/ORDERS/one/metadata?k1=short", "").Code, "what makes it smaller is taken")
	require.Equal(t, 200, a.do("PUT", "apps/ORDERS/one", "").Code)
}

// trickle is a body that comes byte by byte.
type trickle struct {
	text  string
	every time.Duration
}

func (c *trickle) Read(b []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	time.Sleep(c.every)
	n := copy(b, c.text[:1])
	c.text = c.text[n:]
	return n, nil
}

func TestABodyIsWholeInTwentySecondsOrRefused(t *testing.T) {
	for every, want := range map[time.Duration]int{10 * time.Millisecond: 204, time.Second: 400} {
		for _, length := range []int64{int64(len(document("one", "UP", 1))), -1} {
			synctest.Test(t, func(t *testing.T) {
				r := httptest.NewRequest("POST", "/eureka/apps/ORDERS", &trickle{document("one", "UP", 1), every})
				r.ContentLength = length
				r.Header.Set("Content-Type", "application/json")
				w, began := httptest.NewRecorder(), time.Now()
				newAPI(t).ServeHTTP(w, r)
				require.Equal(t, want, w.Code)
				require.LessOrEqual(t, time.Since(began), 21*time.Second)
			})
		}
	}
}

func TestParametersAreReadAsOthersReadThem(t *testing.T) {
	a := newAPI(t)
	for query, want := range map[string]int{
		"": 200, "lastDirtyTimestamp=1": 200, "lastDirtyTimestamp=0": 200, "status=UP&lastDirtyTimestamp=2": 404, "lastDirtyTimestamp": 400, "lastDirtyTimestamp=": 400,
		"lastDirtyTimestamp=x": 400, "last%44irtyTimestamp=2": 404, "lastDirtyTimestamp=%32": 404, "lastDirtyTimestamp=1&lastDirtyTimestamp=2": 200,
		"lastDirtyTimestamp=2&lastDirtyTimestamp=1": 404, "&&=&lastDirtyTimestamp=2": 404, "lastDirtyTimestamp=%zz": 200, "%zz=1": 200,
	} {
		require.Equal(t, 204, a.do("POST", "apps/ORDERS", document("one", "UP", 1)).Code)
		require.Equal(t, want, a.do("PUT", "apps/ORDERS/one?"+query, "").Code, query)
	}
}
