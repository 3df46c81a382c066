// Package machine runs a virtual machine under QEMU: it boots a kernel, writes every byte
// of the serial console to an io.Writer, and ends QEMU with this process.
//
// QEMU inherits its two sockets as open file descriptors: the serial console as one end
// of a socket pair, QMP as a listening socket that is already dialed. So nothing is
// polled, no byte of the console is lost, and the end of QEMU is an end of file. The
// machine is created stopped (-S) and powered on once both are connected.
//
// The kernel kills QEMU when this process ends for any reason (PR_SET_PDEATHSIG).
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// ErrMachine is wrapped by every error of Start and Boot: no machine could be started.
var ErrMachine = errors.New("no virtual machine")

// setupTimeout limits the time from the start of QEMU to power-on.
const setupTimeout = 30 * time.Second

// Options describe the machine.
type Options struct {
	Arch    string // as in Go: amd64, arm64
	Accel   Accel  // KVM or TCG
	Kernel  string // path; booted without a boot loader
	Initrd  string // path; "": none
	Cmdline string // kernel command line
	Memory  int    // MiB
	CPUs    int
	Disks   []int64  // sizes in bytes of empty disks, which Close removes
	Images  []string // paths of raw images of further disks, which the guest may write
	Ports   []int    // TCP ports of the guest to forward; see Addr

	OpenNetwork bool      // the guest may reach the host's network and its loopback
	Console     io.Writer // receives the serial console; the guest stops while Write blocks
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
	done    chan struct{}
	close   sync.Once
	stop    func() bool // ends the watch on the context

	firstOutput chan struct{} // closed by the first byte on the console
}

// Start creates a machine and powers it on. The end of ctx kills it. Errors wrap
// ErrMachine and contain QEMU's message.
func Start(ctx context.Context, o Options) (*Machine, error) {
	m, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMachine, err)
	}
	return m, nil
}

// start starts QEMU in its sandbox, or without where it was built without seccomp.
func start(ctx context.Context, o Options) (*Machine, error) {
	m, err := startProgram(ctx, o, true)
	if err != nil && strings.Contains(err.Error(), noSandbox) {
		return startProgram(ctx, o, false)
	}
	return m, err
}

func startProgram(ctx context.Context, o Options, sandbox bool) (*Machine, error) {
	path, err := findQEMU(o.Arch)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "boottest-")
	if err != nil {
		return nil, err
	}
	m := &Machine{
		Accel: o.Accel, dir: dir,
		events: make(chan Event, 64), done: make(chan struct{}), firstOutput: make(chan struct{}),
	}
	if err := m.launch(path, o, sandbox); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	m.stop = context.AfterFunc(ctx, m.kill)
	if err := m.powerOn(ctx, o.Ports); err != nil {
		m.Close()
		return nil, m.startError(err)
	}
	return m, nil
}

// launch starts QEMU with a stopped machine, and the goroutines that read from it.
func (m *Machine) launch(path string, o Options, sandbox bool) error {
	disks, err := createDisks(m.dir, o.Disks)
	if err != nil {
		return err
	}
	s, err := openSockets(m.dir)
	if err != nil {
		return err
	}
	defer s.closeInherited()
	m.console, m.monitor = s.console, s.monitor
	m.cmd = exec.Command(path, args(o, firstExisting(boards[o.Arch].firmware), append(disks, o.Images...), sandbox)...)
	m.cmd.Env = environment()
	m.cmd.Stderr = &m.stderr
	m.cmd.ExtraFiles = s.inherited // as consoleFD and monitorFD
	exited, err := startProcess(m.cmd)
	if err != nil {
		s.console.Close()
		_ = s.monitor.Disconnect()
		return err
	}
	limitProcess(m.cmd.Process.Pid, o)
	drained := make(chan struct{})
	go m.drain(o.Console, drained)
	go func() {
		<-exited
		<-drained
		close(m.done)
	}()
	return nil
}

// drain copies the console to w until QEMU ends. A full console socket stops the guest.
func (m *Machine) drain(w io.Writer, drained chan<- struct{}) {
	defer close(drained)
	buf := make([]byte, 16<<10)
	for first := true; ; first = false {
		n, err := m.console.Read(buf)
		if n > 0 {
			_, _ = w.Write(buf[:n])
			if first {
				close(m.firstOutput)
			}
		}
		if err != nil {
			return
		}
	}
}

// Done is closed when QEMU has ended and the last byte of its console has been written.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Exit returns in one line how QEMU ended. It must not be called before Done is closed.
func (m *Machine) Exit() string {
	text := fmt.Sprintf("QEMU ended with %s", m.cmd.ProcessState)
	if stderr := m.stderr.lastLines(); stderr != "" {
		text += ": " + stderr
	}
	return text
}

// startError returns QEMU's message, which is more specific than err, or else err.
func (m *Machine) startError(err error) error {
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

// Addr returns the address on this host that is forwarded to a port of the guest, or ""
// if Options.Ports does not list the port.
func (m *Machine) Addr(port int) string { return m.addrs[port] }

func (m *Machine) kill() { _ = m.cmd.Process.Kill() }

// Close kills QEMU, waits for its end and removes its files. Later calls do nothing.
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
