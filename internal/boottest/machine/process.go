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

// start starts cmd so that it dies with us, and returns a channel that is closed at
// its end. The goroutine keeps its thread, because Linux sends the death signal when
// the thread that forked ends. A group of its own keeps a Ctrl-C at the terminal
// from QEMU: we end it.
func start(cmd *exec.Cmd) (<-chan struct{}, error) {
	cmd.SysProcAttr = childAttributes()
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ProcessState tells the rest
			close(exited)
		}
	}()
	return exited, <-started
}

// sockets are the two lines to QEMU, each with our end and theirs.
type sockets struct {
	console net.Conn
	monitor *qmp.SocketMonitor
	theirs  []*os.File
}

func (s *sockets) closeTheirs() {
	for _, f := range s.theirs {
		f.Close()
	}
}

func openSockets(dir string) (*sockets, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	listener, monitor, err := dialAhead(filepath.Join(dir, "qmp"))
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, err
	}
	return &sockets{console: ours, monitor: monitor, theirs: []*os.File{theirs, listener}}, nil
}

// pair returns a connection and the file of its other end.
func pair() (net.Conn, *os.File, error) {
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
	ours, theirs := os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console")
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		theirs.Close()
	}
	return conn, theirs, err
}

// dialAhead makes a listening socket for QEMU to inherit and connects to it, which
// succeeds before anybody accepts. If QEMU dies first, we read the end of the file.
func dialAhead(path string) (*os.File, *qmp.SocketMonitor, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("QMP socket: %w; is TMPDIR longer than 80 characters?", err)
	}
	defer l.Close()
	file, err := l.File()
	if err != nil {
		return nil, nil, err
	}
	monitor, err := qmp.NewSocketMonitor("unix", path, setupTime)
	if err != nil {
		file.Close()
	}
	return file, monitor, err
}

// tail keeps the last bytes written to it.
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

// lastLines returns the last two lines, which are mostly an error and what it led to,
// as one.
func (t *tail) lastLines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.ToValidUTF8(string(bytes.TrimSpace(t.buf)), "\uFFFD"), "\n")
	return strings.Join(lines[max(0, len(lines)-2):], "; ")
}
