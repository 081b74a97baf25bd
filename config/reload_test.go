package config_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/archimedes-go/archimedes/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write replaces a file in place.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestAReloadTellsSubscribersWhatWasAndWhatIs(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "server: {port: 1, names: [a]}\nother: 1\n"})
	c := load(t, config.Options{Dir: dir, Args: []string{"--arg=1"}})
	var told [][2]int
	cancel := config.OnChange(c, "server", server{}, func(old, now server) { told = append(told, [2]int{old.Port, now.Port}) })

	write(t, dir, "application.yml", "server: {port: 2, names: [a]}\nother: 1\nmore: x\n")
	changed, err := c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"more", "server.port"}, changed)
	require.Equal(t, [][2]int{{1, 2}}, told)
	require.Equal(t, "2", value(t, c, "server.port"), "the configuration itself is new, too")
	require.Equal(t, "1", value(t, c, "arg"))

	write(t, dir, "application.yml", "server: {port: 2, names: [a]}\nother: 2\n")
	changed, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"more", "other"}, changed)
	require.Len(t, told, 1, "nothing changed below server")

	cancel()
	write(t, dir, "application.yml", "server.port: 3\n")
	_, err = c.Reload(t.Context())
	require.NoError(t, err)
	require.Len(t, told, 1)
}

func TestAReloadThatFailsChangesNothing(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "server.port: 1\na: old\n"})
	c := load(t, config.Options{Dir: dir})
	called := false
	config.OnChange(c, "server", server{}, func(server, server) { called = true })
	for text, want := range map[string]string{
		"server:\n\tport: 2\na: new\n":              "application.yml:2:1",
		"server.port: 70000\na: new\n":              "server.port = 70000 (application.yml:1:14)",
		"spring.config.import: gone.yml\na: new\n":  "gone.yml",
		"server.port: abc\na: new\n":                "whole number",
		"spring.profiles.active: a/b\na: new\n":     "a/b",
		"server: {timeout: -, port: x}\na: new\n":   "server.timeout",
		"a: &a [*a]\n":                              "application.yml",
		"server.port: ${server.port}\na: new\n":     "circle",
		"server.port: ${nowhere.to.be}\na: brand\n": "nowhere.to.be",
	} {
		write(t, dir, "application.yml", text)
		changed, err := c.Reload(t.Context())
		require.ErrorContains(t, err, want)
		require.Empty(t, changed)
		require.Equal(t, "old", value(t, c, "a"))
	}
	require.False(t, called)
}

func TestAReloadKeepsWhatABundleSetAndSeesNewProfiles(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1", "application-p.yml": "a: 2"})
	c := load(t, config.Options{Dir: dir})
	c.Default("bundle.key", "x")
	write(t, dir, "application.yml", "spring.profiles.active: p\n")
	_, err := c.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"p"}, c.Profiles())
	require.Equal(t, "2", value(t, c, "a"))
	require.Equal(t, "x", value(t, c, "bundle.key"))
	require.Equal(t, "2", c.Koanf().String("a"))
}

func TestWhatWasNotLoadedCannotBeReloaded(t *testing.T) {
	_, err := new(config.Config).Reload(t.Context())
	require.Error(t, err)
}

// watched is a configuration whose files are watched.
type watched struct {
	*config.Config
	mu     sync.Mutex
	faults []error
}

func watch(t *testing.T, o config.Options) *watched {
	t.Helper()
	w := &watched{Config: load(t, o)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.Watch(ctx, func(_ []string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err != nil {
				w.faults = append(w.faults, err)
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

func (w *watched) becomes(t *testing.T, key, want string) {
	t.Helper()
	require.Eventually(t, func() bool { got, _, err := w.Value(key); return err == nil && got == want }, 20*time.Second, 10*time.Millisecond)
}

func (w *watched) faulty(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.faults) == n }, 20*time.Second, 10*time.Millisecond)
}

func TestAFileThatIsWrittenOrReplacedIsReadAgain(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1"})
	w := watch(t, config.Options{Dir: dir})
	write(t, dir, "application.yml", "a: 2")
	w.becomes(t, "a", "2")
	for _, text := range []string{"3", "4"} { // the second rename replaces the file that the first one brought
		write(t, dir, "new", "a: "+text)
		require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "application.yml")))
		w.becomes(t, "a", text)
	}
	write(t, dir, "config/application.yml", "a: 5")
	w.becomes(t, "a", "5")
	write(t, dir, "config/x/application.yml", "a: 6")
	w.becomes(t, "a", "6")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "config")))
	w.becomes(t, "a", "4")
	require.Empty(t, w.faults)
}

func TestAFileChangedBetweenLoadAndWatchIsReadAgain(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1"})
	c := load(t, config.Options{Dir: dir})
	write(t, dir, "application.yml", "a: 22")
	w := &watched{Config: c}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Watch(ctx, func([]string, error) {}) }()
	w.becomes(t, "a", "22")
	cancel()
	<-done
}

func TestTheLinkThatKubernetesSwapsIsFollowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights on Windows")
	}
	dir := folder(t, map[string]string{
		"application.yml":   "spring.config: {import: 'configtree:tree/', additional-location: unused/}\n",
		"mount/..1/my.yml":  "a: 1",
		"mount/..2/my.yml":  "a: 2",
		"tree/..1/password": "one\n",
		"tree/..2/password": "two\n",
	})
	link := func(old, name string) {
		temporary := filepath.Join(dir, "link")
		require.NoError(t, os.Symlink(old, temporary))
		require.NoError(t, os.Rename(temporary, filepath.Join(dir, name)))
	}
	link("..1", "mount/..data")
	link("..1", "tree/..data")
	require.NoError(t, os.Symlink("..data/my.yml", filepath.Join(dir, "mount/my.yml")))
	require.NoError(t, os.Symlink("..data/password", filepath.Join(dir, "tree/password")))
	w := watch(t, config.Options{Dir: dir, Args: []string{"--spring.config.additional-location=mount/my.yml"}})
	require.Equal(t, []string{"1", "one"}, []string{value(t, w.Config, "a"), value(t, w.Config, "password")})
	link("..2", "mount/..data")
	w.becomes(t, "a", "2")
	link("..2", "tree/..data")
	w.becomes(t, "password", "two")
	link("..1", "tree/..data")
	w.becomes(t, "password", "one")
}

func TestABrokenFileIsReportedOnceAndTheOldValuesStay(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1"})
	w := watch(t, config.Options{Dir: dir})
	write(t, dir, "application.yml", "a: [1, 2")
	w.faulty(t, 1)
	write(t, dir, "unrelated.txt", "x")
	write(t, dir, "application.yml", "a: [1, 2")
	write(t, dir, "application.yml", "a: [9, 9")
	require.Equal(t, "1", value(t, w.Config, "a"))
	write(t, dir, "application.yml", "a: 3")
	w.becomes(t, "a", "3")
	require.Len(t, w.faults, 1)
	write(t, dir, "application.yml", "a: [1, 2")
	w.faulty(t, 2)
}

func TestAHalfWrittenFileIsWaitedFor(t *testing.T) {
	dir := folder(t, map[string]string{"application.yml": "a: 1\nb: 1\n"})
	w := watch(t, config.Options{Dir: dir})
	f, err := os.Create(filepath.Join(dir, "application.yml")) // empty for a moment
	require.NoError(t, err)
	_, err = f.WriteString("a: 2\nb: [")
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	_, err = f.WriteString("2]\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w.becomes(t, "a", "2")
	require.Empty(t, w.faults)
}
