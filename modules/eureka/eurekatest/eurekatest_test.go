package eurekatest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
)

func TestARewrittenAnswerIsTheRightOneButForTheEdit(t *testing.T) {
	server := eurekatest.NewServer(t)
	server.Add(discovery.Instance{Service: "stock", ID: "a", Address: "127.0.0.1:1"})
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server.URL)}
	client, err := eureka.NewClient(cfg)
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	server.Rewrite(func(body string) string { return strings.Replace(body, `"instanceId":"a"`, `"instanceId":"b"`, 1) })
	all, err := client.Applications(t.Context())
	require.NoError(t, err)
	require.Equal(t, "b", all.Applications[0].Instances[0].InstanceID)
	answer, err := http.Get(server.URL + "apps/nothing")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
}

// Whatever the table of the package's doc calls exists.
func TestTheFaultsOfTheDocExist(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(text)
	}
	doc, _, found := strings.Cut(source.String(), "\npackage eurekatest\n\nimport (\n\t\"bytes\"\n\t\"context\"")
	require.True(t, found)
	_, table, found := strings.Cut(doc, "# Faults\n")
	require.True(t, found)
	calls := regexp.MustCompile(`\b(server|names|eurekatest)\.([A-Z]\w+)\(`).FindAllStringSubmatch(table, -1)
	require.GreaterOrEqual(t, len(calls), 30)
	receivers := map[string]string{"server": "(s *Server) ", "names": "(n *Names) "}
	for _, call := range calls {
		require.Contains(t, source.String(), "\nfunc "+receivers[call[1]]+call[2]+"(", call[0])
	}
}
