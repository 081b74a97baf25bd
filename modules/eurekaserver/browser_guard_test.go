package eurekaserver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/app/apptest"
	"github.com/archimedes-go/archimedes/modules/eurekaserver"
	"github.com/archimedes-go/archimedes/starter"
)

func TestOnlyPagesOfThisServerChangeTheRegistry(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	page := func(host, origin, site string) []string {
		all := []string{"Content-Type", form, "Host", host}
		if origin != "" {
			all = append(all, "Origin", origin)
		}
		if site != "" {
			all = append(all, "Sec-Fetch-Site", site)
		}
		return all
	}
	for name, yaml := range map[string]string{"nobody": "", "a user": "spring.security.user.password: secret"} {
		t.Run(name, func(t *testing.T) {
			server := apptest.Start(t, starter.EurekaServer, apptest.YAML("eureka.dashboard.actions: true\neureka.server.browser-hosts: [eureka.example.org]\n"+yaml))
			send := func(method, path, body string, headers ...string) int {
				if yaml != "" {
					headers = append(headers, "Authorization", "Basic dXNlcjpzZWNyZXQ=")
				}
				status, _, _ := ask(t, method, server.URL+path, body, headers...)
				return status
			}
			require.Equal(t, 204, send("POST", "/eureka/apps/ORDERS", order))
			rebound := 403
			if yaml != "" {
				rebound = 200 // its browser would not know the password, since it is another site for it
			}
			for _, c := range []struct {
				what string
				page []string
				want int
			}{
				{"no browser", page("", "", ""), 200},
				{"its own page", page("localhost:8761", "http://localhost:8761", "same-origin"), 200},
				{"by address", page("192.0.2.7:8761", "http://192.0.2.7:8761", ""), 200},
				{"by address of six", page("[2001:db8::7]:8761", "http://[2001:db8::7]:8761", ""), 200},
				{"by a name that is listed", page("Eureka.example.org.", "http://Eureka.example.org.", ""), 200},
				{"by a name below localhost", page("eureka.localhost", "http://eureka.localhost", "same-origin"), 200},
				{"of another site", page("localhost:8761", "http://evil.example", ""), 403},
				{"of another site, new browser", page("localhost:8761", "http://evil.example", "cross-site"), 403},
				{"of another port", page("localhost:8761", "http://localhost:3000", "same-site"), 403},
				{"of a name that was pointed here", page("evil.example:8761", "http://evil.example:8761", ""), rebound},
				{"of a name that was pointed here, new browser", page("evil.example", "http://evil.example", "same-origin"), rebound},
				{"of one that looks like ours", page("localhost.evil.example", "http://localhost.evil.example", ""), rebound},
			} {
				require.Equal(t, c.want, send("POST", "/eureka-ui/status", "app=ORDERS&id=web-1&do=out", c.page...), c.what)
				if c.want == 403 {
					require.Equal(t, 403, send("DELETE", "/eureka/apps/ORDERS/web-1", "", c.page...), c.what)
					require.Equal(t, 403, send("POST", "/eureka/peerreplication/batch", `{"replicationList":[]}`, c.page...), c.what)
					require.Equal(t, 200, send("GET", "/eureka/apps", "", c.page...), "reading is as before")
				}
			}
		})
	}
}

func TestABrowserHostIsOneName(t *testing.T) {
	for host, fits := range map[string]bool{"eureka.example.org": true, "eureka": true, "": false, "*": false, "*.example.org": false, "http://eureka": false, "eureka:8761": false, "two names": false} {
		err := eurekaserver.Browsers{Hosts: []string{host}}.Validate()
		require.Equal(t, fits, err == nil, host)
	}
}
