// Package machine is one virtual machine: a QEMU that boots what it is given,
// gives every byte of the serial console to a writer, and never outlives us.
//
// QEMU gets its two sockets as open file descriptors: the serial console as one
// end of a socket pair, QMP as a socket that we dialled before QEMU existed. So
// there is nothing to poll for, no byte of the console can be lost, and when QEMU
// dies we read the end of the file. The machine is made stopped (-S) and powered on
// when both are connected.
//
// The kernel kills QEMU when we die (PR_SET_PDEATHSIG), however we die.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// ErrMachine is wrapped by every error that means: there is no machine to test on.
var ErrMachine = errors.New("no virtual machine")

// setupTime bounds everything between starting QEMU and powering the machine on.
const setupTime = 30 * time.Second

// Options say what machine to build.
type Options struct {
	Arch    string // as in Go: amd64, arm64
	Accel   Accel  // KVM or TCG
	Kernel  string // path of the kernel, booted directly
	Initrd  string // path; "" for none
	Cmdline string // of the kernel
	Memory  int    // MiB
	CPUs    int
	Disks   []int64   // bytes; empty disks, gone with the machine
	Ports   []int     // TCP ports of the guest that Addr can reach
	Console io.Writer // gets each byte of the serial console as it comes; must not block for long
}

// Machine is a running virtual machine.
type Machine struct {
	Accel     Accel
	PoweredOn time.Time

	dir     string
	cmd     *exec.Cmd
	stderr  tail
	console net.Conn
	monitor *qmp.SocketMonitor
	addrs   map[int]string
	events  chan Event
	spoke   chan struct{} // closed by the first byte on the console
	done    chan struct{}
	close   sync.Once
	stop    func() bool
}

// Start builds a machine and powers it on. It is killed when ctx ends. Errors wrap
// ErrMachine and hold what QEMU said.
func Start(ctx context.Context, o Options) (*Machine, error) {
	m, err := begin(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMachine, err)
	}
	return m, nil
}

func begin(ctx context.Context, o Options) (*Machine, error) {
	path, err := find(o.Arch)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "boottest-")
	if err != nil {
		return nil, err
	}
	m := &Machine{Accel: o.Accel, dir: dir, events: make(chan Event, 64), spoke: make(chan struct{}), done: make(chan struct{})}
	if err := m.launch(path, o); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	m.stop = context.AfterFunc(ctx, m.kill)
	if err := m.powerOn(ctx, o.Ports); err != nil {
		m.Close()
		return nil, m.excuse(err)
	}
	return m, nil
}

// launch starts QEMU with a stopped machine, and the goroutines that serve it.
func (m *Machine) launch(path string, o Options) error {
	disks, err := makeDisks(m.dir, o.Disks)
	if err != nil {
		return err
	}
	s, err := openSockets(m.dir)
	if err != nil {
		return err
	}
	defer s.closeTheirs()
	m.console, m.monitor = s.console, s.monitor
	m.cmd = exec.Command(path, args(o, present(boards[o.Arch].firmware), disks)...)
	m.cmd.Stderr = &m.stderr
	m.cmd.ExtraFiles = s.theirs // from descriptor 3 on, as args says
	exited, err := start(m.cmd)
	if err != nil {
		s.console.Close()
		s.monitor.Disconnect()
		return err
	}
	drained := make(chan struct{})
	go m.drain(o.Console, drained)
	go func() {
		<-exited
		<-drained
		close(m.done)
	}()
	return nil
}

// drain reads the console until QEMU is gone: a console that nobody reads stops the guest.
func (m *Machine) drain(w io.Writer, drained chan<- struct{}) {
	defer close(drained)
	buf := make([]byte, 16<<10)
	for first := true; ; first = false {
		n, err := m.console.Read(buf)
		if n > 0 {
			_, _ = w.Write(buf[:n])
			if first {
				close(m.spoke)
			}
		}
		if err != nil {
			return
		}
	}
}

// Done is closed when QEMU has ended and the last byte of its console is written.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Exit tells in one line how QEMU ended. It may be called after Done.
func (m *Machine) Exit() string {
	return fmt.Sprintf("QEMU ended with %s%s", m.cmd.ProcessState, m.said())
}

// said is what QEMU wrote last to its standard error, if anything.
func (m *Machine) said() string {
	if text := m.stderr.lastLines(); text != "" {
		return ": " + text
	}
	return ""
}

// excuse returns why a machine could not be powered on: QEMU knows better than we.
func (m *Machine) excuse(err error) error {
	if text := m.stderr.lastLines(); text != "" {
		return errors.New(text)
	}
	return err
}

// Send types text on the serial console.
func (m *Machine) Send(text string) error {
	_ = m.console.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, err := io.WriteString(m.console, text)
	return err
}

// Addr returns the address on this host that leads to a port of the guest, and ""
// for one that Options.Ports does not name.
func (m *Machine) Addr(port int) string { return m.addrs[port] }

func (m *Machine) kill() { _ = m.cmd.Process.Kill() }

// Close kills the machine, waits for its end and removes its files. It may be called
// more than once.
func (m *Machine) Close() {
	m.close.Do(func() {
		m.stop()
		m.kill()
		<-m.done
		_ = m.monitor.Disconnect()
		_ = m.console.Close()
		os.RemoveAll(m.dir)
	})
}
