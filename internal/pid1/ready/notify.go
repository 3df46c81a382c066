package ready

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxNotice is the longest message that is read, in bytes. systemd reads as much.
const maxNotice = 4096

// How often the same service is listened to: readiness that comes and goes makes
// records, and so do words in the debug log.
const (
	changePause = time.Second
	statusPause = 100 * time.Millisecond
)

// listen makes the socket of sd_notify(3). Whoever reaches it speaks for the
// service: nobody else can, since every run of a service has a socket of its own.
func listen(path string) (*Proof, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = f.Close() // nothing was written to it
		return nil, &os.PathError{Op: "bind", Path: path, Err: err}
	}
	if err := os.Chmod(path, 0o666); err != nil { // the service may run as anybody
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	return &Proof{Socket: path, own: f, follow: func(ctx context.Context, _ int, tell func(News)) { hear(ctx, f, tell) }}, nil
}

// listener is what is known of a service that notifies.
type listener struct {
	tell   func(News)
	ready  bool
	status string
	said   time.Time // when the status was last told
}

// hear reads messages until the socket is closed. Descriptors that come with a
// message are closed by the kernel, since nobody asks for them.
func hear(ctx context.Context, f io.Reader, tell func(News)) {
	l := listener{tell: tell}
	tell(News{Missed, "it has not sent READY=1"})
	for buf := make([]byte, maxNotice+1); ; {
		n, err := f.Read(buf)
		if ctx.Err() != nil || err != nil && !errors.Is(err, io.EOF) { // an empty message looks like an end
			return
		}
		if n > maxNotice || !l.heard(parseNotice(string(buf[:n]))) {
			continue
		}
		select {
		case <-time.After(changePause):
		case <-ctx.Done():
			return
		}
	}
}

// heard takes a notice and reports whether it changed the service's readiness.
func (l *listener) heard(n notice) bool {
	if n.status != "" && n.status != l.status && time.Since(l.said) >= statusPause {
		l.status, l.said = n.status, time.Now()
		l.tell(News{Status, n.status})
	}
	switch {
	case n.ready && !l.ready:
		l.tell(News{Kind: Proven})
	case n.why != "" && l.ready:
		l.tell(News{Missed, n.why})
	default:
		return false
	}
	l.ready = n.ready
	return true
}

// notice is what one message says.
type notice struct {
	ready  bool
	why    string // it is not ready any more
	status string
}

// parseNotice reads the assignments of a message, one a line (sd_notify(3)). Those
// that PID 1 has no use for are left out.
func parseNotice(text string) notice {
	var n notice
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		status, isStatus := strings.CutPrefix(line, "STATUS=")
		switch {
		case isStatus:
			n.status = clean(status)
		case line == "READY=1":
			n.ready, n.why = true, ""
		case line == "RELOADING=1":
			n.ready, n.why = false, "it reloads"
		case line == "STOPPING=1":
			n.ready, n.why = false, "it stops"
		}
	}
	return n
}
