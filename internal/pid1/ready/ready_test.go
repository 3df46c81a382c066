package ready

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

const wait = 20 * time.Second

var reaper = func() *process.Reaper {
	r := process.NewReaper()
	go r.Reap(nil)
	return r
}()

// testEnvironment is for tests: a ready service is polled without a pause.
func testEnvironment(t *testing.T) Environment {
	t.Helper()
	null, err := process.DevNull()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return Environment{
		Reaper: reaper, Null: null, Environ: []string{"PATH=/usr/bin:/bin"}, MinUptime: time.Millisecond, Interval: time.Millisecond,
		Socket: filepath.Join(t.TempDir(), "web.notify"),
	}
}

// fixture is a probe that is followed until the test ends.
type fixture struct {
	*testing.T
	*Probe
	events chan Event
	end    func() // ends Follow and waits until it has returned
}

func follow(t *testing.T, r config.Ready) fixture {
	t.Helper()
	p, err := Prepare(r, testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := fixture{T: t, Probe: p, events: make(chan Event, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Follow(ctx, os.Getpid(), func(n Event) { f.events <- n })
	}()
	f.end = func() { cancel(); <-done }
	t.Cleanup(f.end)
	return f
}

// until waits for an event that begins with text.
func (f fixture) until(text string) {
	f.Helper()
	var seen []string
	for deadline := time.After(wait); ; {
		select {
		case n := <-f.events:
			seen = append(seen, show(n))
			if strings.HasPrefix(show(n), text) {
				return
			}
		case <-deadline:
			f.Fatalf("no event %s; got %q", text, seen)
		}
	}
}

func TestUptime(t *testing.T) {
	t.Parallel()
	follow(t, config.Ready{}).until("ready")
}

func TestTCP(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		f := follow(t, config.Ready{TCP: address})
		f.until("not ready: connect " + address + ": connection refused")
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		f.until("ready")
		l.Close()
		f.until("not ready: connect " + address + ": connection refused")
		f.end()
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	f := follow(t, config.Ready{File: path})
	f.until("not ready: stat " + path + ": no such file or directory")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	f.until("ready")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.until("not ready: stat ")
}

func TestExec(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	f := follow(t, config.Ready{Exec: []string{"/bin/sh", "-c", "echo noise; echo noise >&2; test -e " + path}})
	f.until("not ready: /bin/sh: exit 1")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	f.until("ready")
}

func TestExecTimeout(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := testEnvironment(t).exec(ctx, []string{"/bin/sh", "-c", "sleep 1000"})
	if err == nil || err.Error() != "run /bin/sh: "+process.ErrTimeout.Error() {
		t.Errorf("%v", err)
	}
	if err := testEnvironment(t).exec(context.Background(), []string{"/no/such/program"}); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Log: "now\x1b listening"})
	f.until(`not ready: no output line contains "now  listening"`)
	select {
	case n := <-f.events:
		t.Errorf("event %s before any output", show(n))
	default:
	}
	if f.Matcher == nil {
		t.Fatal("there is no logProbe to look for")
	}
}

func TestNotifyFd(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "fd"})
	f.until("not ready: no newline on descriptor 3")
	w := f.Files()[0]
	io.WriteString(w, "ignored by s6")
	io.WriteString(w, strings.Repeat("x", 10000)+"\n")
	f.until("ready")
	if _, err := io.WriteString(w, "more\nand more\n"); err != nil {
		t.Errorf("write after the newline: %v", err)
	}
	f.Started()
	f.end()
	if len(f.events) > 0 {
		t.Errorf("%d more events", len(f.events))
	}
}

func TestNotifyFdClosedWithoutNewline(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "fd"})
	f.Started()
	f.until("not ready: no newline")
	f.end()
	if len(f.events) > 0 {
		t.Errorf("%s", show(<-f.events))
	}
}

func TestPrepareRejectsInvalidSettings(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]config.Ready{
		`ready: notify: "systemd" is neither sd nor fd`:                                             {Notify: "systemd"},
		`ready: tcp: "db:80" is not an address of the form IP:PORT`:                                 {TCP: "db:80"},
		`ready: tcp: "127.0.0.1" is not an address of the form IP:PORT`:                             {TCP: "127.0.0.1"},
		`ready: tcp: "127.0.0.1:0" is not an address of the form IP:PORT`:                           {TCP: "127.0.0.1:0"},
		`ready: tcp: "[fe80::1%eth0]:80" is not an address of the form IP:PORT`:                     {TCP: "[fe80::1%eth0]:80"},
		`ready: http: "https://127.0.0.1:443/" is not a URL of the form http://IP:PORT/PATH`:        {HTTP: "https://127.0.0.1:443/"},
		`ready: http: "http://127.0.0.1:80/ HTTP/1.0" is not a URL of the form http://IP:PORT/PATH`: {HTTP: "http://127.0.0.1:80/ HTTP/1.0"},
		`ready: http: "127.0.0.1:80?x" is not an address of the form IP:PORT`:                       {HTTP: "http://127.0.0.1:80?x"},
	} {
		if _, err := Prepare(r, testEnvironment(t)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"fine": "fine", "a\r\nb\x00\x1b[31m ": "a  b  [31m", "caf\u00e9 \u2028\xff": "caf\u00e9",
		strings.Repeat("x", 1000):                 strings.Repeat("x", maxText),
		strings.Repeat("x", maxText-1) + "\u00e9": strings.Repeat("x", maxText-1),
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
