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

// device is a FIFO in the place of a watchdog: every byte that comes out is one
// that the hardware would have seen, and its end is that of the close.
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

// next returns the next byte, "" for a close and "-" for nothing within d.
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
	case err != nil && err != io.EOF:
		d.Fatal(err)
	}
	return string(b[:n])
}

// rest reads to the close, or until nothing has come for a good while, and
// returns all with how it ended.
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

// prompt is a loop that answers at once.
type prompt struct{}

func (prompt) Post(fn func()) { fn() }

// stubborn is a loop that answers once it is told to.
type stubborn chan func()

func (s stubborn) Post(fn func()) { s <- fn }

func start(t *testing.T, d device, loop Loop) (*Watchdog, chan string) {
	t.Helper()
	said := make(chan string, 100)
	w := Start(config.Watchdog{Device: d.Name(), Interval: interval}, loop, func(_ console.Level, msg string) { said <- msg })
	if w == nil {
		t.Fatal(<-said)
	}
	t.Cleanup(func() { w.End(halt.PowerOff) })
	return w, said
}

func TestItIsFedAsLongAsTheLoopAnswers(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	start(t, d, prompt{})
	for range 4 {
		if b := d.next(wait); b != food {
			t.Fatalf("it was written %q, want food", b)
		}
	}
}

func TestItIsNotFedWhileTheLoopHangs(t *testing.T) {
	t.Parallel()
	d, loop := newDevice(t), make(stubborn)
	_, said := start(t, d, loop)
	if b := d.next(wait); b != food {
		t.Fatalf("at first it was written %q, want food", b)
	}
	if b := d.next(6 * interval); b != "-" {
		t.Fatalf("it was written %q while the loop hangs", b)
	}
	if msg := about(said, "event loop has not answered for 50ms", wait); !strings.Contains(msg, d.Name()) {
		t.Errorf("told %q", msg)
	}
	(<-loop)() // the late answer asks the next question, and no more
	if b := d.next(0); b != "-" {
		t.Errorf("it was written %q for an answer that came late", b)
	}
	(<-loop)()
	if b := d.next(wait); b != food {
		t.Errorf("it was written %q, want food: the loop is back", b)
	}
}

func TestTheEndDecidesWhetherItStaysArmed(t *testing.T) {
	t.Parallel()
	for how, want := range map[halt.How]string{halt.PowerOff: magic, halt.Halt: magic, halt.Reboot: food + "-"} {
		d := newDevice(t)
		w, _ := start(t, d, prompt{})
		if b := d.next(wait); b != food {
			t.Fatalf("it was written %q, want food", b)
		}
		w.End(how)
		w.End(how) // somebody may ask twice
		if all := strings.TrimLeft(d.rest(), food); all != strings.TrimLeft(want, food) {
			t.Errorf("%s: it ends with %q, want %q", how, all, want)
		}
	}
}

func TestADeviceThatRefusesIsToldOnce(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	_, said := start(t, d, prompt{})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if msg := about(said, "feed watchdog", wait); !strings.Contains(msg, d.Name()+": broken pipe") {
		t.Errorf("told %q", msg)
	}
	if msg := about(said, "feed watchdog", 5*interval); msg != "" {
		t.Errorf("told again: %s", msg)
	}
}

// about returns the first message with some text, or "" where there was none in time.
func about(said <-chan string, text string, within time.Duration) string {
	for deadline := time.After(within); ; {
		select {
		case msg := <-said:
			if strings.Contains(msg, text) {
				return msg
			}
		case <-deadline:
			return ""
		}
	}
}

func TestWithoutADeviceThereIsNoWatchdog(t *testing.T) {
	t.Parallel()
	var said []string
	log := func(_ console.Level, msg string) { said = append(said, msg) }
	none := Start(config.Watchdog{Interval: interval}, prompt{}, log)
	missing := Start(config.Watchdog{Device: "/no/such/device", Interval: interval}, prompt{}, log)
	none.End(halt.PowerOff)
	missing.End(halt.Reboot)
	if none != nil || missing != nil || len(said) != 1 || !strings.Contains(said[0], "open watchdog /no/such/device: no such file or directory") {
		t.Errorf("%v, %v, %q", none, missing, said)
	}
}
