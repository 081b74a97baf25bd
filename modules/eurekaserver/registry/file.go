package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// FileConfig is what "eureka.server.snapshot" in application.yml can say: whether a restart has the last registry at once. Ours.
type FileConfig struct {
	File     string        `config:"file"`     // where the registry is kept over a restart; default none
	Interval time.Duration `config:"interval"` // between writes, when something changed; default 5s
}

// DefaultFileConfig returns the settings in force when application.yml is silent.
func DefaultFileConfig() FileConfig { return FileConfig{Interval: 5 * time.Second} }

// Validate reports everything that cannot work.
func (c FileConfig) Validate() error {
	if c.Interval <= 0 {
		return config.FieldError{Key: "interval", Problem: "must be positive"}
	}
	if c.File != "" {
		if info, err := os.Stat(filepath.Dir(c.File)); err != nil || !info.IsDir() {
			return config.FieldError{Key: "file", Problem: fmt.Sprintf("the directory of %s is not there; make it, or name another", c.File)}
		}
		if info, err := os.Stat(c.File); err == nil && info.IsDir() {
			return config.FieldError{Key: "file", Problem: fmt.Sprintf("%s is a directory; name a file in it", c.File)}
		}
	}
	return nil
}

// Save writes the registry for [Registry.Restore]: a JSON document of Eureka's for each application, each on a line.
func (r *Registry) Save(w io.Writer) error { return r.Snapshot().save(w) }

func (s *Snapshot) save(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for _, app := range s.All {
		line = append(wire.JSON.AppendApplication(line[:0], app), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Restore lists what [Registry.Save] wrote. Each instance gets a whole lease from now on to be renewed in, and is marked until
// it is; see [Lease]. What is listed already stays. A line that cannot be read leaves its application out; the error names the
// lines.
func (r *Registry) Restore(from io.Reader) error {
	lines := bufio.NewReader(from)
	var faults []error
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			app, fault := wire.DecodeApplication(line)
			if fault != nil {
				faults = append(faults, fmt.Errorf("line %d: %w", n, fault))
			} else {
				r.restore(app)
			}
		}
		if errors.Is(err, io.EOF) {
			return errors.Join(faults...)
		}
		if err != nil {
			return errors.Join(append(faults, err)...)
		}
	}
}

func (r *Registry) restore(saved *wire.Application) {
	r.mu.Lock()
	defer r.unlock()
	now := r.now()
	for _, one := range saved.Instances {
		i, times := new(wire.Instance), one.Lease
		*i = *one // out of the memory that the document's instances share
		prepare(i, now)
		i.Lease.Registration, i.Lease.LastRenewal, i.Lease.ServiceUp = times.Registration, times.LastRenewal, times.ServiceUp
		app, before := r.find(i.App, i.ID())
		if before != nil || !r.fits(app, nil, i) {
			continue
		}
		i.Compact()
		if app == nil {
			app = r.open(i.App)
		}
		if i.OverriddenStatus != discovery.Unknown {
			r.overrides[i.ID()] = i.OverriddenStatus
		}
		l := &lease{renewed: now, restored: true}
		app.leases = append(app.leases, l)
		app.byID[i.ID()] = l
		if len(app.leases) == 1 {
			r.listed++
		}
		r.restored++
		r.renewals.count(now, perMinute(i))
		r.put(app, l, i)
	}
}

// Load restores the registry from a file of [Registry.Keep]. That there is none is no error.
func (r *Registry) Load(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := r.Restore(file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// collected is how long Keep waits for what changes together with the first change after a quiet time.
const collected = 100 * time.Millisecond

// Keep writes the registry to a file whenever it changed, at most once an interval, and when ctx ends. What changes after a quiet time,
// as one instance that is cancelled, is written at once, lest it comes back when the program is killed. Whenever that happens, the
// file is whole: the one before, or the new one.
func (r *Registry) Keep(ctx context.Context, cfg FileConfig) error {
	ticker := time.NewTicker(cfg.Interval)
	defer ticker.Stop()
	var kept *Snapshot
	failing := false
	news := r.News() // nil unless it was quiet
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-ticker.C:
		case <-news:
			select {
			case <-ctx.Done():
			case <-time.After(min(collected, cfg.Interval)):
			}
			ticker.Reset(cfg.Interval)
		}
		next := r.News() // before the snapshot, or what happens between the two would have to wait
		now := r.Snapshot()
		if news = nil; now == kept {
			news = next
			continue
		}
		err := replace(cfg.File, now.save)
		switch {
		case err == nil:
			kept = now
			if failing {
				r.log.InfoContext(ctx, "the registry is kept on disk again", "file", cfg.File)
			}
		case !failing:
			r.log.WarnContext(ctx, "the registry cannot be kept on disk; a restart would begin with an older one", "file", cfg.File, "error", err)
		}
		failing = err != nil
	}
	return nil
}

// replace writes a file beside the old one, and puts it in its place once it is whole and on the disk.
func replace(path string, write func(io.Writer) error) error {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
