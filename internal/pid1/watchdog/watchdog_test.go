package watchdog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

const (
	wait     = 20 * time.Second
	interval = 50 * time.Millisecond
)

// device is a FIFO in place of a watchdog device: it returns the bytes written to the
// device, and its end is the close.
type device struct {
	*testing.T
	*os.File
}

func newDevice(t *testing.T) device {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return device{t, f}
}

// next returns the next byte, "" after a close, and "-" for a timeout.
func (d device) next(within time.Duration) string {
	d.Helper()
	if err := d.SetReadDeadline(time.Now().Add(within)); err != nil {
		d.Fatal(err)
	}
	b := make([]byte, 1)
	n, err := d.Read(b)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "-"
	case err != nil && !errors.Is(err, io.EOF):
		d.Fatal(err)
	}
	return string(b[:n])
}

// rest returns all bytes up to the close, or with "-" at the end up to a timeout.
func (d device) rest() string {
	d.Helper()
	all := ""
	for {
		b := d.next(10 * interval)
		if b == "" || b == "-" {
			return all + b
		}
		all += b
	}
}

// responsiveLoop responds immediately.
type responsiveLoop struct{}

func (responsiveLoop) Post(fn func()) { fn() }

// blockedLoop responds when the test calls the function that it receives.
type blockedLoop chan func()

func (s blockedLoop) Post(fn func()) { s <- fn }

func start(t *testing.T, d device, loop Loop) (*Watchdog, chan string) {
	t.Helper()
	messages := make(chan string, 100)
	log := func(_ console.Level, msg string) { messages <- msg }
	w := Start(config.Watchdog{Device: d.Name(), Interval: interval}, loop, log)
	if w == nil {
		t.Fatal(<-messages)
	}
	t.Cleanup(func() { w.End(halt.PowerOff) })
	return w, messages
}

func TestIsFedWhileTheLoopResponds(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	start(t, d, responsiveLoop{})
	for range 4 {
		if b := d.next(wait); b != keepAlive {
			t.Fatalf("byte %q, want keepAlive", b)
		}
	}
}

func TestIsNotFedWhileTheLoopHangs(t *testing.T) {
	t.Parallel()
	d, loop := newDevice(t), make(blockedLoop)
	_, messages := start(t, d, loop)
	if b := d.next(wait); b != keepAlive {
		t.Fatalf("first byte %q, want keepAlive", b)
	}
	if b := d.next(6 * interval); b != "-" {
		t.Fatalf("byte %q while the loop hangs", b)
	}
	if msg := find(messages, "event loop of PID 1 has not responded for 50ms", wait); !strings.Contains(msg, d.Name()) {
		t.Errorf("logged %q", msg)
	}
	(<-loop)() // a late response causes another probe, but no write
	if b := d.next(0); b != "-" {
		t.Errorf("byte %q after a late response", b)
	}
	(<-loop)()
	if b := d.next(wait); b != keepAlive {
		t.Errorf("byte %q after a timely response, want keepAlive", b)
	}
}

func TestEndDisarmsExceptBeforeReboot(t *testing.T) {
	t.Parallel()
	for how, want := range map[halt.How]string{halt.PowerOff: magicClose, halt.Halt: magicClose, halt.Reboot: keepAlive + "-"} {
		d := newDevice(t)
		w, _ := start(t, d, responsiveLoop{})
		if b := d.next(wait); b != keepAlive {
			t.Fatalf("byte %q, want keepAlive", b)
		}
		w.End(how)
		w.End(how) // must be idempotent
		if all := strings.TrimLeft(d.rest(), keepAlive); all != strings.TrimLeft(want, keepAlive) {
			t.Errorf("%s: last bytes %q, want %q", how, all, want)
		}
	}
}

func TestWriteErrorIsLoggedOnce(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	_, messages := start(t, d, responsiveLoop{})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if msg := find(messages, "feed watchdog", wait); !strings.Contains(msg, d.Name()+": broken pipe") {
		t.Errorf("logged %q", msg)
	}
	if msg := find(messages, "feed watchdog", 5*interval); msg != "" {
		t.Errorf("logged again: %s", msg)
	}
}

// find returns the first message that contains text, or "" after a timeout.
func find(messages <-chan string, text string, within time.Duration) string {
	for deadline := time.After(within); ; {
		select {
		case msg := <-messages:
			if strings.Contains(msg, text) {
				return msg
			}
		case <-deadline:
			return ""
		}
	}
}

func TestStartWithoutDevice(t *testing.T) {
	t.Parallel()
	var messages []string
	log := func(_ console.Level, msg string) { messages = append(messages, msg) }
	none := Start(config.Watchdog{Interval: interval}, responsiveLoop{}, log)
	missing := Start(config.Watchdog{Device: "/no/such/device", Interval: interval}, responsiveLoop{}, log)
	none.End(halt.PowerOff)
	missing.End(halt.Reboot)
	const want = "open watchdog /no/such/device: no such file or directory"
	if none != nil || missing != nil || len(messages) != 1 || !strings.Contains(messages[0], want) {
		t.Errorf("%v, %v, %q", none, missing, messages)
	}
}
