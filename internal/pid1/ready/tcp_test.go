package ready

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve handles every connection with fn and returns the address.
func serve(t *testing.T, fn func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fn(c)
			}()
		}
	}()
	return l.Addr().String()
}

// respond reads the request and writes text.
func respond(text string) func(net.Conn) {
	return func(c net.Conn) {
		for buf := make([]byte, 0, 1000); !strings.Contains(string(buf), "\r\n\r\n"); {
			n, err := c.Read(buf[len(buf):cap(buf)])
			if err != nil {
				return
			}
			buf = buf[:len(buf)+n]
		}
		io.WriteString(c, text)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	hang := func(c net.Conn) { io.Copy(io.Discard, c) }
	for name, tt := range map[string]struct {
		server func(net.Conn)
		want   string
	}{
		"200":                     {respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ""},
		"redirect":                {respond("HTTP/1.0 302 Matched\n\n"), ""},
		"no reason phrase":        {respond("HTTP/1.1 204\r\n\r\n"), ""},
		"cut off behind the code": {respond("HTTP/1.1 200"), ""},
		"long reason phrase":      {respond("HTTP/1.1 200 " + strings.Repeat("x", 1<<20)), ""},
		"404":                     {respond("HTTP/1.1 404 Not Matched\r\n\r\n"), ": status 404"},
		"500":                     {respond("HTTP/1.1 500 Oh\r\n\r\n"), ": status 500"},
		"empty response":          {respond(""), "not HTTP"},
		"another protocol":        {respond("220 mail.example ESMTP\r\n"), "not HTTP"},
		"four digits":             {respond("HTTP/1.1 2000 OK\r\n\r\n"), "not HTTP"},
		"negative code":           {respond("HTTP/1.1 -20 OK\r\n\r\n"), "not HTTP"},
		"endless status line":     {func(c net.Conn) { io.Copy(c, strings.NewReader(strings.Repeat("x", 1<<20))) }, "not HTTP"},
		"no response":             {hang, "i/o timeout"},
		"half of the status line": {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 2"); hang(c) }, "i/o timeout"},
		"one byte at a time":      {func(c net.Conn) { drip(c, "HTTP/1.1 ") }, "not HTTP"},
		"endless header":          {func(c net.Conn) { respond("HTTP/1.1 200 OK\r\n")(c); drip(c, strings.Repeat("X: y\r\n", 1<<20)) }, ""},
		"connection reset":        {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, "connection reset by peer|broken fdProbe|not HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := checkPage(t, "http://"+serve(t, tt.server)+"/health?full=1")
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && !matches(err, tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

func matches(err error, want string) bool {
	for w := range strings.SplitSeq(strings.ReplaceAll(want, "not HTTP", errNotHTTP.Error()), "|") {
		if err != nil && strings.Contains(err.Error(), w) {
			return true
		}
	}
	return false
}

// drip writes text and then one byte a millisecond, until the peer closes the connection.
func drip(c net.Conn, text string) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(c, text); err == nil; _, err = io.WriteString(c, " ") {
		<-tick.C
	}
}

func checkPage(t *testing.T, url string) error {
	t.Helper()
	check, err := http(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return check(ctx, os.Getpid())
}

func TestHTTPRequest(t *testing.T) {
	t.Parallel()
	request := make(chan string, 1)
	address := serve(t, func(c net.Conn) {
		buf := make([]byte, 1000)
		n, _ := c.Read(buf)
		request <- string(buf[:n])
	})
	for path, want := range map[string]string{"/a?b": "/a?b", "": "/", "/": "/"} {
		_ = checkPage(t, "http://"+address+path)
		if got := <-request; got != "GET "+want+" HTTP/1.0\r\nHost: "+address+"\r\nUser-Agent: linuxkit-init\r\n\r\n" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// A listener with a full backlog does not answer a connect.
func TestDialTimeout(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to, err := parseAddress("tcp", "127.0.0.1:"+strconv.Itoa(name.(*unix.SockaddrInet4).Port))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // until its backlog is full
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		var f *os.File
		if f, err = dial(ctx, to, os.Getpid()); err != nil {
			break
		}
		defer f.Close()
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// The kernel may choose the checked port as the source port.
func TestConnectToSelfIsNotReady(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, own); err != nil {
		t.Fatal(err)
	}
	if done, err := connected(fd); !done || !errors.Is(err, errSelfConnect) {
		t.Errorf("%v, %v", done, err)
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404", "HTTP/1.1 99 x", "HTTP/2 200", "", "HTTP/1.1 +20 ", "SSH-2.0",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		status, err := parseStatus(answer)
		if err == nil && (status < 100 || status > 999 || !strings.HasPrefix(string(answer), "HTTP/1.")) {
			t.Errorf("%d from %q", status, answer)
		}
	})
}
