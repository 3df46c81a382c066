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

// notifier is a service's end of the socket.
func notifier(t *testing.T, f followed) *net.UnixConn {
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

func TestNotify(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "sd"})
	f.until("not: it has not sent READY=1")
	c := notifier(t, f)
	send(t, c, "STATUS=loading\x1b[0m", "", "READY=0\nFDSTORE=1", strings.Repeat("x", maxNotice)+"\nREADY=1")
	f.until("status: loading [0m")
	send(t, c, "MAINPID=1\nREADY=1")
	f.until("ready")
	send(t, c, "READY=1", "RELOADING=1\nMONOTONIC_USEC=1")
	f.until("not: it reloads")
	send(t, c, "READY=1")
	f.until("ready")
	send(t, c, "STOPPING=1\n")
	f.until("not: it stops")
}

// Any process of the service may notify, whoever it runs as; the next run has a
// socket of its own.
func TestTheSocketBelongsToOneRun(t *testing.T) {
	t.Parallel()
	m := means(t)
	first, err := Prepare(config.Ready{Notify: "sd"}, m)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(first.Socket); err != nil || info.Mode() != os.ModeSocket|0o666 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	old := notifier(t, followed{T: t, Proof: first})
	first.Close()
	second, err := Prepare(config.Ready{Notify: "sd"}, m)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := old.Write([]byte("READY=1")); err == nil {
		t.Error("the old run speaks for the new one")
	}
	m.Socket = "/" + strings.Repeat("x", 200)
	if _, err := Prepare(config.Ready{Notify: "sd"}, m); err == nil || !strings.HasPrefix(err.Error(), "bind "+m.Socket) {
		t.Errorf("a path too long for a socket: %v", err)
	}
}

// Descriptors in a message must not pile up: sd_notify's FDSTORE=1, or malice.
func TestDescriptorsInMessagesAreNotKept(t *testing.T) {
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
	if err := unix.Sendmsg(fd, []byte("FDSTORE=1"), unix.UnixRights(int(w.Fd())), &unix.SockaddrUnix{Name: f.Socket}, 0); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	w.Close()
	r.SetDeadline(time.Now().Add(wait))
	if _, err := r.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("%v: the descriptor is still open", err)
	}
}

// messages are read as from a socket; the clock of the test moves while it sleeps.
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

func TestAServiceThatTellsTooMuchIsToldSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &messages{pause: 10 * time.Millisecond}
		for range 100 {
			m.list = append(m.list, "READY=1", "RELOADING=1\nSTATUS=a", "STATUS=b")
		}
		began, told := time.Now(), map[Kind]int{}
		hear(t.Context(), m, func(n News) { told[n.Kind]++ })
		seconds := int(time.Since(began) / time.Second)
		if told[Proven] != 100 || told[Missed] != 101 || seconds < 200 {
			t.Errorf("%v in %d s", told, seconds)
		}
		m.list, told = nil, map[Kind]int{}
		for range 500 {
			m.list = append(m.list, "STATUS=a", "STATUS=b")
		}
		hear(t.Context(), m, func(n News) { told[n.Kind]++ })
		if told[Status] < 50 || told[Status] > 100 {
			t.Errorf("%d times in ten seconds", told[Status])
		}
	})
}

func FuzzParseNotice(f *testing.F) {
	for _, text := range []string{"READY=1", "READY=1\n", "STATUS=a\nREADY=1\nSTOPPING=1", "STATUS=\x00\xff", "=", "\n\n", "READY=1\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := parseNotice(text)
		if n.ready && n.why != "" || n.ready && !strings.Contains(text, "READY=1") || len(n.status) > maxText || strings.ContainsAny(n.status, "\n\x00\x1b") {
			t.Errorf("%+v", n)
		}
	})
}
