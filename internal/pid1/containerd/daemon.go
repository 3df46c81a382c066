package containerd

import (
	"cmp"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// Times of the daemon.
const (
	firstPause = 200 * time.Millisecond // before containerd is started again; doubled each time …
	lastPause  = 10 * time.Second       // … up to this
	steady     = 10 * time.Second       // a run of this length makes it begin anew
	termWait   = 3 * time.Second
	killWait   = time.Second
)

// Daemon is containerd, kept running. When it dies the shims hold on to their tasks,
// and the next containerd finds them.
type Daemon struct {
	Place   Place
	Reaper  *process.Reaper
	Environ []string
	Null    *os.File
	Warn    func(msg string)

	settings Settings
	stop     chan struct{}
	over     chan struct{}
}

// Start starts containerd as its runtime-config.toml says, and keeps it running
// until Stop.
func (d *Daemon) Start() {
	s, problems := ReadSettings(d.Place.Settings)
	for _, p := range problems {
		d.Warn(d.Place.Settings + ": " + p)
	}
	d.settings, d.stop, d.over = s, make(chan struct{}), make(chan struct{})
	guard.Go("containerd", func() {
		defer close(d.over)
		d.keep()
	})
}

func (d *Daemon) keep() {
	for pause := time.Duration(0); ; {
		began := time.Now()
		why := d.run()
		if time.Since(began) >= steady {
			pause = 0
		}
		pause = min(cmp.Or(2*pause, firstPause), lastPause)
		select {
		case <-d.stop:
			return
		default:
		}
		d.Warn("containerd: " + why + "; it is started again in " + pause.String() + ", and its tasks go on")
		select {
		case <-d.stop:
			return
		case <-time.After(pause):
		}
	}
}

// run runs containerd to its end, or to Stop, and says how it ended.
func (d *Daemon) run() string {
	if err := os.Remove(d.Place.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.Warn(err.Error()) // containerd may do better
	}
	stdout, closeOut := d.output(d.settings.Stdout, os.Stdout)
	defer closeOut()
	stderr, closeErr := d.output(d.settings.Stderr, os.Stderr)
	defer closeErr()
	args := append([]string{d.Place.Daemon}, d.settings.Options...)
	child, err := d.Reaper.Start(process.Program{Args: args, Env: d.Environ, Stdin: d.Null, Stdout: stdout, Stderr: stderr, Late: true})
	if err != nil {
		return err.Error()
	}
	select {
	case <-child.Done():
	case <-d.stop:
		d.end(child)
	}
	key, value := process.Outcome(child.Status())
	return "ended with " + key + " " + value
}

// output opens where a stream of containerd's goes to; the console where it cannot.
func (d *Daemon) output(to string, console *os.File) (*os.File, func()) {
	switch {
	case to == toStdout:
		console = os.Stdout
	case to == toStderr:
		console = os.Stderr
	case strings.HasPrefix(to, "/"):
		f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err == nil {
			return f, func() { _ = f.Close() } // it is containerd's
		}
		d.Warn(d.Place.Settings + ": " + err.Error() + "; it goes to the console")
	}
	return console, func() {}
}

func (d *Daemon) end(child *process.Child) {
	_ = child.Signal(unix.SIGTERM, false) // fails only when it has ended
	if !child.WaitFor(termWait) {
		_ = child.Signal(unix.SIGKILL, false)
		child.WaitFor(killWait) // one that hangs in the kernel is left behind
	}
}

// Stop ends containerd. A nil daemon is one that never was started.
func (d *Daemon) Stop() {
	if d == nil {
		return
	}
	close(d.stop)
	select {
	case <-d.over:
	case <-time.After(termWait + 2*killWait): // it is being started, perhaps, from a disk that hangs
	}
}
