package machine

import (
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/linuxkit-action/fixtures/guest/transcript"
)

// TestGuestCannotReachTheHost boots a guest that connects to a server on the host's
// loopback, at the address that QEMU's user network has for it.
func TestGuestCannotReachTheHost(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		open bool
		want string
	}{
		"restricted": {want: "blocked"},
		"open":       {open: true, want: "connected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, accepted := listen(t)
			console := transcript.New()
			o := options(t, "network; "+
				"if nc -w 5 10.0.2.2 "+server+" </dev/null; then echo connected; else echo blocked; fi; poweroff -f", console)
			o.OpenNetwork = tt.open
			m, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			waitFor(t, console, tt.want)
			if accepted.Load() != tt.open || !strings.Contains(console.String(), tt.want) {
				t.Errorf("server accepted a connection: %v, want %v", accepted.Load(), tt.open)
			}
		})
	}
}

// listen starts a server on the loopback interface and returns its port.
func listen(t *testing.T) (port string, accepted *atomic.Bool) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	accepted = &atomic.Bool{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Store(true)
			conn.Close()
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), accepted
}
