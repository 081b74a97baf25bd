package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// registrations are instances that clients write in as many ways.
func registrations() [][2]string {
	var many, deep strings.Builder
	for n := range 60 {
		fmt.Fprintf(&many, `"member-%d":%d,`, n, n)
		fmt.Fprintf(&deep, `"key-%d":"value-%d",`, n, n)
	}
	long := strings.Repeat("long", 50)
	return [][2]string{
		{"plain", `{"instanceId":"a1","hostName":"a","app":"A","ipAddr":"127.0.0.1","port":{"$":1,"@enabled":"true"},"securePort":{"$":2,"@enabled":"false"},"dataCenterInfo":{"name":"MyOwn"},"metadata":{"zone":"z1","v":"1"}}`},
		{"other values", `{"instanceId":"b1","hostName":"b","app":"B","ipAddr":"127.0.0.2","port":{"$":3,"@enabled":"false"},"securePort":{"$":4,"@enabled":"true"},"dataCenterInfo":{"name":"Netflix"},"metadata":{"zone":"z2","v":"1"}}`},
		{"spaces", "{ \"instanceId\": \"c1\",\n\t\"hostName\" : \"c\", \"app\":  \"C\", \"port\": {\"$\": 5, \"@enabled\": true}, \"securePort\": {\"$\":2, \"@enabled\":\"false\"}, \"dataCenterInfo\": {\"name\": \"MyOwn\"}, \"metadata\": {\"zone\": \"z1\"} }"},
		{"another order", `{"metadata":{"v":"1","zone":"z1"},"dataCenterInfo":{"name":"MyOwn"},"securePort":{"@enabled":"false","$":2},"port":{"@enabled":"true","$":1},"app":"A","hostName":"a","instanceId":"a1"}`},
		{"numbers as texts", `{"instanceId":"d1","app":"D","port":"6","securePort":"7","countryId":"2","lastDirtyTimestamp":"1700000000000","leaseInfo":{"durationInSecs":"90"}}`},
		{"numbers", `{"instanceId":"d1","app":"D","port":61,"securePort":71,"countryId":23,"lastDirtyTimestamp":17000000000001,"leaseInfo":{"durationInSecs":901}}`},
		{"Amazon", `{"instanceId":"e1","app":"E","dataCenterInfo":{"name":"Amazon","metadata":{"instance-id":"i-1","user-data":"` + long + `"}}}`},
		{"Amazon again", `{"instanceId":"e2","app":"E","dataCenterInfo":{"name":"Amazon","metadata":{"instance-id":"i-2","user-data":"` + long + `2"}}}`},
		{"escapes", `{"instance\u0049d":"f\"1","app":"\u0046","metadata":{"z\u006fne":"z\\1","":"empty"}}`},
		{"long texts", `{"instanceId":"` + long + `","app":"` + long + `","vipAddress":"` + long + `","metadata":{"` + long + `":"` + long + `"},"` + long + `":1}`},
		{"many members", `{` + many.String() + `"instanceId":"g1","app":"G","metadata":{` + deep.String() + `"zone":"z1"}}`},
		{"members twice", `{"instanceId":"h0","instanceId":"h1","app":"H","metadata":{"zone":"z1","zone":"z2"},"metadata":{"zone":"z3"}}`},
		{"nested, absent", `{"instanceId":"i1","app":"I","hostName":null,"metadata":{"zone":null,"list":[1],"v":{"x":"y"}},"status":"OUT_OF_SERVICE","unknown":{"app":"X"}}`},
		{"nothing", `{}`},
		{"port of no number", `{"instanceId":"j1","app":"J","port":{"$":"many","@enabled":"true"},"securePort":{"$":2,"@enabled":"false"}}`},
		{"same, secure", `{"instanceId":"j1","app":"J","port":{"$":1,"@enabled":"true"},"securePort":{"$":"many","@enabled":"true"}}`},
		{"broken", `{"instanceId":"a1","hostName":"a","app":"A","ipAddr":"127.0.0.1","port":{"$":1,"@enabled":"true"},"securePort":{"$":2,"@ena`},
	}
}

func TestARegistrationIsReadAlikeWhateverWasReadBefore(t *testing.T) {
	var buffer []byte // a server reads the next one into the same
	decode := func(document string) (*wire.Instance, error) {
		buffer = append(append(append(buffer[:0], `{"instance":`...), document...), '}')
		return wire.DecodeInstance(buffer)
	}
	refused := map[string]bool{"port of no number": true, "same, secure": true, "broken": true}
	all := registrations()
	for _, before := range all {
		for _, document := range all {
			first, second, before, document := before[0], document[0], before[1], document[1]
			_, _ = decode(before)
			got, err := decode(document)
			if refused[second] {
				require.Error(t, err, "%s after %s", second, first)
				continue
			}
			require.NoError(t, err, "%s after %s", second, first)
			alone, err := wire.DecodeApplication([]byte(`{"application":{"instance":[{"instanceId":"other","app":"OTHER"},` + strings.Replace(document, "{}", `{"hostName":"x"}`, 1) + `]}}`))
			require.NoError(t, err)
			want := *alone.Instances[1]
			if second == "nothing" {
				want.HostName, want.App = "", ""
			}
			require.Equal(t, want, *got, "%s after %s", second, first)
		}
	}
}

func TestInstancesOfOneDocumentMayBeWrittenInAsManyWays(t *testing.T) {
	var documents, alone []string
	for _, document := range registrations() {
		for _, other := range registrations() {
			if document[0] != "broken" && document[0] != "nothing" && other[0] != "broken" && other[0] != "nothing" {
				documents = append(documents, document[1], other[1])
			}
		}
	}
	for _, document := range documents {
		app, err := wire.DecodeApplication([]byte(`{"application":{"instance":` + document + `}}`))
		require.NoError(t, err)
		alone = append(alone, string(wire.JSON.AppendInstance(nil, app.Instances[0])))
	}
	app, err := wire.DecodeApplication([]byte(`{"application":{"instance":[` + strings.Join(documents, ",") + `]}}`))
	require.NoError(t, err)
	for n, i := range app.Instances {
		require.Equal(t, alone[n], string(wire.JSON.AppendInstance(nil, i)), documents[n])
	}
}
