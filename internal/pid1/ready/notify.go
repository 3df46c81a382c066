package ready

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxNotification is the longest message that is read, in bytes; the same limit as systemd's.
const maxNotification = 4096

// Bounds of what one service can make PID 1 do. Messages are read at once, so that sd_notify(3) never
// blocks the service, but of several changes only the last one is reported: each writes records.
const (
	changePause = time.Second            // between two changes of readiness
	eventPause  = 100 * time.Millisecond // between two other events
	burst       = 256                    // messages that are read within eventPause
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

// notifications is what a service has sent and is not reported yet.
type notifications struct {
	mu      sync.Mutex
	latest  notification  // the latest of each assignment
	changed chan struct{} // has an element while latest has something new
	over    chan struct{} // closed at the end of the socket
}

// readNotifications reads messages until the socket is closed, and reports what changes.
func readNotifications(ctx context.Context, f io.Reader, report func(Event)) {
	n := &notifications{changed: make(chan struct{}, 1), over: make(chan struct{})}
	report(Event{Kind: NotReady, Text: "no READY=1 received"})
	guard.Go("notifications", func() {
		defer close(n.over)
		n.read(ctx, f)
	})
	r := notifyReporter{report: report}
	var later <-chan time.Time
	for {
		select {
		case <-n.changed:
		case <-later:
		case <-n.over:
			return
		case <-ctx.Done():
			return
		}
		later = nil
		if wait := r.update(n.take()); wait > 0 {
			later = time.After(wait)
		}
	}
}

// read reads messages until the socket is closed. The kernel closes descriptors that come with a
// message, since the read does not ask for them.
func (n *notifications) read(ctx context.Context, f io.Reader) {
	began, count := time.Now(), 0
	for buf := make([]byte, maxNotification+1); ; {
		size, err := f.Read(buf)
		if ctx.Err() != nil || err != nil && !errors.Is(err, io.EOF) { // an empty message reads as EOF
			return
		}
		if size <= maxNotification {
			n.add(parseNotification(string(buf[:size])))
		}
		if count++; count < burst {
			continue
		}
		time.Sleep(eventPause - time.Since(began)) // a flood costs little of a processor
		began, count = time.Now(), 0
	}
}

func (n *notifications) add(m notification) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m.state != "" {
		n.latest.state = m.state
	}
	n.latest.status = cmp.Or(m.status, n.latest.status)
	n.latest.extend = max(m.extend, n.latest.extend)
	n.latest.alive = n.latest.alive || m.alive
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// take returns what is new.
func (n *notifications) take() notification {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.latest
	n.latest = notification{}
	return m
}

// notifyReporter reports changes, not too often.
type notifyReporter struct {
	report   func(Event)
	pending  notification
	state    string // reported last
	stateAt  time.Time
	status   string // reported last
	eventsAt time.Time
}

// update reports what is due, and returns when to call it again, or 0 if nothing is pending.
func (r *notifyReporter) update(m notification) time.Duration {
	p := &r.pending
	p.state, p.status = cmp.Or(m.state, p.state), cmp.Or(m.status, p.status)
	p.extend, p.alive = max(m.extend, p.extend), m.alive || p.alive
	wait := time.Until(r.eventsAt.Add(eventPause))
	if wait <= 0 {
		r.reportEvents()
		wait = 0
	}
	if p.state == "" || p.state == r.state {
		p.state = ""
		return wait
	}
	if left := time.Until(r.stateAt.Add(changePause)); left > 0 {
		return max(left, wait)
	}
	r.state, r.stateAt = p.state, time.Now()
	p.state = ""
	if r.state == stateReady {
		r.report(Event{Kind: Ready})
	} else {
		r.report(Event{Kind: NotReady, Text: r.state})
	}
	return wait
}

func (r *notifyReporter) reportEvents() {
	p := &r.pending
	if p.extend > 0 {
		r.report(Event{Kind: Extend, Time: p.extend})
	}
	if p.alive {
		r.report(Event{Kind: Alive})
	}
	if p.status != "" && p.status != r.status {
		r.status = p.status
		r.report(Event{Kind: Status, Text: p.status})
	}
	if p.extend > 0 || p.alive || p.status != "" {
		r.eventsAt = time.Now()
	}
	p.extend, p.alive, p.status = 0, false, ""
}

// stateReady is the state of a service that has sent READY=1.
const stateReady = "ready"

// notification is the content of one message.
type notification struct {
	state  string // stateReady, why the service is not ready any more, or ""
	status string
	extend time.Duration // of the timeout in progress, from now
	alive  bool          // for the watchdog of the service
}

// maxExtension limits EXTEND_TIMEOUT_USEC.
const maxExtension = 24 * time.Hour

// parseNotification parses the assignments of a message, one a line (sd_notify(3)). Assignments
// that PID 1 does not use are skipped.
func parseNotification(text string) notification {
	var n notification
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(line, "=")
		switch {
		case key == "STATUS":
			n.status = printable(value)
		case line == "READY=1":
			n.state = stateReady
		case line == "RELOADING=1":
			n.state = "reloading"
		case line == "STOPPING=1":
			n.state = "stopping"
		case line == "WATCHDOG=1":
			n.alive = true
		case key == "EXTEND_TIMEOUT_USEC":
			if usec, err := strconv.ParseUint(value, 10, 63); err == nil {
				n.extend = time.Duration(min(usec, uint64(maxExtension/time.Microsecond))) * time.Microsecond
			}
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
	report(Event{Kind: NotReady, Text: "no newline on descriptor 3"})
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
