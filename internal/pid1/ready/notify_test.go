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
}

func (m *messages) Read(p []byte) (int, error) {
	if len(m.list) == 0 {
		return 0, os.ErrClosed
	}
	time.Sleep(m.pause)
	n := copy(p, m.list[0])
	m.list = m.list[1:]
	return n, nil
}

func TestNotifyIsRateLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &messages{pause: 10 * time.Millisecond}
		for range 100 {
			m.list = append(m.list, "READY=1", "RELOADING=1\nSTATUS=a", "STATUS=b")
		}
		began, got := time.Now(), map[Kind]int{}
		readNotifications(t.Context(), m, func(n Event) { got[n.Kind]++ })
		seconds := int(time.Since(began) / time.Second)
		if got[Ready] != 100 || got[NotReady] != 101 || seconds < 200 {
			t.Errorf("%v in %d s", got, seconds)
		}
		m.list, got = nil, map[Kind]int{}
		for range 500 {
			m.list = append(m.list, "STATUS=a", "STATUS=b")
		}
		readNotifications(t.Context(), m, func(n Event) { got[n.Kind]++ })
		if got[Status] < 50 || got[Status] > 100 {
			t.Errorf("%d events in ten seconds", got[Status])
		}
	})
}

func FuzzParseNotification(f *testing.F) {
	for _, text := range []string{
		"READY=1", "READY=1\n", "STATUS=a\nREADY=1\nSTOPPING=1", "STATUS=\x00\xff", "=", "\n\n", "READY=1\r\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := parseNotification(text)
		if n.ready && (n.why != "" || !strings.Contains(text, "READY=1")) ||
			len(n.status) > maxText || strings.ContainsAny(n.status, "\n\x00\x1b") {
			t.Errorf("%+v", n)
		}
	})
}
