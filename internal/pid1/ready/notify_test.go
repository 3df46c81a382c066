package ready

import (
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
)

// dialNotify connects to the socket as the service does.
func dialNotify(t *testing.T, f fixture) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: f.Socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c *net.UnixConn, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if _, err := c.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotifySd(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "sd"})
	f.until("not ready: no READY=1 received")
	c := dialNotify(t, f)
	send(t, c, "STATUS=loading\x1b[0m", "", "READY=0\nFDSTORE=1", strings.Repeat("x", maxNotification)+"\nREADY=1")
	f.until("status: loading [0m")
	send(t, c, "MAINPID=1\nREADY=1")
	f.until("ready")
	send(t, c, "READY=1", "RELOADING=1\nMONOTONIC_USEC=1")
	f.until("not ready: reloading")
	send(t, c, "READY=1")
	f.until("ready")
	send(t, c, "STOPPING=1\n")
	f.until("not ready: stopping")
}

// Any process of the service may notify, as any user; the next run gets a new socket.
func TestNotifySocketBelongsToOneRun(t *testing.T) {
	t.Parallel()
	env := testEnvironment(t)
	first, err := Prepare(config.Ready{Notify: "sd"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(first.Socket); err != nil || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	old := dialNotify(t, fixture{T: t, Probe: first})
	first.Close()
	second, err := Prepare(config.Ready{Notify: "sd"}, env)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := old.Write([]byte("READY=1")); err == nil {
		t.Error("the old run can notify the new run's socket")
	}
	env.Socket = "/" + strings.Repeat("x", 200)
	if _, err := Prepare(config.Ready{Notify: "sd"}, env); err == nil || !strings.HasPrefix(err.Error(), "bind "+env.Socket) {
		t.Errorf("path too long for a socket: %v", err)
	}
}

// Descriptors in messages (FDSTORE=1 of sd_notify) must not pile up in PID 1.
func TestNotifyClosesReceivedDescriptors(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "sd"})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	to := &unix.SockaddrUnix{Name: f.Socket}
	if err := unix.Sendmsg(fd, []byte("FDSTORE=1"), unix.UnixRights(int(w.Fd())), to, 0); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	w.Close()
	r.SetDeadline(time.Now().Add(wait))
	if _, err := r.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the descriptor is still open: %v", err)
	}
}

// messages is a socket with prepared messages, pause apart on the fake clock of the test.
type messages struct {
	list  []string
	pause time.Duration
	atEnd func() // called before the end, if not nil
}

func (m *messages) Read(p []byte) (int, error) {
	if len(m.list) == 0 {
		if m.atEnd != nil {
			m.atEnd()
		}
		return 0, os.ErrClosed
	}
	time.Sleep(m.pause)
	n := copy(p, m.list[0])
	m.list = m.list[1:]
	return n, nil
}

// A service that toggles is read at once, and PID 1 handles few events, the last state among them.
func TestNotifyNeverBlocksTheService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &messages{pause: 10 * time.Millisecond}
		for range 500 {
			m.list = append(m.list, "READY=1", "RELOADING=1\nSTATUS=a", "STATUS=b\nWATCHDOG=1")
		}
		m.list = append(m.list, "READY=1\nEXTEND_TIMEOUT_USEC=5000000")
		began, got := time.Now(), map[Kind]int{}
		m.atEnd = func() {
			if took := time.Since(began); took > 16*time.Second {
				t.Errorf("1501 messages, one every 10 ms, were read in %v", took)
			}
			time.Sleep(2 * changePause)
		}
		var last Event
		readNotifications(t.Context(), m, func(n Event) {
			got[n.Kind]++
			if n.Kind == Ready || n.Kind == NotReady {
				last = n
			}
		})
		if changes := got[Ready] + got[NotReady]; changes < 5 || changes > 20 || last.Kind != Ready {
			t.Errorf("%v, the last change %v", got, last)
		}
		if got[Status] > 160 || got[Alive] < 50 || got[Alive] > 160 || got[Extend] != 1 {
			t.Errorf("%v in 15 s", got)
		}
	})
}

// A flood of messages costs little: PID 1 reads a limited number in a time.
func TestFloodOfNotificationsIsRateLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &messages{}
		for range 100 * burst {
			m.list = append(m.list, "READY=1")
		}
		began := time.Now()
		readNotifications(t.Context(), m, func(Event) {})
		if took := time.Since(began); took < 99*eventPause {
			t.Errorf("read in %v", took)
		}
	})
}

func TestParseNotification(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]notification{
		"EXTEND_TIMEOUT_USEC=1500000":                  {extend: 1500 * time.Millisecond},
		"EXTEND_TIMEOUT_USEC=9223372036854775807":      {extend: maxExtension},
		"EXTEND_TIMEOUT_USEC=-1\nEXTEND_TIMEOUT_USEC=": {},
		"WATCHDOG=1\nREADY=1\n":                        {alive: true, state: stateReady},
		"WATCHDOG=trigger":                             {},
		"READY=1\nSTOPPING=1":                          {state: "stopping"},
	} {
		if got := parseNotification(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func FuzzParseNotification(f *testing.F) {
	for _, text := range []string{
		"READY=1", "READY=1\n", "STATUS=a\nREADY=1\nSTOPPING=1", "STATUS=\x00\xff", "=", "\n\n", "READY=1\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := parseNotification(text)
		if n.state == stateReady && !strings.Contains(text, "READY=1") || n.extend < 0 || n.extend > maxExtension ||
			len(n.status) > maxText || strings.ContainsAny(n.status, "\n\x00\x1b") {
			t.Errorf("%+v", n)
		}
	})
}
