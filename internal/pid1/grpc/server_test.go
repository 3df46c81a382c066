package grpc

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	real "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// deadline bounds each call.
const deadline = 20 * time.Second

// rawCodec is a codec for messages that are bytes.
type rawCodec struct{}

func (rawCodec) Name() string                       { return "raw" }
func (rawCodec) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }

// serve implements the methods of the test service.
func serve(_ any, stream real.ServerStream) error {
	method, _ := real.MethodFromServerStream(stream)
	given, _ := metadata.FromIncomingContext(stream.Context())
	var request []byte
	switch method {
	case "/test.Test/Refuse": // before it has read the request
		return status.Error(codes.PermissionDenied, "not you")
	case "/test.Test/Hang":
		<-stream.Context().Done()
		return stream.Context().Err()
	case "/test.Test/Metadata":
		request = []byte(strings.Join(given.Get("containerd-namespace"), ","))
		return stream.SendMsg(&request)
	case "/test.Test/Long":
		request = make([]byte, MaxMessage+1)
		return stream.SendMsg(&request)
	}
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	switch method {
	case "/test.Test/Echo":
		return stream.SendMsg(&request)
	case "/test.Test/Fail":
		return status.Error(codes.NotFound, string(request))
	}
	return status.Error(codes.Unimplemented, method)
}

// server starts a server of grpc-go, and returns a function that connects to it.
func server(t *testing.T, options ...real.ServerOption) func() net.Conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := real.NewServer(append(options, real.ForceServerCodec(rawCodec{}), real.UnknownServiceHandler(serve))...)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	return func() net.Conn {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(deadline)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

func TestEchoOfAllSizes(t *testing.T) {
	t.Parallel()
	big := make([]byte, MaxMessage)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	for name, dial := range map[string]func() net.Conn{
		"default": server(t, real.MaxRecvMsgSize(MaxMessage)),
		"large windows": server(t,
			real.MaxRecvMsgSize(MaxMessage), real.InitialWindowSize(1<<20), real.InitialConnWindowSize(3<<20)),
	} {
		for _, size := range []int{
			0, 1, maxFrame - prefixSize, maxFrame, defaultWindow - prefixSize, defaultWindow, 100_000, 1 << 20, MaxMessage,
		} {
			got, err := Call(dial(), "/test.Test/Echo", nil, big[:size])
			if err != nil || !bytes.Equal(got, big[:size]) {
				t.Errorf("%s: sent %d bytes, received %d, %v", name, size, len(got), err)
			}
		}
	}
}

// statusOf returns the Status in an error.
func statusOf(t *testing.T, err error) Status {
	t.Helper()
	var s *Status
	if !errors.As(err, &s) {
		t.Fatalf("%v is not a Status", err)
	}
	return *s
}

func TestStatusMessageIsOnePrintableLine(t *testing.T) {
	t.Parallel()
	dial := server(t)
	for text, want := range map[string]string{
		`container "web" in namespace "x": not found`: `container "web" in namespace "x": not found`,
		"":                                   "",
		"Behälter ☃ 没有":                      "Behälter ☃ 没有",
		"100 % of 5%41, %, %4":               "100 % of 5%41, %, %4",
		"two\nlines\tand\x00\x1b[1m":         "two lines and  [1m",
		"\n":                                 "",
		"broken \xff\xfe UTF-8":              "broken \uFFFD\uFFFD UTF-8", // as grpc-go sends it
		strings.Repeat("x", 5000):            strings.Repeat("x", MaxText),
		strings.Repeat("ß", 5000):            strings.Repeat("ß", MaxText/2),
		"x" + strings.Repeat("ß", MaxText/2): "x" + strings.Repeat("ß", MaxText/2-1),
	} {
		_, err := Call(dial(), "/test.Test/Fail", nil, []byte(text))
		if s := statusOf(t, err); s.Code != NotFound || s.Message != want {
			t.Errorf("%.50q: %d, %q", text, s.Code, s.Message)
		}
	}
}

func TestStatusError(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Status{
		"no such task (gRPC status 5)": {NotFound, "no such task"},
		"gRPC status 14":               {Unavailable, ""},
	} {
		if got := s.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	dial := server(t)
	for _, value := range []string{
		"services.linuxkit", strings.Repeat("y", 126), strings.Repeat("y", 127), strings.Repeat("y", 128), strings.Repeat("y", 5000),
	} {
		got, err := Call(dial(), "/test.Test/Metadata", [][2]string{{"other", "x"}, {"containerd-namespace", value}}, nil)
		if err != nil || string(got) != value {
			t.Errorf("sent %.20q, received %.20q, %v", value, got, err)
		}
	}
}

func TestUnknownMethod(t *testing.T) {
	t.Parallel()
	dial := server(t)
	_, err := Call(dial(), "/test.Test/Nothing", nil, nil)
	if s := statusOf(t, err); s.Code != int(codes.Unimplemented) || s.Message != "/test.Test/Nothing" {
		t.Error(err)
	}
}

// The request exceeds the server's window, so that it cannot be sent completely.
func TestStatusBeforeTheRequestIsSent(t *testing.T) {
	t.Parallel()
	_, err := Call(server(t)(), "/test.Test/Refuse", nil, make([]byte, 1<<20))
	if s := statusOf(t, err); s.Code != int(codes.PermissionDenied) || s.Message != "not you" {
		t.Error(err)
	}
}

func TestCallEndsAtTheDeadline(t *testing.T) {
	t.Parallel()
	dial := server(t)
	for _, size := range []int{0, 1 << 20} {
		conn, start := dial(), time.Now()
		if err := conn.SetDeadline(start.Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := Call(conn, "/test.Test/Hang", nil, make([]byte, size)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(start); took > deadline/2 {
			t.Error(took)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	t.Parallel()
	dial := server(t)
	_, err := Call(dial(), "/test.Test/Long", nil, nil)
	if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "too large") {
		t.Errorf("response: %v", err)
	}
	long := strings.Repeat("x", maxFrame)
	for name, call := range map[string]func() ([]byte, error){
		"request":  func() ([]byte, error) { return Call(nil, "/a.B/C", nil, make([]byte, MaxMessage+1)) },
		"method":   func() ([]byte, error) { return Call(nil, long, nil, nil) },
		"metadata": func() ([]byte, error) { return Call(nil, "/a.B/C", [][2]string{{"a", long}}, nil) },
	} {
		if _, err := call(); statusOf(t, err).Code != ResourceExhausted {
			t.Errorf("%s: %v", name, err)
		}
	}
}
