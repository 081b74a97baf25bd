package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// process is an instance as its caller's operator sees it.
type process struct {
	discovery.Instance

	cmd      *exec.Cmd
	commands io.WriteCloser
	answers  *bufio.Reader
}

// estate is the instances of a service, each a process of its own.
type estate []*process

// startEstate starts an instance in each of these zones.
func startEstate(zones []string) (estate, error) {
	var e estate
	for n, zone := range zones {
		p, err := startProcess()
		if err != nil {
			e.stop()
			return nil, err
		}
		p.ID, p.Zone = fmt.Sprint("i", n), zone
		e = append(e, p)
	}
	return e, nil
}

func startProcess() (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program, "-serve")}
	p.cmd.Stderr = os.Stderr
	if p.commands, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	port, err := p.number()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("start an instance: %w", err)
	}
	p.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return p, nil
}

func (p *process) number() (int, error) {
	line, err := p.answers.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line))
}

// fault gives the instance a fault.
func (p *process) fault(name string) error {
	switch name {
	case "kill":
		p.kill()
		return nil
	case "stop":
		return stopProcess(p.cmd.Process)
	case "vanish":
		address, err := vanish()
		p.Address = cmp.Or(address, p.Address)
		return err
	}
	if _, err := fmt.Fprintln(p.commands, "fault", name); err != nil {
		return err
	}
	_, err := p.number()
	return err
}

// requests is how many the instance has got; -1 when it does not say.
func (p *process) requests() int {
	if p.cmd.ProcessState != nil {
		return -1
	}
	if _, err := fmt.Fprintln(p.commands, "count"); err != nil {
		return -1
	}
	n, err := p.number()
	if err != nil {
		return -1
	}
	return n
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

func (e estate) stop() {
	for _, p := range e {
		if p.cmd.ProcessState == nil {
			p.kill()
		}
	}
}

func (e estate) set() *discovery.Set {
	var all []discovery.Instance
	for _, p := range e {
		all = append(all, p.Instance)
	}
	return discovery.NewSet(all...)
}
