package rest_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded is the earliest time, in milliseconds, that a clock can have said while recording or replaying. What clients
// send in the recordings is older, and must come back as it was sent.
const recorded = 1_750_000_000_000

// times are the fields of documents that depend on when a request was sent.
var times = []string{
	"registrationTimestamp", "lastRenewalTimestamp", "evictionTimestamp", "serviceUpTimestamp", "lastUpdatedTimestamp", "lastDirtyTimestamp",
}

// canonical turns an answer into something that can be compared: times aside, lists by content, as Eureka has no order. It
// is a text when it is no document.
func canonical(t *testing.T, body string) string {
	t.Helper()
	var value any
	switch {
	case strings.HasPrefix(body, "{"):
		require.NoError(t, json.Unmarshal([]byte(body), &value), body)
	case strings.HasPrefix(body, "<"):
		value = tree(t, body)
	default:
		return body
	}
	text, err := json.MarshalIndent(aside("", value), "", " ")
	require.NoError(t, err)
	return string(text)
}

// element is XML as JSON has it, so that both are compared by the same rules.
func tree(t *testing.T, body string) any {
	t.Helper()
	type node struct {
		name  string
		text  string
		attrs map[string]any
		kids  []any
	}
	stack := []*node{{}}
	for d := xml.NewDecoder(strings.NewReader(body)); ; {
		token, err := d.Token()
		if token == nil {
			require.Equal(t, "EOF", fmt.Sprint(err), body)
			break
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attrs: map[string]any{}}
			for _, a := range token.Attr {
				n.attrs["@"+a.Name.Local] = a.Value
			}
			stack = append(stack, n)
		case xml.CharData:
			top.text += string(token)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			value := map[string]any{"<>": top.name, "=": strings.TrimSpace(top.text), "kids": top.kids}
			for name, text := range top.attrs {
				value[name] = text
			}
			if value["@class"] == "java.util.Collections$EmptyMap" {
				delete(value, "@class") // §12 row 2: an empty map is no class here
			}
			parent := stack[len(stack)-1]
			parent.kids = append(parent.kids, value)
		}
	}
	return stack[0].kids
}

func aside(key string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		if value["@class"] == "java.util.Collections$EmptyMap" {
			return map[string]any{} // §12 row 2
		}
		name, _ := value["<>"].(string)
		for k, v := range value {
			if k == "=" {
				k, value[k] = name, aside(name, v)
				continue
			}
			value[k] = aside(k, v)
		}
	case []any:
		for i := range value {
			value[i] = aside("", value[i])
		}
		if key != "responseList" {
			slices.SortFunc(value, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	case float64:
		if slices.Contains(times, key) && value >= recorded {
			return "a time"
		}
	case string:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && slices.Contains(times, key) && n >= recorded {
			return "a time"
		}
		if key == "versions__delta" && value != "-1" {
			return "a version" // §12 row 13
		}
	}
	return value
}
