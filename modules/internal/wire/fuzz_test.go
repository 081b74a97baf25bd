package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// FuzzJSON: what is decoded is valid JSON, nothing panics, and what was read is written as it was read.
func FuzzJSON(f *testing.F) {
	f.Add(`{"applications":{"versions__delta":"1","apps__hashcode":"UP_1_","application":[{"name":"A","instance":[{"instanceId":"a","app":"A","port":{"$":1,"@enabled":"true"},"metadata":{"@class":"x","k":"\u00e9\ud83d\ude00"}}]}]}}`)
	f.Add(`{"applications":{"application":{"name":"A","instance":{"hostName":"h","port":"80","metadata":null}}}}`)
	f.Add(strings.Repeat("[", 1000))
	f.Fuzz(func(t *testing.T, text string) {
		decoded, err := wire.DecodeApplications([]byte(text))
		if err != nil {
			_ = err.Error()
			return
		}
		require.True(t, json.Valid([]byte(text)), "what was decoded must be JSON")
		once := wire.AppendApplications(nil, decoded)
		again, err := wire.DecodeApplications(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(wire.AppendApplications(nil, again)))
	})
}

// FuzzXML: nothing panics, and what was read is written as it was read.
func FuzzXML(f *testing.F) {
	f.Add(`<applications><versions__delta>1</versions__delta><application><name>A</name><instance><instanceId>a</instanceId><port enabled="true">80</port><metadata><my__key>1 &amp; 2</my__key></metadata></instance></application></applications>`)
	f.Add(`<!DOCTYPE x [<!ENTITY a "aaaa">]><applications>&a;</applications>`)
	f.Fuzz(func(t *testing.T, text string) {
		decoded, err := wire.DecodeApplicationsXML([]byte(text))
		if err != nil {
			_ = err.Error()
			return
		}
		once := wire.AppendApplicationsXML(nil, decoded)
		again, err := wire.DecodeApplicationsXML(once)
		require.NoError(t, err, string(once))
		require.Equal(t, string(once), string(wire.AppendApplicationsXML(nil, again)))
	})
}

func TestATruncatedDocumentIsAnErrorAtEveryByte(t *testing.T) {
	for _, r := range recordings(t) {
		body := r.Response.Body
		if !strings.HasPrefix(body, `{"applications":`) || len(body) > 6000 {
			continue
		}
		for n := range len(body) {
			_, err := wire.DecodeApplications([]byte(body[:n]))
			require.Error(t, err, body[:n])
		}
		return
	}
	t.Fatal("no recording to cut")
}

func TestNestingIsBounded(t *testing.T) {
	deep := `{"applications":{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}`
	_, err := wire.DecodeApplications([]byte(deep))
	var syntax *wire.SyntaxError
	require.ErrorAs(t, err, &syntax)
	_, err = wire.DecodeApplicationsXML([]byte(strings.Repeat("<applications>", 100_000)))
	require.Error(t, err)
}
