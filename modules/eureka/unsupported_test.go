package eureka_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/eureka"
	"github.com/archimedes-go/archimedes/modules/eureka/eurekatest"
	"github.com/archimedes-go/archimedes/modules/health"
)

// warnings returns what the module says of settings as it starts.
func warnings(t *testing.T, yaml string) string {
	t.Helper()
	var said bytes.Buffer
	server := eurekatest.NewServer(t)
	cfg := configtest.FromYAML(t, "eureka.client.service-url.defaultZone: "+server.URL+"\n"+yaml)
	log := slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var client *eureka.Client
	app := fxtest.New(t, fx.NopLogger, fx.Supply(cfg, log), health.Module(cfg), eureka.Module(cfg), fx.Populate(&client))
	app.RequireStart()
	app.RequireStop()
	return said.String()
}

func TestASettingOfSpringThatDoesNothingIsSaidToDoNothing(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(readme), "| setting | why |\n| --- | --- |\n")
	require.True(t, found)
	for line := range strings.Lines(table) {
		key, why, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		set := strings.NewReplacer("<zone>", "zone-b").Replace(key)
		said := warnings(t, set+": http://something\n")
		require.Contains(t, said, "key="+set, key)
		require.Contains(t, said, strings.Trim(why[strings.LastIndex(why[:strings.LastIndexByte(why, '|')], "|"):], "| \n"), key)
	}
	require.Contains(t, warnings(t, "eureka.client.availability-zones.eu-1: a,b\n"), "key=eureka.client.availability-zones.eu-1")
}

func TestASettingThatAsksForWhatIsDoneAnywayIsNoNews(t *testing.T) {
	require.Empty(t, warnings(t, "eureka.client: {should-enforce-registration-at-init: false, on-demand-update-status-change: true, allow-redirects: true}\n"))
}
