package springcloud_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listedAs returns every field of an instance as the server shows it, with what differs between any two instances made alike:
// times, the port, and the name.
func listedAs(t *testing.T, e *eureka, s *service) map[string]string {
	t.Helper()
	var document struct {
		Application struct{ Instance []map[string]any }
	}
	eventually(t, 60*time.Second, s.name+" is UP", func() bool {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url()+"apps/"+strings.ToUpper(s.name), nil)
		request.Header.Set("Accept", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		document.Application.Instance = nil
		return json.NewDecoder(response.Body).Decode(&document) == nil && len(document.Application.Instance) == 1 &&
			document.Application.Instance[0]["status"] == "UP"
	})
	fields := map[string]string{}
	digits := regexp.MustCompile(`^\d{13}$`)
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if object, ok := value.(map[string]any); ok {
			for key, v := range object {
				walk(path+"."+key, v)
			}
			return
		}
		text := fmt.Sprintf("%v", value)
		if f, ok := value.(float64); ok {
			text = fmt.Sprintf("%.0f", f)
		}
		text = strings.ReplaceAll(text, s.port, "PORT")
		text = strings.ReplaceAll(strings.ReplaceAll(text, s.name, "NAME"), strings.ToUpper(s.name), "NAME")
		if digits.MatchString(text) {
			text = "a time"
		}
		fields[strings.TrimPrefix(path, ".")] = fmt.Sprintf("%T %s", value, text)
	}
	walk("", document.Application.Instance[0])
	return fields
}

func TestAnEntryOfOursIsFieldByFieldThatOfAJavaClient(t *testing.T) {
	server := startEureka(t, "spring", 0)
	same := []string{"--eureka.instance.instance-id=localhost:${spring.application.name}", "--eureka.instance.metadata-map.zone=z1",
		"--eureka.instance.app-group-name=team", "--eureka.instance.metadata-map.with_underscore=a&b<c>\"d\""}
	// With port 0 a Spring program leaves management.port out of its metadata.
	java := startJava(t, "theirs", server, append(same, fmt.Sprint("--server.port=", freePort(t)))...)
	ours := startGo(t, "ours", server, same...)
	want, got := listedAs(t, server, java), listedAs(t, server, ours)
	require.Equal(t, want, got)
}
