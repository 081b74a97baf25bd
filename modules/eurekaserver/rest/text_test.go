package rest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func TestRegistrationsAreReadInTheEncodingsThatTheirBytesTell(t *testing.T) {
	plain := strings.Replace(document("i", "UP", 1), `"hostName":"h"`, `"hostName":"München"`, 1)
	element := `<instance><instanceId>i</instanceId><hostName>München</hostName><app>ORDERS</app><ipAddr>1.2.3.4</ipAddr><dataCenterInfo><name>MyOwn</name></dataCenterInfo></instance>`
	declared := func(name string) string { return `<?xml version="1.0" encoding="` + name + `"?>` + element }
	big, little := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	for name, tc := range map[string]struct {
		kind, text string
		in         encoding.Encoding
	}{
		"JSON, marked":                    {"json", plain, unicode.UTF8BOM},
		"JSON in UTF-16, marked":          {"json", plain, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
		"JSON in UTF-16, big endian":      {"json", plain, big},
		"JSON in UTF-16, little endian":   {"json", plain, little},
		"XML, marked":                     {"xml", element, unicode.UTF8BOM},
		"XML, marked and declared":        {"xml", declared("UTF-8"), unicode.UTF8BOM},
		"XML, declared":                   {"xml", declared("utf-8"), unicode.UTF8},
		"XML in UTF-16, marked":           {"xml", element, unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
		"XML in UTF-16, all told":         {"xml", declared("UTF-16"), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
		"XML in UTF-16, little endian":    {"xml", declared("utf-16"), little},
		"XML in ISO 8859-1":               {"xml", declared("ISO-8859-1"), charmap.ISO8859_1},
		"XML in Windows' own, in quotes'": {"xml", strings.ReplaceAll(declared("Windows-1252"), `"`, `'`), charmap.Windows1252},
	} {
		a := newAPI(t)
		body, err := tc.in.NewEncoder().String(tc.text)
		require.NoError(t, err, name)
		w := a.do("POST", "apps/ORDERS", body, "Content-Type", "application/"+tc.kind)
		require.Equal(t, 204, w.Code, "%s: %s", name, w.Body)
		i, err := wire.DecodeInstance(a.do("GET", "apps/ORDERS/i", "").Body.Bytes())
		require.NoError(t, err, name)
		require.Equal(t, "München", i.HostName, name)
	}
}

func TestBytesThatAreNoTextAreRefused(t *testing.T) {
	a := newAPI(t)
	for _, body := range []string{"\xef", "\xef\xbb\xbf", "\xfe\xff", "\xff\xfe{", "\x00", "\x00{", "{\x00", "\x00\x00", "<?", "<?xml", `<?xml encoding="iso-8859-1`, `<?xml encoding='iso-8859-1'?>`, `<?xml encoding="utf-7"?><instance/>`} {
		for _, kind := range []string{"json", "xml"} {
			require.Equal(t, 400, a.do("POST", "apps/ORDERS", body, "Content-Type", "application/"+kind).Code, "%q", body)
		}
	}
}

func TestMetadataIsStoredAsItStandsInAQuery(t *testing.T) {
	for query, want := range map[string]string{
		"a=1&b=2": "a=1 b=2", "a=x;y=z": "a=x;y=z", "a=50%": "a=50%", "a=%zz": "a=%zz", "a=1&a=2": "a=1", "a": "a=", "=b": "", "a+b=c+d": "a b=c d", "%C3%BC=%26": "ü=&", "&&": "", "a=b=c": "a=b=c",
	} {
		a := newAPI(t)
		a.register("i", "UP", 1)
		require.Equal(t, 200, a.do("PUT", "apps/ORDERS/i/metadata?"+query, "").Code, query)
		i, err := wire.DecodeInstance(a.do("GET", "apps/ORDERS/i", "").Body.Bytes())
		require.NoError(t, err)
		var all []string
		for _, p := range i.Metadata {
			all = append(all, p.Key+"="+p.Value)
		}
		require.Equal(t, want, strings.Join(all, " "), query)
	}
}
