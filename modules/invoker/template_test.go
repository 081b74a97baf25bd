package invoker_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/invoker"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// expanded returns the path and query that a template leads to.
func expanded(t testing.TB, template string, vars ...any) (string, error) {
	t.Helper()
	sent := ""
	c := calling(t, loadbalancer.DefaultConfig(), []discovery.Instance{{ID: "a", Address: "a:1"}}, invoker.WithTransport(stub(func(r *http.Request) (*http.Response, error) {
		sent = r.URL.RequestURI()
		return ok(r), nil
	})))
	_, err := invoker.GetForObject[string](t.Context(), c, template, vars...)
	return sent, err
}

func TestTemplatesAreExpandedStrictly(t *testing.T) {
	seven := 7
	for _, tc := range []struct {
		template string
		vars     []any
		want     string
	}{
		{"http://stock/{id}", []any{7}, "/7"},
		{"http://stock/{id}", []any{"a/b?c#d;e&f=g"}, "/a%2Fb%3Fc%23d%3Be%26f%3Dg"},
		{"http://stock/{id}", []any{"~a-b_c.d"}, "/~a-b_c.d"},
		{"http://stock/{id}", []any{"ünï 日本"}, "/%C3%BCn%C3%AF%20%E6%97%A5%E6%9C%AC"},
		{"http://stock/{id}", []any{"{other}"}, "/%7Bother%7D"},
		{"http://stock/{id}", []any{".."}, "/.."},
		{"http://stock/{a}/{a}", []any{1, 2}, "/1/2"},
		{"http://stock/{a}/{a}", []any{invoker.Vars{"a": "x", "unused": 1}}, "/x/x"},
		{"http://stock/{id:[0-9]{2}}/end", []any{42}, "/42/end"},
		{"http://stock/?q={q}&on={on}", []any{"a b+c", true}, "/?q=a%20b%2Bc&on=true"},
		{"http://{service}/x", []any{"stock"}, "/x"},
		{"http://stock/plain%20path?x=%26", nil, "/plain%20path?x=%26"},
		{"http://stock", nil, "/"},
		{"http://stock/?q=two words&n=\"ü\"", nil, "/?q=two%20words&n=%22%C3%BC%22"},
		{"http://stock/{id}", []any{&seven}, "/7"},
		{"http://stock/{id}", []any{net.IPv4(10, 0, 0, 1)}, "/10.0.0.1"},
	} {
		got, err := expanded(t, tc.template, tc.vars...)
		require.NoError(t, err, tc.template)
		require.Equal(t, tc.want, got, tc.template)
	}
}

func FuzzAValueNeverLeavesItsSegment(f *testing.F) {
	for _, seed := range []string{"7", "a/b", "..", "?x=1", "#f", "%2F", "{id}", "\x00", "ü", "a@b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		sent, err := expanded(t, "http://stock/a/{v}/b?q={v}", invoker.Vars{"v": value})
		require.NoError(t, err)
		path, query, _ := strings.Cut(sent, "?")
		segments := strings.Split(path, "/")
		require.Len(t, segments, 4, sent)
		for _, escaped := range []string{segments[2], strings.TrimPrefix(query, "q=")} {
			back, err := url.PathUnescape(escaped)
			require.NoError(t, err)
			require.Equal(t, value, back)
		}
	})
}
