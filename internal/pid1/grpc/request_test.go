package grpc

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// sentBy returns what a call sends to a peer that ends the connection.
func sentBy(t *testing.T, metadata [][2]string, request []byte) *http2.Framer {
	t.Helper()
	var sent bytes.Buffer
	if _, err := Call(peer{strings.NewReader(""), &sent}, "/test.Test/Echo", metadata, request); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if rest, ok := bytes.CutPrefix(sent.Bytes(), []byte(http2.ClientPreface)); ok {
		return http2.NewFramer(nil, bytes.NewReader(rest))
	}
	t.Fatalf("no preface: %q", sent.Bytes())
	return nil
}

// next reads the frame that is to come.
func next[F http2.Frame](t *testing.T, r *http2.Framer) F {
	t.Helper()
	f, err := r.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	of, ok := f.(F)
	if !ok {
		t.Fatalf("%v, want another frame", f)
	}
	return of
}

func TestTheOpeningAnnouncesTheBounds(t *testing.T) {
	t.Parallel()
	r := sentBy(t, nil, nil)
	announced := next[*http2.SettingsFrame](t, r)
	for id, want := range map[http2.SettingID]uint32{
		http2.SettingHeaderTableSize: 0, http2.SettingEnablePush: 0,
		http2.SettingInitialWindowSize: maxAnswer + 1, http2.SettingMaxHeaderListSize: maxBlock,
	} {
		if got, ok := announced.Value(id); !ok || got != want {
			t.Errorf("%v is %d, want %d", id, got, want)
		}
	}
	if n := announced.NumSettings(); n != 4 {
		t.Errorf("%d settings", n)
	}
	if w := next[*http2.WindowUpdateFrame](t, r); w.StreamID != 0 || w.Increment != maxAnswer+1-defaultWindow {
		t.Errorf("%v", w)
	}
}

func TestARequestHasTheHeadersOfGRPC(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	r := sentBy(t, [][2]string{{"containerd-namespace", "moby"}, {"long", long}}, []byte("hello"))
	next[*http2.SettingsFrame](t, r)
	next[*http2.WindowUpdateFrame](t, r)
	h := next[*http2.HeadersFrame](t, r)
	if h.StreamID != theStream || !h.HeadersEnded() || h.StreamEnded() {
		t.Errorf("%v", h)
	}
	got, err := hpack.NewDecoder(0, nil).DecodeFull(h.HeaderBlockFragment())
	if err != nil {
		t.Fatal(err)
	}
	want := [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":authority", "localhost"}, {":path", "/test.Test/Echo"},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"containerd-namespace", "moby"}, {"long", long},
	}
	for i, field := range got {
		if i >= len(want) || want[i] != [2]string{field.Name, field.Value} {
			t.Errorf("%d: %.50v", i, field)
		}
	}
	if d := next[*http2.DataFrame](t, r); len(got) != len(want) || !d.StreamEnded() || string(d.Data()) != "\x00\x00\x00\x00\x05hello" {
		t.Errorf("%d headers; %v %q", len(got), d, d.Data())
	}
}

func TestARequestIsOneWrite(t *testing.T) {
	t.Parallel()
	var writes count
	_, _ = Call(peer{strings.NewReader(""), &writes}, "/test.Test/Echo", nil, make([]byte, maxFrame-prefixSize))
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
}

type count int

func (c *count) Write(b []byte) (int, error) { *c++; return len(b), nil }

// live makes a call to a peer that the test plays.
func live(t *testing.T, request []byte) (*http2.Framer, <-chan error) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{ours, theirs} {
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
			t.Fatal(err)
		}
	}
	over := make(chan error, 1)
	go func() {
		_, err := Call(ours, "/test.Test/Echo", nil, request)
		over <- err
	}()
	if _, err := io.ReadFull(theirs, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Fatal(err)
	}
	return http2.NewFramer(theirs, theirs), over
}

func TestARequestKeepsToThePeersWindows(t *testing.T) {
	t.Parallel()
	const size = 200_000 - prefixSize
	fr, over := live(t, make([]byte, size))
	next[*http2.SettingsFrame](t, fr)
	next[*http2.WindowUpdateFrame](t, fr)
	next[*http2.HeadersFrame](t, fr)
	left := size + prefixSize
	takes := func(sizes ...int) {
		t.Helper()
		for _, want := range sizes {
			d := next[*http2.DataFrame](t, fr)
			if left -= want; len(d.Data()) != want || d.StreamEnded() != (left == 0) {
				t.Fatalf("%v, want %d bytes", d, want)
			}
		}
	}
	initial := func(n uint32) { _ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n}) }
	acknowledged := func() {
		t.Helper()
		if f := next[*http2.SettingsFrame](t, fr); !f.IsAck() {
			t.Fatal(f)
		}
	}
	takes(maxFrame, maxFrame, maxFrame, maxFrame-1)
	initial(100) // of which more than that has been used: the window is below 0
	acknowledged()
	_ = fr.WriteWindowUpdate(0, 1000)
	_ = fr.WriteWindowUpdate(theStream, defaultWindow-100+10)
	takes(10)
	_ = fr.WriteWindowUpdate(theStream, 1)
	takes(1)
	initial(100_000) // by which the stream's is wider than the connection's
	acknowledged()
	takes(989)
	if err := fr.WritePing(false, [8]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if p := next[*http2.PingFrame](t, fr); !p.IsAck() || p.Data != [8]byte{1, 2, 3} {
		t.Fatal(p)
	}
	_ = fr.WriteWindowUpdate(0, 1<<20)
	for n := 99_900 - 989; n > 0; n -= maxFrame {
		takes(min(n, maxFrame))
	}
	_ = fr.WriteWindowUpdate(theStream, 1<<20)
	for left > 0 {
		takes(min(left, maxFrame))
	}
	_ = fr.WriteRSTStream(theStream, http2.ErrCodeRefusedStream)
	if s := statusOf(t, <-over); s.Code != Unavailable {
		t.Error(s)
	}
}
