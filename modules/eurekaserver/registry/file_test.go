package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eurekaserver/registry"
)

func TestARestoredRegistryIsTheOneThatWasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := registry.New(registry.DefaultConfig())
		register(t, before, "A", "a1", "a2")
		register(t, before, "B", "b1")
		require.NoError(t, before.Override("A", "a1", discovery.OutOfService, 0))
		var file bytes.Buffer
		require.NoError(t, before.Save(&file))
		shown := before.Instance("B", "b1").Lease

		time.Sleep(time.Hour)
		after := registry.New(registry.DefaultConfig())
		require.NoError(t, after.Restore(bytes.NewReader(file.Bytes())))
		require.Equal(t, before.Snapshot().Hash, after.Snapshot().Hash)
		require.Equal(t, "A: a1 MODIFIED, a2 ADDED; B: b1 ADDED", names(after.Snapshot().All))
		require.Empty(t, after.Snapshot().Delta)
		require.Equal(t, shown, after.Instance("B", "b1").Lease, "it shows when it was really last heard of")
		require.Equal(t, 3, after.Stats().Restored)
		require.True(t, after.Leases()[0].Restored)

		time.Sleep(30 * time.Second)
		_, err := after.Renew("A", "a1", registry.Renewal{LastDirty: 1})
		require.NoError(t, err)
		require.Equal(t, discovery.OutOfService, after.Instance("A", "a1").Status, "overrides stay")
		require.Equal(t, 2, after.Stats().Restored)
		time.Sleep(59 * time.Second)
		after.Evict(0)
		require.Equal(t, 3, after.Size(), "nothing ends before one lease has passed")
		time.Sleep(2 * time.Second)
		after.Evict(0)
		after.Evict(0)
		require.Equal(t, "A: a1 MODIFIED", names(after.Snapshot().All))
		require.Zero(t, after.Stats().Restored)
	})
}

func TestALineThatCannotBeReadLeavesOneApplicationOut(t *testing.T) {
	before := registry.New(registry.DefaultConfig())
	register(t, before, "A", "a1")
	register(t, before, "B", "b1")
	register(t, before, "C", "c1")
	var file bytes.Buffer
	require.NoError(t, before.Save(&file))
	lines := strings.SplitAfter(file.String(), "\n")
	lines[1] = lines[1][:40] + "\n"
	after := registry.New(registry.DefaultConfig())
	require.ErrorContains(t, after.Restore(strings.NewReader(strings.Join(lines, ""))), "line 2")
	require.Equal(t, "A: a1 ADDED; C: c1 ADDED", names(after.Snapshot().All))
}

func TestADiskThatFailsIsSaidOnceAndHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cfg := registry.FileConfig{File: filepath.Join(dir, "registry.json"), Interval: time.Second}
		var log bytes.Buffer
		r := registry.New(registry.DefaultConfig(), registry.WithLogger(slogTo(&log)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Keep(ctx, cfg) }()
		require.NoError(t, os.RemoveAll(dir))
		for n := range 5 {
			register(t, r, "A", fmt.Sprint(n))
			time.Sleep(2 * time.Second)
		}
		require.NoError(t, os.Mkdir(dir, 0o700))
		time.Sleep(2 * time.Second)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 1, strings.Count(log.String(), "cannot be kept"))
		require.Equal(t, 1, strings.Count(log.String(), "kept on disk again"))
		again := registry.New(registry.DefaultConfig())
		require.NoError(t, again.Load(cfg.File))
		require.Equal(t, 5, again.Size())
	})
}

func TestAChangeAfterAQuietTimeIsOnTheDiskAtOnceAndManyOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := registry.FileConfig{File: filepath.Join(t.TempDir(), "registry.json"), Interval: 5 * time.Second}
		r := registry.New(registry.DefaultConfig())
		register(t, r, "A", "a1", "a2", "a3", "a4")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Keep(ctx, cfg) }()
		kept := func() string {
			t.Helper()
			again := registry.New(registry.DefaultConfig())
			require.NoError(t, again.Load(cfg.File))
			return names(again.Snapshot().All)
		}
		time.Sleep(time.Minute)
		require.Equal(t, "A: a1 ADDED, a2 ADDED, a3 ADDED, a4 ADDED", kept())
		require.NoError(t, r.Cancel("A", "a1"))
		require.NoError(t, r.Cancel("A", "a2"))
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, "A: a3 ADDED, a4 ADDED", kept(), "nobody comes back")
		require.NoError(t, r.Cancel("A", "a3"))
		time.Sleep(4 * time.Second)
		require.Equal(t, "A: a3 ADDED, a4 ADDED", kept(), "a busy registry is written once an interval")
		time.Sleep(2 * time.Second)
		require.Equal(t, "A: a4 ADDED", kept())
		cancel()
		require.NoError(t, <-done)
	})
}

// writer is what this test's own program does when it is started again: it changes a registry and keeps it, until killed. Every
// application has two instances, but for one that the second was not registered of when the registry was kept.
func writer(file string) {
	r := registry.New(registry.DefaultConfig())
	if err := r.Load(file); err != nil {
		fmt.Println("BROKEN:", err)
	}
	var half []string
	for _, app := range r.Snapshot().All {
		if len(app.Instances)%2 != 0 {
			half = append(half, app.Name)
		}
	}
	if len(half) > 1 {
		fmt.Println("BROKEN: half of", half)
	}
	fmt.Println("ready", r.Size())
	go func() { _ = r.Keep(context.Background(), registry.FileConfig{File: file, Interval: time.Millisecond}) }()
	for n := 0; ; n++ {
		for _, id := range []string{"a", "b"} {
			i := instance(fmt.Sprint("APP-", n%200), id)
			i.HomePageURL = fmt.Sprint("http://localhost/", strings.Repeat("x", n%500))
			i.LastDirty = time.Now().UnixMilli()
			_ = r.Register(i, false)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func TestKilledAtAnyPointTheNextStartHasAWholeRegistry(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registry.json")
	self, err := os.Executable()
	require.NoError(t, err)
	largest := 0
	for n := range 15 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "REGISTRY_FILE="+file)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := make([]byte, 200)
		length, err := out.Read(said)
		require.NoError(t, err)
		require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, 10*time.Second, time.Millisecond)
		time.Sleep(time.Duration(n*3) * time.Millisecond) // another point each time
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		require.NotContains(t, string(said[:length]), "BROKEN")
		var size int
		_, err = fmt.Sscanf(string(said[:length]), "ready %d", &size)
		require.NoError(t, err)
		largest = max(largest, size)
	}
	require.Positive(t, largest, "something was kept")
}
