package invoker_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/invoker"
)

func TestRetryAfterIsObeyed(t *testing.T) {
	const date = "Sat, 01 Jan 2000 00:00:00 GMT" // when a bubble begins
	for name, tc := range map[string]struct {
		status int
		header http.Header
		least  time.Duration // for which the instance is left alone
		most   time.Duration
	}{
		"seconds":                 {503, http.Header{"Retry-After": {"30"}}, 30 * time.Second, 36 * time.Second},
		"too many requests":       {429, http.Header{"Retry-After": {" 30 "}}, 30 * time.Second, 36 * time.Second},
		"a date":                  {503, http.Header{"Retry-After": {"Sat, 01 Jan 2000 00:01:00 GMT"}}, 59 * time.Second, 72 * time.Second},
		"a date by its own clock": {503, http.Header{"Retry-After": {"Sat, 01 Jan 2022 00:01:00 GMT"}, "Date": {"Sat, 01 Jan 2022 00:00:00 GMT"}}, time.Minute, 72 * time.Second},
		"a date that has passed":  {503, http.Header{"Retry-After": {"Fri, 31 Dec 1999 00:00:00 GMT"}, "Date": {date}}, 0, 0},
		"absurd":                  {503, http.Header{"Retry-After": {"99999999999999999999"}}, 5 * time.Minute, 6 * time.Minute},
		"a date that is absurd":   {503, http.Header{"Retry-After": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, 5 * time.Minute, 6 * time.Minute},
		"negative":                {503, http.Header{"Retry-After": {"-5"}}, 0, 0},
		"words":                   {503, http.Header{"Retry-After": {"soon"}}, 0, 0},
		"zero":                    {503, http.Header{"Retry-After": {"0"}}, 0, 0},
		"nothing":                 {503, nil, 0, 0},
		"beside another status":   {500, http.Header{"Retry-After": {"30"}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := false
				h := &hosts{serve: map[string]func(*http.Request) (*http.Response, error){"a": func(r *http.Request) (*http.Response, error) {
					response := ok(r)
					if !asked {
						asked = true
						response.StatusCode, response.Header = tc.status, tc.header.Clone()
					}
					return response, nil
				}}}
				c := turns(t, h, ab()...)
				for !asked {
					_, _ = invoker.GetForObject[string](t.Context(), c, "http://stock/")
				}
				calls := func() int {
					h.seen = nil
					for range 10 {
						_, err := invoker.GetForObject[string](t.Context(), c, "http://stock/")
						require.NoError(t, err)
					}
					return count(h.seen, "a")
				}
				if tc.least == 0 {
					require.Equal(t, 5, calls())
					return
				}
				time.Sleep(tc.least - time.Millisecond)
				require.Zero(t, calls())
				time.Sleep(tc.most - tc.least + 2*time.Millisecond)
				require.NotZero(t, calls())
			})
		})
	}
}
