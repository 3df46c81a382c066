package ready

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// maxNotification is the longest message that is read, in bytes; the same limit as systemd's.
const maxNotification = 4096

// Minimum pauses between two events of one service: each change of readiness writes records, each
// status a debug line.
const (
	changePause = time.Second
	statusPause = 100 * time.Millisecond
)

// notifyProbe makes the socket of sd_notify(3). Every run of a service has its own socket, so any
// process that reaches it belongs to the service.
func notifyProbe(path string) (*Probe, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := file.Remove(path); err != nil {
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
	if err := os.Chmod(path, 0o666); err != nil { // the service may run as any user
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	follow := func(ctx context.Context, _ int, report func(Event)) { readNotifications(ctx, f, report) }
	return &Probe{Socket: path, own: f, follow: follow}, nil
}

// notifyReader tracks the readiness and status of a service that sends notifications.
type notifyReader struct {
	report   func(Event)
	ready    bool
	status   string
	statusAt time.Time // when status was last reported
}

// readNotifications reads messages until the socket is closed. The kernel closes descriptors that
// come with a message, since the read does not ask for them.
func readNotifications(ctx context.Context, f io.Reader, report func(Event)) {
	l := notifyReader{report: report}
	report(Event{NotReady, "no READY=1 received"})
	for buf := make([]byte, maxNotification+1); ; {
		n, err := f.Read(buf)
		if ctx.Err() != nil || err != nil && !errors.Is(err, io.EOF) { // an empty message reads as EOF
			return
		}
		if n > maxNotification || !l.handle(parseNotification(string(buf[:n]))) {
			continue
		}
		select {
		case <-time.After(changePause):
		case <-ctx.Done():
			return
		}
	}
}

// handle processes a notification and reports whether the readiness changed.
func (l *notifyReader) handle(n notification) bool {
	if n.status != "" && n.status != l.status && time.Since(l.statusAt) >= statusPause {
		l.status, l.statusAt = n.status, time.Now()
		l.report(Event{Status, n.status})
	}
	switch {
	case n.ready && !l.ready:
		l.report(Event{Kind: Ready})
	case n.why != "" && l.ready:
		l.report(Event{NotReady, n.why})
	default:
		return false
	}
	l.ready = n.ready
	return true
}

// notification is the content of one message.
type notification struct {
	ready  bool
	why    string // why the service is not ready any more
	status string
}

// parseNotification parses the assignments of a message, one a line (sd_notify(3)). Assignments
// that PID 1 does not use are skipped.
func parseNotification(text string) notification {
	var n notification
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		status, isStatus := strings.CutPrefix(line, "STATUS=")
		switch {
		case isStatus:
			n.status = printable(status)
		case line == "READY=1":
			n.ready, n.why = true, ""
		case line == "RELOADING=1":
			n.ready, n.why = false, "reloading"
		case line == "STOPPING=1":
			n.ready, n.why = false, "stopping"
		}
	}
	return n
}

// fdProbe makes the pipe of s6's notification-fd: a newline on it means that the service is ready,
// anything before the newline is ignored (skarnet.org/software/s6/notifywhenup.html).
func fdProbe() (*Probe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	follow := func(_ context.Context, _ int, report func(Event)) { readNewline(r, report) }
	return &Probe{file: w, own: r, follow: follow}, nil
}

// readNewline reads until the pipe is closed. It continues after the newline, because SIGPIPE must
// not kill a service that writes more.
func readNewline(r *os.File, report func(Event)) {
	report(Event{NotReady, "no newline on descriptor 3"})
	ready := false
	for buf := make([]byte, 512); ; {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		if !ready && bytes.Contains(buf[:n], []byte("\n")) {
			ready = true
			report(Event{Kind: Ready})
		}
	}
}
