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

// serveHere answers on a socket of its own until the test ends: by repeating
// the request, or slowly when the name is "slow".
func serveHere(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dir", "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.Serve(func(r Request) Answer {
			if r.Verb == "panic" {
				panic("handler")
			}
			return Answer{Text: r.Verb + " of " + r.Name + "\n", Code: len(r.Name)}
		})
	}()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-over:
		case <-time.After(wait):
			t.Error("Serve goes on after Close")
		}
	})
	return path
}

func ask(t *testing.T, path, name string) {
	t.Helper()
	got, err := Ask(path, Request{"status", name}, wait)
	if err != nil || got != (Answer{"status of " + name + "\n", len(name)}) {
		t.Errorf("answer %+v, %v", got, err)
	}
}

func TestARequestIsAnswered(t *testing.T) {
	t.Parallel()
	path := serveHere(t)
	ask(t, path, "web")
	ask(t, path, "a name with blanks")
	ask(t, path, "")
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("socket %v, %v: others than root may use it", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %v, %v", info.Mode(), err)
	}
}

func TestOthersThanTheOwnerAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.owner++
	go s.Serve(func(Request) Answer {
		t.Error("a stranger was heard")
		return Answer{}
	})
	if _, err := Ask(path, Request{Verb: "status"}, wait); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stranger got %v", err)
	}
}

func TestASocketThatIsLeftFromBeforeIsReplaced(t *testing.T) {
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

func TestFiftyClientsAtOnce(t *testing.T) {
	t.Parallel()
	path := serveHere(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { ask(t, path, strings.Repeat("x", i)) })
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
	_, _ = io.WriteString(f, data) // the server may well cut it off
	return f
}

func TestHostileClientsAreCutOffAndOthersServed(t *testing.T) {
	t.Parallel()
	path := serveHere(t)
	const refused = "no request: it is one line of a verb and a name\nexit 2\n"
	for name, tt := range map[string]struct{ data, want string }{
		"says nothing":      {"", refused},
		"half a line":       {"stop w", refused},
		"an empty line":     {" \n", refused},
		"two lines at once": {"stop a\nstop b\n", refused},
		"a zero byte":       {"stop a\x00\n", refused},
		"too long by one":   {strings.Repeat("x", MaxRequest) + "\n", refused},
		"a panic":           {"panic now\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := io.ReadAll(hostile(t, path, tt.data))
			if string(got) != tt.want && !(err != nil && tt.want == refused) { // what was not read resets the connection
				t.Errorf("answer %q, %v", got, err)
			}
			ask(t, path, "web")
		})
	}
	t.Run("a megabyte", func(t *testing.T) {
		t.Parallel()
		f := hostile(t, path, strings.Repeat("x", 1<<20))
		if _, err := io.ReadAll(f); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("it was not cut off")
		}
		ask(t, path, "web")
	})
	t.Run("leaves at once", func(t *testing.T) {
		t.Parallel()
		for range 100 {
			_ = hostile(t, path, "status web\n").Close()
		}
		ask(t, path, "web")
	})
}

func TestSilentClientsHoldTheirPlacesForAWhileOnly(t *testing.T) {
	t.Parallel()
	path := serveHere(t)
	for range 2 * maxClients {
		hostile(t, path, "")
	}
	began := time.Now()
	ask(t, path, "web")
	if took := time.Since(began); took > 4*sendWait {
		t.Errorf("it took %v to come to a client that has something to say", took)
	}
}

func TestAClientThatDoesNotReadIsDropped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go s.Serve(func(Request) Answer { return Answer{Text: strings.Repeat("long\n", maxAnswer)} })
	deaf := hostile(t, path, "status\n")
	for end := time.Now().Add(wait); len(s.places) < 2 && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	for end := time.Now().Add(wait); len(s.places) > 1; time.Sleep(time.Millisecond) { // one is for the next
		if time.Now().After(end) {
			t.Fatal("it keeps its place")
		}
	}
	if data, err := io.ReadAll(bufio.NewReader(deaf)); err != nil || strings.HasSuffix(string(data), "exit 0\n") {
		t.Errorf("%d bytes, %v: the answer fits the socket's buffer, so nothing was tried", len(data), err)
	}
}

func TestALongAnswerIsCutAtALineAndSaysSo(t *testing.T) {
	t.Parallel()
	got, err := parseAnswer(Answer{Text: strings.Repeat("a line\n", maxAnswer), Code: 1}.String())
	if err != nil || got.Code != 1 || !strings.HasSuffix(got.Text, "a line\n…\n") || len(got.Text) > maxAnswer+10 {
		t.Errorf("%d bytes, code %d, %v", len(got.Text), got.Code, err)
	}
}

func TestAnAnswerThatIsNotWholeIsNone(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing": "", "no status": "web: stopped\n", "cut in the status": "web: stopped\nexit 1", "cut before it": "web: stopped\nex",
		"no number": "exit x\n", "a number too large": "exit 256\n", "more behind it": "exit 0\nweb\n",
	} {
		if got, err := parseAnswer(data); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := parseAnswer("exit 0\nexit 1\n"); err != nil || got != (Answer{"exit 0\n", 1}) {
		t.Errorf("the last line is the status: %+v, %v", got, err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("web: ready\nexit 0\n")
	f.Fuzz(func(t *testing.T, data string) {
		if a, err := parseAnswer(data); err == nil && len(data) < maxAnswer {
			if again, err := parseAnswer(a.String()); err != nil || again != a {
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

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	if _, err := Ask(path, Request{Verb: "status"}, wait); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := Ask(path, Request{Verb: ""}, wait); !errors.Is(err, ErrRequest) {
		t.Errorf("no verb: %v", err)
	}
}

func TestAServerThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "control")
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Ask(path, Request{Verb: "status"}, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody serves, and yet: %v", err)
	}
}
