package rest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/rest"
)

func FuzzNoRequestIsTheServersFault(f *testing.F) {
	for _, seed := range [][5]string{
		{"GET", "/eureka/apps/", "", "application/json", "gzip"},
		{"POST", "/eureka/apps/ORDERS", document("i", "UP", 1), "application/json", ""},
		{"POST", "/eureka/apps/ORDERS", "<instance><app>ORDERS</app></instance>", "application/xml", ""},
		{"PUT", "/eureka/v2/apps/ORDERS/i?lastDirtyTimestamp=1&overriddenstatus=UP", "", "", ""},
		{"PUT", "/eureka/apps/ORDERS/i/status?value=DOWN", "", "text/plain", ""},
		{"DELETE", "/eureka/apps/ORDERS/i/status?value=", "", "*/*", ""},
		{"PUT", "/eureka/apps/ORDERS/i/metadata?a=b&a=c&=d", "", "", ""},
		{"POST", "//eureka/peerreplication//batch/", `{"replicationList":[{"appName":"ORDERS","id":"i","action":"Heartbeat"}]}`, "application/xml", ""},
		{"GET", "/vips/a%2fb", "", "xml", "gzip"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, method, target, body, media, encoding string) {
		h := rest.New(registry.New(registry.DefaultConfig()))
		api{t, h}.register("i", "UP", 1)
		r, err := http.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
		if err != nil {
			return // no server would get it
		}
		r.Header.Set("Accept", media)
		r.Header.Set("Content-Type", media)
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s: %d", method, target, w.Code)
		}
		if got := (api{t, h}).do("GET", "apps", ""); got.Code != 200 {
			t.Fatalf("then the registry cannot be fetched: %d", got.Code)
		}
	})
}
