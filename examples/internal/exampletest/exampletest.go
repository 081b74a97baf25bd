// Package exampletest runs examples as users do: built, started, stopped by a signal.
package exampletest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what should come.
const Patience = 20 * time.Second

// Program is a running example.
type Program struct {
	t    testing.TB
	cmd  *exec.Cmd
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed and renewed with each line
	done chan struct{} // closed when it has ended
}

// Start builds the program in a directory and starts it in another, empty one.
func Start(t testing.TB, dir string, args ...string) *Program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "example")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	p := &Program{t: t, cmd: exec.Command(binary, args...), more: make(chan struct{}), done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	go p.read(reader)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("output of %s:\n%s", dir, p.Output())
		}
	})
	return p
}

func (p *Program) read(reader *os.File) {
	lines := bufio.NewReader(reader)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.text.WriteString(line)
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			break
		}
	}
	_ = reader.Close()
	_ = p.cmd.Wait()
	close(p.done)
}

// Output returns what the program has printed so far.
func (p *Program) Output() string { p.mu.Lock(); defer p.mu.Unlock(); return p.text.String() }

// Await waits until the output matches, and returns the last group of the match.
func (p *Program) Await(pattern string) string {
	p.t.Helper()
	re, late, ended := regexp.MustCompile(pattern), time.After(Patience), false
	for {
		p.mu.Lock()
		match, more := re.FindStringSubmatch(p.text.String()), p.more
		p.mu.Unlock()
		switch {
		case match != nil:
			return match[len(match)-1]
		case ended:
			p.t.Fatalf("the program ended before %q", pattern)
		}
		select {
		case <-more:
		case <-p.done:
			ended = true
		case <-late:
			p.t.Fatalf("the program never said %q", pattern)
		}
	}
}

// Stop sends a signal, waits for the end and returns the exit code.
func (p *Program) Stop(signal syscall.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.t.Fatal("the program did not end")
	}
	return p.cmd.ProcessState.ExitCode()
}
