package wire_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// recording is one exchange with a real server.
type recording struct {
	Name    string
	Request struct {
		Path    string
		Headers map[string][]string
		Body    string
	}
	Response struct{ Body string }
}

func recordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []recording
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var r recording
		require.NoError(t, json.Unmarshal(text, &r))
		all = append(all, r)
	}
	return all
}

// reencode decodes a document of the kind that it turns out to be, and encodes it again in its own format and form. It
// returns "" for what is no document.
func reencode(t *testing.T, body string, compact bool) string {
	t.Helper()
	data := []byte(body)
	format := wire.JSON
	if strings.HasPrefix(body, "<") {
		format = wire.XML
	}
	decoded := format
	if compact {
		decoded += wire.CompactJSON - wire.JSON
	}
	begins := strings.Join(strings.Fields(body[:min(len(body), 40)]), "")
	switch {
	case strings.HasPrefix(begins, `{"applications":`), strings.HasPrefix(begins, `<applications>`):
		registry, err := format.DecodeApplications(data)
		require.NoError(t, err)
		require.Zero(t, registry.Skipped)
		return string(decoded.AppendApplications(nil, registry))
	case strings.HasPrefix(begins, `{"application":`), strings.HasPrefix(begins, `<application>`):
		app, err := format.DecodeApplication(data)
		require.NoError(t, err)
		return string(decoded.AppendApplication(nil, app))
	case strings.HasPrefix(begins, `{"instance":`), strings.HasPrefix(begins, `<instance>`):
		instance, err := format.DecodeInstance(data)
		require.NoError(t, err)
		return string(format.AppendInstance(nil, instance)) // single instances are never compact
	}
	return ""
}

func TestRecordedAnswersKeepTheirMeaning(t *testing.T) {
	documents := 0
	for _, r := range recordings(t) {
		compact := len(r.Request.Headers["X-Eureka-Accept"]) > 0
		again := reencode(t, r.Response.Body, compact)
		if again == "" {
			continue
		}
		documents++
		require.Equal(t, meaning(t, r.Response.Body), meaning(t, again), r.Name)
	}
	require.Greater(t, documents, 50)
}

// requestExceptions is what the canonical form of a registration says although the recorded client left it out, or says
// otherwise. Lease times and action are the same story in all of them.
var requestExceptions = map[string]map[string]any{
	"register-minimal": {
		"status": "UP", "overriddenStatus": "UNKNOWN", "countryId": "1", "metadata": map[string]any{},
		"port":       map[string]any{"$": "7001", "@enabled": "true"},
		"securePort": map[string]any{"$": "7002", "@enabled": "false"},
		"leaseInfo":  map[string]any{"renewalIntervalInSecs": "0", "durationInSecs": "0"},

		"isCoordinatingDiscoveryServer": "false", "lastUpdatedTimestamp": "0", "lastDirtyTimestamp": "0",
	},
	"register-port-as-number":            {"port": map[string]any{"$": "8080", "@enabled": "true"}},
	"register-unknown-object-field-last": {"nested": nil, "list": nil},
	"register-unknown-scalar-field":      {"somethingNew": nil},
	"register-unknown-status":            {"status": "UNKNOWN"},
	"register-400-no-app":                {"app": ""},
	"register-400-no-hostname":           {"hostName": ""},
	"register-400-no-hostname-no-id":     {"hostName": ""},
	"register-400-no-ip":                 {"ipAddr": ""},
	"register-400-no-datacenter":         {"dataCenterInfo": map[string]any{"name": "MyOwn"}},
}

func TestRecordedRegistrationsKeepTheirMeaning(t *testing.T) {
	documents := 0
	for _, r := range recordings(t) {
		if r.Name == "register-unknown-object-field-first" {
			_, err := wire.DecodeInstance([]byte(r.Request.Body))
			var value *wire.ValueError
			require.ErrorAs(t, err, &value)
			require.ErrorContains(t, err, `"nested"`)
			continue
		}
		again := reencode(t, r.Request.Body, false)
		if again == "" {
			continue
		}
		documents++
		want, got := sent(t, r.Request.Body), sent(t, again)
		for key, value := range requestExceptions[r.Name] {
			if want[key] = value; value == nil {
				delete(want, key)
			}
		}
		require.Equal(t, want, got, r.Name)
	}
	require.Greater(t, documents, 20)
}

// sent is the meaning of a registration, without what every registration may say or leave out.
func sent(t *testing.T, body string) map[string]any {
	t.Helper()
	document := meaning(t, body).(map[string]any)
	instance := document["instance"].(map[string]any)
	if lease, ok := instance["leaseInfo"].(map[string]any); ok {
		for key, value := range lease {
			if value == "0" && strings.HasSuffix(key, "Timestamp") {
				delete(lease, key)
			}
		}
	}
	return instance
}

// meaning is a document as a value in which only differences that no reader may see are gone: text and number, absent and
// null, white space, the two names of the override, the marker of an empty map, the class that goes with a name.
func meaning(t *testing.T, body string) any {
	t.Helper()
	if strings.HasPrefix(body, "<") {
		return xmlMeaning(t, body)
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value), body)
	return plain("", value)
}

func plain(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, inner := range v {
			switch {
			case inner == nil && key == "metadata":
				out[k] = "null"
			case inner == nil, k == "@class", k == "sid" && inner == "na":
			default:
				out[k] = plain(k, inner)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, inner := range v {
			out = append(out, plain(key, inner))
		}
		return out
	}
	return fmt.Sprint(value)
}

// node is an XML element.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

func xmlMeaning(t *testing.T, body string) any {
	t.Helper()
	var root node
	require.NoError(t, xml.NewDecoder(bytes.NewReader([]byte(body))).Decode(&root), body)
	return map[string]any{root.XMLName.Local: root.plain()}
}

// plain leaves element names as they are on the wire: escaping of metadata keys must come back the same.
func (n node) plain() any {
	out := map[string]any{}
	for _, attr := range n.Attrs {
		out["@"+attr.Name.Local] = attr.Value
	}
	for _, child := range n.Nodes {
		switch name := child.XMLName.Local; name {
		case "application", "instance":
			list, _ := out[name].([]any)
			out[name] = append(list, child.plain())
		default:
			out[name] = child.plain()
		}
	}
	if len(out) == 0 {
		return n.Text
	}
	if text := strings.TrimSpace(n.Text); text != "" {
		out["$"] = text
	}
	return out
}
