package containerd

import (
	"cmp"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Times of the daemon.
const (
	firstPause = 200 * time.Millisecond // before the first restart; doubled with each restart …
	lastPause  = 10 * time.Second       // … up to this
	steady     = 10 * time.Second       // a run of this length resets the pause
	termWait   = 3 * time.Second
	killWait   = time.Second
)

// Daemon keeps containerd running. When it exits the shims keep their tasks, and the next
// containerd finds them.
type Daemon struct {
	Instance Instance
	Reaper   *process.Reaper
	Environ  []string
	Null     *os.File
	Warn     func(msg string)

	settings settings
	stop     chan struct{}
	done     chan struct{}
}

// Start starts containerd as configured by its runtime-config.toml, and restarts it until Stop.
func (d *Daemon) Start() {
	s, problems := readSettings(d.Instance.Settings)
	for _, p := range problems {
		d.Warn(d.Instance.Settings + ": " + p)
	}
	d.settings, d.stop, d.done = s, make(chan struct{}), make(chan struct{})
	guard.Go("containerd", func() {
		defer close(d.done)
		d.supervise()
	})
}

func (d *Daemon) supervise() {
	for pause := time.Duration(0); ; {
		began := time.Now()
		outcome := d.runOnce()
		if time.Since(began) >= steady {
			pause = 0
		}
		pause = min(cmp.Or(2*pause, firstPause), lastPause)
		select {
		case <-d.stop:
			return
		default:
		}
		d.Warn("containerd: " + outcome + "; restarting in " + pause.String() + ", its tasks keep running")
		select {
		case <-d.stop:
			return
		case <-time.After(pause):
		}
	}
}

// runOnce runs containerd until it exits or Stop is called, and returns how it ended.
func (d *Daemon) runOnce() string {
	if err := file.Remove(d.Instance.Socket); err != nil {
		d.Warn(err.Error()) // containerd may be able to replace it
	}
	stdout, closeOut := d.output(d.settings.Stdout, os.Stdout)
	defer closeOut()
	stderr, closeErr := d.output(d.settings.Stderr, os.Stderr)
	defer closeErr()
	args := append([]string{d.Instance.Daemon}, d.settings.Options...)
	child, err := d.Reaper.Start(process.Program{
		Args: args, Env: d.Environ, Stdin: d.Null, Stdout: stdout, Stderr: stderr, RelaxedSlack: true,
	})
	if err != nil {
		return err.Error()
	}
	select {
	case <-child.Done():
	case <-d.stop:
		d.terminate(child)
	}
	return "ended with " + process.OutcomeOf(child.Status()).String()
}

// output opens the destination of one of containerd's streams: the console if it cannot be opened.
func (d *Daemon) output(to string, console *os.File) (*os.File, func()) {
	switch {
	case to == toStdout:
		console = os.Stdout
	case to == toStderr:
		console = os.Stderr
	case strings.HasPrefix(to, "/"):
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err == nil {
			return f, func() { _ = f.Close() } // containerd has its own copy
		}
		d.Warn(d.Instance.Settings + ": " + err.Error() + "; using the console")
	}
	return console, func() {}
}

func (d *Daemon) terminate(child *process.Child) {
	_ = child.Signal(unix.SIGTERM, false) // fails only if it has exited
	if !child.WaitFor(termWait) {
		_ = child.Signal(unix.SIGKILL, false)
		child.WaitFor(killWait) // a process that hangs in the kernel is abandoned
	}
}

// Stop stops containerd. On a nil Daemon it does nothing.
func (d *Daemon) Stop() {
	if d == nil {
		return
	}
	close(d.stop)
	select {
	case <-d.done:
	case <-time.After(termWait + 2*killWait): // a start from a disk that hangs may block
	}
}
