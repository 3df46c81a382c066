package control

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const wait = 30 * time.Second

// startServer serves a socket until the test ends. It echoes requests, and panics for the verb panic.
func startServer(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dir", "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.Serve(func(_ Peer, r Request) Response {
			if r.Verb == "panic" {
				panic("handler")
			}
			return Response{Text: r.Verb + " of " + r.Name + "\n", Code: len(r.Name)}
		})
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-over:
		case <-time.After(wait):
			t.Error("Serve still runs after Close")
		}
	})
	return path
}

func checkCall(t *testing.T, path, name string) {
	t.Helper()
	got, err := Call(path, Request{Verb: "status", Name: name}, wait)
	if err != nil || got != (Response{Text: "status of " + name + "\n", Code: len(name)}) {
		t.Errorf("response %+v, %v", got, err)
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	path := startServer(t)
	checkCall(t, path, "web")
	checkCall(t, path, "a name with blanks")
	checkCall(t, path, "")
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("socket %v, %v; want mode 0600", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", info.Mode(), err)
	}
}

func TestOtherUsersAreRejected(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.owner++
	go s.Serve(func(Peer, Request) Response {
		t.Error("a request of another user was handled")
		return Response{}
	})
	if _, err := Call(path, Request{Verb: "status"}, wait); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("another user got %v", err)
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	for range 2 {
		s, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	path := startServer(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { checkCall(t, path, strings.Repeat("x", i)) })
	}
	all.Wait()
}

// hostile connects and sends data.
func hostile(t *testing.T, path, data string) *os.File {
	t.Helper()
	f, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, data) // the server may close the connection
	return f
}

func TestHostileClients(t *testing.T) {
	t.Parallel()
	path := startServer(t)
	const refused = "invalid request: must be one line: VERB [NAME]\nexit 2\n"
	for name, tt := range map[string]struct{ data, want string }{
		"no data":              {"", refused},
		"partial line":         {"stop w", refused},
		"empty line":           {" \n", refused},
		"two lines":            {"stop a\nstop b\n", refused},
		"NUL byte":             {"stop a\x00\n", refused},
		"too long by one":      {strings.Repeat("x", maxRequest) + "\n", refused},
		"panic in the handler": {"panic now\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := io.ReadAll(hostile(t, path, tt.data))
			if string(got) != tt.want && !(err != nil && tt.want == refused) { // unread data resets the connection
				t.Errorf("response %q, %v", got, err)
			}
			checkCall(t, path, "web")
		})
	}
	t.Run("one megabyte", func(t *testing.T) {
		t.Parallel()
		f := hostile(t, path, strings.Repeat("x", 1<<20))
		if _, err := io.ReadAll(f); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the server did not close the connection")
		}
		checkCall(t, path, "web")
	})
	t.Run("disconnects at once", func(t *testing.T) {
		t.Parallel()
		path := startServer(t) // so many clients take the place of the idle ones above
		for range 100 {
			_ = hostile(t, path, "status web\n").Close()
		}
		checkCall(t, path, "web")
	})
}

// Idle clients, more than are served at once, delay no other.
func TestIdleClientsDelayNoOther(t *testing.T) {
	t.Parallel()
	path := startServer(t)
	for range 3 * maxClients {
		hostile(t, path, "sta")
	}
	began := time.Now()
	checkCall(t, path, "web")
	if took := time.Since(began); took > ioTimeout/2 {
		t.Errorf("another client was served after %v", took)
	}
}

func TestIdleClientTimesOut(t *testing.T) {
	t.Parallel()
	client := hostile(t, startServer(t), "sta")
	if got, err := io.ReadAll(client); err != nil || !strings.HasPrefix(string(got), ErrRequest.Error()) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestClientThatDoesNotReadTimesOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go s.Serve(func(Peer, Request) Response { return Response{Text: strings.Repeat("long\n", maxResponse)} })
	client := hostile(t, path, "status\n")
	for end := time.Now().Add(wait); len(s.slots) < 1 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	for end := time.Now().Add(wait); len(s.slots) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the client keeps its slot")
		}
	}
	if data, err := io.ReadAll(bufio.NewReader(client)); err != nil || strings.HasSuffix(string(data), "exit 0\n") {
		t.Errorf("%d bytes, %v; the response fits the socket buffer", len(data), err)
	}
}

func TestLongResponseIsTruncated(t *testing.T) {
	t.Parallel()
	got, err := parseResponse(Response{Text: strings.Repeat("a line\n", maxResponse), Code: 1}.String())
	if err != nil || got.Code != 1 || !strings.HasSuffix(got.Text, "a line\n…\n") || len(got.Text) > maxResponse+10 {
		t.Errorf("%d bytes, code %d, %v", len(got.Text), got.Code, err)
	}
}

func TestParseResponseErrors(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"empty": "", "no status": "web: stopped\n", "cut in the status": "web: stopped\nexit 1", "cut before it": "web: stopped\nex",
		"not a number": "exit x\n", "number too large": "exit 256\n", "text after the status": "exit 0\nweb\n",
	} {
		if got, err := parseResponse(data); !errors.Is(err, ErrResponse) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := parseResponse("exit 0\nexit 1\n"); err != nil || got != (Response{Text: "exit 0\n", Code: 1}) {
		t.Errorf("two status lines: %+v, %v", got, err)
	}
}

func FuzzParseResponse(f *testing.F) {
	f.Add("web: ready\nexit 0\n")
	f.Fuzz(func(t *testing.T, data string) {
		if a, err := parseResponse(data); err == nil && len(data) < maxResponse {
			if again, err := parseResponse(a.String()); err != nil || again != a {
				t.Errorf("%q: %+v and again %+v, %v", data, a, again, err)
			}
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add("restart web\n")
	f.Fuzz(func(t *testing.T, data string) {
		r, err := parseRequest(data)
		if err != nil {
			return
		}
		if again, err := parseRequest(r.line()); err != nil || again != r || strings.ContainsAny(r.Verb+r.Name, "\n\x00") {
			t.Errorf("%q: %+v and again %+v, %v", data, r, again, err)
		}
	})
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	if _, err := Call(path, Request{Verb: "status"}, wait); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := Call(path, Request{Verb: ""}, wait); !errors.Is(err, ErrRequest) {
		t.Errorf("no verb: %v", err)
	}
}

func TestCallTimeout(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Call(path, Request{Verb: "status"}, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without Serve: %v", err)
	}
}
