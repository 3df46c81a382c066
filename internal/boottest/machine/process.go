package machine

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/digitalocean/go-qemu/qmp"
)

// startProcess starts cmd so that it ends with this process, and returns a channel that is
// closed when cmd has ended. The goroutine is locked to its thread, because Linux sends
// the death signal when the thread that forked ends. In a process group of its own, QEMU
// does not receive a Ctrl-C of the terminal; Close ends it.
func startProcess(cmd *exec.Cmd) (<-chan struct{}, error) {
	cmd.SysProcAttr = childAttributes()
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the result is in ProcessState
			close(exited)
		}
	}()
	return exited, <-started
}

// sockets are the connections to QEMU.
type sockets struct {
	console   net.Conn
	monitor   *qmp.SocketMonitor
	inherited []*os.File // QEMU's ends
}

func (s *sockets) closeInherited() {
	for _, f := range s.inherited {
		f.Close()
	}
}

func openSockets(dir string) (*sockets, error) {
	console, consoleFile, err := socketPair()
	if err != nil {
		return nil, err
	}
	monitor, monitorFile, err := listenAndDial(filepath.Join(dir, "qmp"))
	if err != nil {
		console.Close()
		consoleFile.Close()
		return nil, err
	}
	return &sockets{console: console, monitor: monitor, inherited: []*os.File{consoleFile, monitorFile}}, nil
}

// socketPair returns a connection and the file of its other end.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock() // no child may inherit the sockets before they are closed on exec
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("console socket: %w", err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console")
	conn, err := net.FileConn(near)
	near.Close()
	if err != nil {
		far.Close()
	}
	return conn, far, err
}

// listenAndDial creates a listening socket for QEMU to inherit and connects to it, which
// succeeds before QEMU accepts. If QEMU ends first, the connection is at its end of file.
func listenAndDial(path string) (*qmp.SocketMonitor, *os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("QMP socket: %w; set TMPDIR to a path shorter than 80 characters", err)
	}
	defer l.Close()
	file, err := l.File()
	if err != nil {
		return nil, nil, err
	}
	monitor, err := qmp.NewSocketMonitor("unix", path, setupTimeout)
	if err != nil {
		file.Close()
	}
	return monitor, file, err
}

// tail is a writer that keeps the last tailBytes bytes.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4 << 10

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p[max(0, len(p)-tailBytes):]...)
	t.buf = t.buf[max(0, len(t.buf)-tailBytes):]
	return len(p), nil
}

// lastLines returns the last two lines, joined: mostly an error and its consequence.
func (t *tail) lastLines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.ToValidUTF8(string(bytes.TrimSpace(t.buf)), "\uFFFD"), "\n")
	return strings.Join(lines[max(0, len(lines)-2):], "; ")
}
