package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// What encoding/json and encoding/xml make of a document, as far as they can say it: ids, names and metadata.

// member returns a member as text, and whether it is one that both sides read alike.
func member(object map[string]any, key string) (string, bool) {
	switch v := object[key].(type) {
	case nil:
		return "", true
	case string:
		return v, true
	}
	return "", false
}

// objects returns the objects of a list, or the one in its place.
func objects(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var all []map[string]any
		for _, one := range v {
			if object, ok := one.(map[string]any); ok {
				all = append(all, object)
			}
		}
		return all
	}
	return nil
}

// FuzzJSONLikeEncodingJSON: ids, hosts and metadata are those that encoding/json reads.
func FuzzJSONLikeEncodingJSON(f *testing.F) {
	instance := `{"instanceId":"a","hostName":"h","metadata":{"b":"1","a":"2"},"port":{"$":1,"@enabled":"true"}}`
	f.Add(`{"applications":{"application":[{"name":"A","instance":[` + instance + `,` + instance + `,{"hostName":"x","instanceId":"b"}]}]}}`)
	f.Add(`{"applications":{"application":[{"name":"A","instance":[{"x":"1","instanceId":"a"},{"instanceId":"b"},{"x":"1","instanceId":"c"}]}]}}`)
	f.Add(`{"applications":{"application":[{"instance":[{"instanceId":"a","metadata":{"k":"v","k":"w"}},{"instanceId":"a" "hostName":"b"}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := wire.DecodeApplications([]byte(text))
		var theirs map[string]any
		if theirErr := json.Unmarshal([]byte(text), &theirs); theirErr != nil {
			require.Error(t, err, "encoding/json refuses it: %v", theirErr)
			return
		}
		if err != nil || strings.Count(text, `"applications"`) > 1 || strings.Count(text, `"application"`) > 1 || strings.Count(text, `"instance"`) > 1 {
			return // members given twice are merged by the one and replaced by the other
		}
		registry, _ := theirs["applications"].(map[string]any)
		var want, got []string
		for _, app := range objects(registry["application"]) {
			for _, i := range objects(app["instance"]) {
				id, ok := member(i, "instanceId")
				host, hostOK := member(i, "hostName")
				center, _ := i["dataCenterInfo"].(map[string]any)
				if !ok || !hostOK || center != nil {
					return
				}
				if id == "" && host == "" {
					continue
				}
				line := id + "|" + host
				if metadata, ok := i["metadata"].(map[string]any); ok {
					for _, key := range []string{"a", "k", "zone"} {
						if value, ok := metadata[key].(string); ok {
							line += "|" + key + "=" + value
						} else if metadata[key] != nil {
							return
						}
					}
				}
				want = append(want, line)
			}
		}
		for _, app := range ours.Applications {
			for _, i := range app.Instances {
				line := i.InstanceID + "|" + i.HostName
				for _, key := range []string{"a", "k", "zone"} {
					if m := i.Metadata.Map(); m[key] != "" || has(m, key) {
						line += "|" + key + "=" + m[key]
					}
				}
				got = append(got, line)
			}
		}
		require.Equal(t, want, got)
	})
}

func has(m map[string]string, key string) bool { _, ok := m[key]; return ok }

// xmlRegistry is what encoding/xml reads.
type xmlRegistry struct {
	XMLName      xml.Name `xml:"applications"`
	Applications []struct {
		Instances []struct {
			ID   []string `xml:"instanceId"`
			Host []string `xml:"hostName"`
		} `xml:"instance"`
	} `xml:"application"`
}

// FuzzXMLLikeEncodingXML: what encoding/xml refuses is refused, and ids are those that it reads.
func FuzzXMLLikeEncodingXML(f *testing.F) {
	f.Add(`<applications><application><name>A</name><instance><instanceId>a</instanceId><hostName>h</hostName></instance><instance><instanceId> b&amp;c </instanceId></instance></application></applications>`)
	f.Add(`<?xml version="1.0"?><applications><application><instance><instanceId><![CDATA[a<b]]></instanceId></instance></application></applications>`)
	f.Fuzz(func(t *testing.T, text string) {
		ours, err := wire.DecodeApplicationsXML([]byte(text))
		var theirs xmlRegistry
		if xml.Unmarshal([]byte(text), &theirs) != nil || err != nil {
			return // each is stricter than the other somewhere
		}
		var want, got []string
		for _, app := range theirs.Applications {
			for _, i := range app.Instances {
				if len(i.ID) > 1 || len(i.Host) > 1 {
					return
				}
				id := strings.TrimSpace(strings.Join(i.ID, ""))
				if id == "" && strings.TrimSpace(strings.Join(i.Host, "")) == "" {
					continue
				}
				want = append(want, id)
			}
		}
		for _, app := range ours.Applications {
			for _, i := range app.Instances {
				got = append(got, strings.TrimSpace(i.InstanceID))
			}
		}
		require.Equal(t, want, got)
	})
}
