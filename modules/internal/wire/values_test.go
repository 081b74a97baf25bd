package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func TestPortsAreReadInEveryShapeThatClientsGiveThem(t *testing.T) {
	on, off := wire.Port{Number: 8080, Enabled: true}, wire.Port{Number: 8080}
	for text, want := range map[string]wire.Port{
		`{"$":8080,"@enabled":"true"}`: on, `{"$":"8080","@enabled":true}`: on, `{"$":8080.0,"@enabled":1}`: on, `{"@enabled":"TRUE","$":" 8080 "}`: on, `8080`: on, `"8080"`: on, `{"$":8080}`: on,
		`{"$":8080,"@enabled":"false"}`: off, `{"$":8080,"@enabled":0}`: off, `{"$":8080,"@enabled":false}`: off,
		// Spring registers server.port: -1 so.
		`{"$":-1,"@enabled":"true"}`: {}, `{"@enabled":"true","$":"-1"}`: {}, `-1`: {},
	} {
		i, err := wire.DecodeInstance([]byte(`{"instance":{"port":` + text + `}}`))
		require.NoError(t, err, text)
		require.Equal(t, want, i.Port, text)
	}
	for text, want := range map[string]wire.Port{
		`<port>8080</port>`: on, `<port enabled="true">8080</port>`: on, `<port enabled="false"> 8080 </port>`: off, `<port enabled="true">-1</port>`: {},
	} {
		i, err := wire.DecodeInstanceXML([]byte(`<instance>` + text + `</instance>`))
		require.NoError(t, err, text)
		require.Equal(t, want, i.Port, text)
	}
	for _, text := range []string{`70000`, `{"$":"eighty"}`, `{"$":99999999999}`} {
		_, err := wire.DecodeInstance([]byte(`{"instance":{"port":` + text + `}}`))
		var value *wire.ValueError
		require.ErrorAs(t, err, &value, text)
	}
}

func TestTimesLoseTheirFraction(t *testing.T) {
	for text, want := range map[string]int64{
		`1700000000000`: 1700000000000, `"1700000000000"`: 1700000000000, `1700000000000.75`: 1700000000000, `"1700000000000.75"`: 1700000000000, `1.7e12`: 1700000000000,
		`null`: 0, `""`: 0, `"NaN"`: 0, `"Infinity"`: 0, `1e99`: 0, `"yesterday"`: 0, `-5`: -5,
	} {
		i, err := wire.DecodeInstance([]byte(`{"instance":{"lastDirtyTimestamp":` + text + `}}`))
		require.NoError(t, err, text)
		require.Equal(t, want, i.LastDirty, text)
	}
}
