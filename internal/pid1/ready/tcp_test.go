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

// serve answers every connection with fn and returns the address.
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

// answer reads the request and writes text.
func answer(text string) func(net.Conn) {
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
		"fine":                 {answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ""},
		"found elsewhere":      {answer("HTTP/1.0 302 Found\n\n"), ""},
		"without a reason":     {answer("HTTP/1.1 204\r\n\r\n"), ""},
		"cut off behind it":    {answer("HTTP/1.1 200"), ""},
		"a long reason":        {answer("HTTP/1.1 200 " + strings.Repeat("x", 1<<20)), ""},
		"not found":            {answer("HTTP/1.1 404 Not Found\r\n\r\n"), ": status 404"},
		"broken":               {answer("HTTP/1.1 500 Oh\r\n\r\n"), ": status 500"},
		"says nothing":         {answer(""), "no HTTP"},
		"another protocol":     {answer("220 mail.example ESMTP\r\n"), "no HTTP"},
		"a number of four":     {answer("HTTP/1.1 2000 OK\r\n\r\n"), "no HTTP"},
		"below all numbers":    {answer("HTTP/1.1 -20 OK\r\n\r\n"), "no HTTP"},
		"a line without end":   {func(c net.Conn) { io.Copy(c, strings.NewReader(strings.Repeat("x", 1<<20))) }, "no HTTP"},
		"never answers":        {hang, "i/o timeout"},
		"half of a line":       {func(c net.Conn) { io.WriteString(c, "HTTP/1.1 2"); hang(c) }, "i/o timeout"},
		"one byte at a time":   {func(c net.Conn) { drip(c, "HTTP/1.1 ") }, "no HTTP"},
		"header without end":   {func(c net.Conn) { answer("HTTP/1.1 200 OK\r\n")(c); drip(c, strings.Repeat("X: y\r\n", 1<<20)) }, ""},
		"closes at once, hard": {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, "connection reset by peer|broken pipe|no HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := askPage(t, "http://"+serve(t, tt.server)+"/health?full=1")
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
	for w := range strings.SplitSeq(strings.ReplaceAll(want, "no HTTP", errNoHTTP.Error()), "|") {
		if err != nil && strings.Contains(err.Error(), w) {
			return true
		}
	}
	return false
}

// drip writes text and then a byte from time to time, until nobody reads any more.
func drip(c net.Conn, text string) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(c, text); err == nil; _, err = io.WriteString(c, " ") {
		<-tick.C
	}
}

func askPage(t *testing.T, url string) error {
	t.Helper()
	ask, err := http(url)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return ask(ctx, os.Getpid())
}

func TestTheRequestIsWhatAServerUnderstands(t *testing.T) {
	t.Parallel()
	request := make(chan string, 1)
	address := serve(t, func(c net.Conn) {
		buf := make([]byte, 1000)
		n, _ := c.Read(buf)
		request <- string(buf[:n])
	})
	for path, want := range map[string]string{"/a?b": "/a?b", "": "/", "/": "/"} {
		_ = askPage(t, "http://"+address+path)
		if got := <-request; got != "GET "+want+" HTTP/1.0\r\nHost: "+address+"\r\nUser-Agent: linuxkit-init\r\n\r\n" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// A listener whose queue is full leaves a connect without an answer.
func TestAPortThatTakesNobodyIsLeftInTime(t *testing.T) {
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
	to, err := parseAddress("127.0.0.1:" + strconv.Itoa(name.(*unix.SockaddrInet4).Port))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // until its queue is full
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

// The kernel may choose the very port that is asked for as the sender's own.
func TestAConnectionToItselfIsNone(t *testing.T) {
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
	if done, err := connected(fd); !done || !errors.Is(err, errSelf) {
		t.Errorf("%v, %v", done, err)
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, text := range []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404", "HTTP/1.1 99 x", "HTTP/2 200", "", "HTTP/1.1 +20 ", "SSH-2.0"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		status, err := parseStatus(answer)
		if err == nil && (status < 100 || status > 999 || !strings.HasPrefix(string(answer), "HTTP/1.")) {
			t.Errorf("%d from %q", status, answer)
		}
	})
}
