package grpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// sentBy returns the frames of a call to a peer that closes the connection.
func sentBy(t *testing.T, metadata [][2]string, request []byte) *http2.Framer {
	t.Helper()
	var written bytes.Buffer
	_, err := Call(peer{strings.NewReader(""), &written}, "/test.Test/Echo", metadata, request)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if rest, ok := bytes.CutPrefix(written.Bytes(), []byte(http2.ClientPreface)); ok {
		return http2.NewFramer(nil, bytes.NewReader(rest))
	}
	t.Fatalf("no preface: %q", written.Bytes())
	return nil
}

// next reads the next frame, which must be of type F.
func next[F http2.Frame](t *testing.T, r *http2.Framer) F {
	t.Helper()
	f, err := r.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	of, ok := f.(F)
	if !ok {
		t.Fatalf("unexpected frame %v", f)
	}
	return of
}

func TestPrefaceAnnouncesTheBounds(t *testing.T) {
	t.Parallel()
	r := sentBy(t, nil, nil)
	announced := next[*http2.SettingsFrame](t, r)
	for id, want := range map[http2.SettingID]uint32{
		http2.SettingHeaderTableSize: 0, http2.SettingEnablePush: 0,
		http2.SettingInitialWindowSize: maxResponse + 1, http2.SettingMaxHeaderListSize: maxBlock,
	} {
		if got, ok := announced.Value(id); !ok || got != want {
			t.Errorf("%v is %d, want %d", id, got, want)
		}
	}
	if n := announced.NumSettings(); n != 4 {
		t.Errorf("%d settings", n)
	}
	if w := next[*http2.WindowUpdateFrame](t, r); w.StreamID != 0 || w.Increment != maxResponse+1-defaultWindow {
		t.Errorf("%v", w)
	}
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	r := sentBy(t, [][2]string{{"containerd-namespace", "moby"}, {"long", long}}, []byte("hello"))
	next[*http2.SettingsFrame](t, r)
	next[*http2.WindowUpdateFrame](t, r)
	h := next[*http2.HeadersFrame](t, r)
	if h.StreamID != streamID || !h.HeadersEnded() || h.StreamEnded() {
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
	d := next[*http2.DataFrame](t, r)
	if len(got) != len(want) || !d.StreamEnded() || string(d.Data()) != "\x00\x00\x00\x00\x05hello" {
		t.Errorf("%d headers; %v %q", len(got), d, d.Data())
	}
}

func TestSmallRequestIsOneWrite(t *testing.T) {
	t.Parallel()
	var writes writeCounter
	_, _ = Call(peer{strings.NewReader(""), &writes}, "/test.Test/Echo", nil, make([]byte, maxFrame-prefixSize))
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
}

type writeCounter int

func (c *writeCounter) Write(b []byte) (int, error) { *c++; return len(b), nil }

// startCall starts a call, and returns the server's end of the connection and the result.
func startCall(t *testing.T, request []byte) (*http2.Framer, <-chan error) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{client, server} {
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
			t.Fatal(err)
		}
	}
	result := make(chan error, 1)
	go func() {
		_, err := Call(client, "/test.Test/Echo", nil, request)
		result <- err
	}()
	if _, err := io.ReadFull(server, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Fatal(err)
	}
	return http2.NewFramer(server, server), result
}

func TestRequestRespectsFlowControl(t *testing.T) {
	t.Parallel()
	const size = 200_000 - prefixSize
	fr, result := startCall(t, make([]byte, size))
	next[*http2.SettingsFrame](t, fr)
	next[*http2.WindowUpdateFrame](t, fr)
	next[*http2.HeadersFrame](t, fr)
	left := size + prefixSize
	expectData := func(sizes ...int) {
		t.Helper()
		for _, want := range sizes {
			d := next[*http2.DataFrame](t, fr)
			if left -= want; len(d.Data()) != want || d.StreamEnded() != (left == 0) {
				t.Fatalf("%v, want %d bytes", d, want)
			}
		}
	}
	setInitialWindow := func(n uint32) { _ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n}) }
	expectSettingsAck := func() {
		t.Helper()
		if f := next[*http2.SettingsFrame](t, fr); !f.IsAck() {
			t.Fatal(f)
		}
	}
	expectData(maxFrame, maxFrame, maxFrame, maxFrame-1)
	setInitialWindow(100) // more has been sent: the window is negative
	expectSettingsAck()
	_ = fr.WriteWindowUpdate(0, 1000)
	_ = fr.WriteWindowUpdate(streamID, defaultWindow-100+10)
	expectData(10)
	_ = fr.WriteWindowUpdate(streamID, 1)
	expectData(1)
	setInitialWindow(100_000) // the window of the stream is larger than the connection's
	expectSettingsAck()
	expectData(989)
	if err := fr.WritePing(false, [8]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if p := next[*http2.PingFrame](t, fr); !p.IsAck() || p.Data != [8]byte{1, 2, 3} {
		t.Fatal(p)
	}
	_ = fr.WriteWindowUpdate(0, 1<<20)
	for n := 99_900 - 989; n > 0; n -= maxFrame {
		expectData(min(n, maxFrame))
	}
	_ = fr.WriteWindowUpdate(streamID, 1<<20)
	for left > 0 {
		expectData(min(left, maxFrame))
	}
	_ = fr.WriteRSTStream(streamID, http2.ErrCodeRefusedStream)
	if s := statusOf(t, <-result); s.Code != Unavailable {
		t.Error(s)
	}
}
