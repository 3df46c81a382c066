package cli

import (
	"net"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// silence is a script's server that never answers: the kernel takes the connections, and
// nobody reads from them.
type silence struct{ listener *net.TCPListener }

// ofSilence is where a script keeps it.
type ofSilence struct{}

func setSilence(env *testscript.Env) { env.Values[ofSilence{}] = new(silence) }

// startSilence starts it for the rest of a script, at $SILENCE.
func startSilence(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: silence")
	}
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	ts.Check(err)
	ts.Defer(func() { ts.Check(listener.Close()) })
	ts.Value(ofSilence{}).(*silence).listener = listener
	ts.Setenv("SILENCE", "http://"+listener.Addr().String())
}

// waitUntilAsked waits until somebody has connected to $SILENCE.
func waitUntilAsked(ts *testscript.TestScript, neg bool, args []string) {
	listener := ts.Value(ofSilence{}).(*silence).listener
	if neg || len(args) != 0 || listener == nil {
		ts.Fatalf("usage: asked, after silence")
	}
	ts.Check(listener.SetDeadline(time.Now().Add(time.Minute)))
	connection, err := listener.Accept()
	ts.Check(err)
	ts.Defer(func() { connection.Close() })
}
