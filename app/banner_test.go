package app_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/archimedes-go/archimedes/app"
)

func TestABannerIsShownBeforeAnythingElse(t *testing.T) {
	const text = "${Ansi.GREEN}~ ${application.title}${application.formatted-version} ~ ${team:nobody} ${unknown}\n\n"
	const shown = "~ orders (v1.2.0) ~ shop ${unknown}\n"
	for _, c := range []struct {
		name, settings, want string
	}{
		{"by default", "", shown},
		{"on the console", "spring.main.banner-mode: console", shown},
		{"off", "spring.main.banner-mode: off", ""},
		{"elsewhere", "spring.banner.location: classpath:art/other.txt", "other\n"},
		{"not in JSON", "logging.structured.format.console: ecs", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := started(t, app.Spec{Options: []fx.Option{
				app.Embedded(fstest.MapFS{"banner.txt": {Data: []byte(text)}, "art/other.txt": {Data: []byte("other")}}),
				yaml("team: shop\nspring.main.log-startup-info: false\nspring.application:\n  name: orders\n  version: 1.2.0\n" + c.settings + "\n"),
			}})
			require.Equal(t, c.want, out)
		})
	}
}

func TestABannerMayBeALogLine(t *testing.T) {
	out := started(t, app.Spec{Options: []fx.Option{
		app.Embedded(fstest.MapFS{"banner.txt": {Data: []byte("hello")}}), yaml("spring.main:\n  banner-mode: log\n  log-startup-info: false\n"),
	}})
	require.Regexp(t, `INFO .*: \nhello\n`, out)
}

func TestABannerThatIsNotThereIsSaidAndHurtsNobody(t *testing.T) {
	out := started(t, app.Spec{Options: []fx.Option{yaml("spring.main.log-startup-info: false\nspring.banner.location: classpath:nothing.txt\n")}})
	require.Contains(t, out, "the banner cannot be read")
	require.Contains(t, out, "nothing.txt")
}
