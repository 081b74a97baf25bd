package config

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long Watch waits: for more changes, at most, and before it believes that a file is broken or empty.
const (
	quiet   = 100 * time.Millisecond
	patient = time.Second
)

// Watch reloads (see [Config.Reload]) when a file that counts changes, appears or goes, until ctx ends; it blocks. Files are
// found again after they were replaced by a rename or through the ..data link of Kubernetes. report is called after each
// reload that changed something, and once for each fault: until a file is whole again the old values stay. The error is one of
// the operating system, when files cannot be watched.
func (c *Config) Watch(ctx context.Context, report func(changed []string, err error)) error {
	if c.origin == nil {
		return nil
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("config: watch files: %w", err)
	}
	defer notify.Close()
	w := &watcher{c: c, notify: notify, report: report}
	w.observe()
	return w.run(ctx)
}

type watcher struct {
	c      *Config
	notify *fsnotify.Watcher
	report func([]string, error)

	looked   map[string]stamp
	folders  map[string]bool // that everything in counts
	parents  map[string]bool // of files that count, which may not exist yet
	targets  map[string]bool // that links lead to
	reported string          // the last fault
}

func (w *watcher) run(ctx context.Context) error {
	wait := time.NewTimer(patient)
	defer wait.Stop()
	if !w.stale() {
		wait.Stop()
	}
	var first time.Time // change that has not been read; zero when there is none
	doubted := false    // whether the files were unfit when last looked at
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.notify.Events:
			if !open {
				return nil
			}
			if !w.counts(event) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			doubted = false
			wait.Reset(min(quiet, max(0, patient-time.Since(first))))
		case _, open := <-w.notify.Errors: // events were lost
			if !open {
				return nil
			}
			wait.Reset(quiet)
		case <-wait.C:
			first = time.Time{}
			if w.emptied() && !doubted || !w.reload(ctx, doubted) {
				doubted = true
				wait.Reset(patient)
			}
		}
	}
}

// reload reads everything; false asks to be called again before the fault is believed.
func (w *watcher) reload(ctx context.Context, believe bool) bool {
	changed, err := w.c.Reload(ctx)
	if ctx.Err() != nil {
		return true
	}
	if err != nil && !believe {
		return false
	}
	w.observe()
	switch {
	case err == nil:
		w.reported = ""
		if len(changed) > 0 {
			w.report(changed, nil)
		}
	case err.Error() != w.reported:
		w.reported = err.Error()
		w.report(nil, err)
	}
	return true
}

// observe watches the folders of everything that was looked for. Folders and not files, since a file that is replaced is
// another one.
func (w *watcher) observe() {
	w.c.origin.mu.Lock()
	w.looked = w.c.origin.looked
	w.c.origin.mu.Unlock()
	w.folders, w.parents, w.targets = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for path := range w.looked {
		if folder, all := strings.CutSuffix(path, string(filepath.Separator)); all {
			w.observeTree(filepath.Clean(folder))
			continue
		}
		path = filepath.Clean(path)
		w.add(filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
			w.targets[target] = true
			w.add(filepath.Dir(target))
		}
	}
}

// add watches a folder, or, while it does not exist, the nearest one that does.
func (w *watcher) add(folder string) {
	for w.notify.Add(folder) != nil {
		w.parents[folder] = true
		above := filepath.Dir(folder)
		if above == folder {
			return
		}
		folder = above
	}
}

func (w *watcher) observeTree(root string) {
	w.folders[root] = true
	w.add(root)
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == root {
			return nil //nolint:nilerr // what cannot be read is reported by the load
		}
		if strings.HasPrefix(d.Name(), "..") {
			return fs.SkipDir
		}
		w.folders[path] = true
		w.add(path)
		return nil
	})
}

// counts reports whether an event may have changed what was read.
func (w *watcher) counts(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return w.isLooked(event.Name) // it may be readable now
	}
	name := filepath.Clean(event.Name)
	return w.isLooked(name) || w.targets[name] || w.parents[name] || w.folders[name] || w.folders[filepath.Dir(name)] ||
		strings.HasPrefix(filepath.Base(name), "..")
}

func (w *watcher) isLooked(name string) bool {
	name = filepath.Clean(name)
	for path := range w.looked {
		if filepath.Clean(path) == name {
			return true
		}
	}
	return false
}

// stale reports whether a file has changed since it was read.
func (w *watcher) stale() bool {
	for path, before := range w.looked {
		if now := stampOf(path); now.size != before.size || !now.modified.Equal(before.modified) {
			return true
		}
	}
	return false
}

// emptied reports whether a file that had a content has none: it may just be being written.
func (w *watcher) emptied() bool {
	for path, before := range w.looked {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 && before.size > 0 {
			return true
		}
	}
	return false
}
