package ready

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

const wait = 20 * time.Second

var reaper = func() *process.Reaper {
	r := process.NewReaper()
	go r.Reap(nil)
	return r
}()

// means are for tests: a service that is ready is asked all the time.
func means(t *testing.T) Means {
	t.Helper()
	null, err := process.DevNull()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return Means{
		Reaper: reaper, Null: null, Environ: []string{"PATH=/usr/bin:/bin"}, Settle: time.Millisecond, Steady: time.Millisecond,
		Socket: filepath.Join(t.TempDir(), "web.notify"),
	}
}

// followed is a proof that is followed until the test ends.
type followed struct {
	*testing.T
	*Proof
	news chan News
	end  func() // ends it and waits until it has
}

func follow(t *testing.T, r config.Ready) followed {
	t.Helper()
	p, err := Prepare(r, means(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := followed{T: t, Proof: p, news: make(chan News, 1000), end: nil}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Follow(ctx, os.Getpid(), func(n News) { f.news <- n })
	}()
	f.end = func() { cancel(); <-done }
	t.Cleanup(f.end)
	return f
}

// until waits for news that begin with text.
func (f followed) until(text string) {
	f.Helper()
	var seen []string
	for deadline := time.After(wait); ; {
		select {
		case n := <-f.news:
			seen = append(seen, show(n))
			if strings.HasPrefix(show(n), text) {
				return
			}
		case <-deadline:
			f.Fatalf("never: %s; seen %q", text, seen)
		}
	}
}

func TestWithNothingToProveItHasToLive(t *testing.T) {
	t.Parallel()
	follow(t, config.Ready{}).until("ready")
}

func TestTCP(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		f := follow(t, config.Ready{TCP: address})
		f.until("not: connect " + address + ": connection refused")
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		f.until("ready")
		l.Close()
		f.until("not: connect " + address + ": connection refused")
		f.end()
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	f := follow(t, config.Ready{File: path})
	f.until("not: stat " + path + ": no such file or directory")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	f.until("ready")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.until("not: stat ")
}

func TestExec(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	f := follow(t, config.Ready{Exec: []string{"/bin/sh", "-c", "echo noise; echo noise >&2; test -e " + path}})
	f.until("not: /bin/sh: exit 1")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	f.until("ready")
}

func TestACommandThatHangsIsKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := means(t).exec(ctx, []string{"/bin/sh", "-c", "sleep 1000"})
	if err == nil || err.Error() != "run /bin/sh: "+process.ErrTimeout.Error() {
		t.Errorf("%v", err)
	}
	if err := means(t).exec(context.Background(), []string{"/no/such/program"}); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Log: "now\x1b listening"})
	f.until(`not: it has not printed "now  listening"`)
	select {
	case n := <-f.news:
		t.Errorf("%s before a line was printed", show(n))
	default:
	}
	if f.Mark == nil {
		t.Fatal("there is no mark to look for")
	}
}

func TestDescriptor(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "fd"})
	f.until("not: it has not written a newline to descriptor 3")
	w := f.Files()[0]
	io.WriteString(w, "what s6 overlooks")
	io.WriteString(w, strings.Repeat("x", 10000)+"\n")
	f.until("ready")
	if _, err := io.WriteString(w, "more\nand more\n"); err != nil {
		t.Errorf("who goes on writing gets %v", err)
	}
	f.Started()
	f.end()
	if len(f.news) > 0 {
		t.Errorf("%d more news", len(f.news))
	}
}

func TestADescriptorThatIsClosedSaysNothing(t *testing.T) {
	t.Parallel()
	f := follow(t, config.Ready{Notify: "fd"})
	f.Started()
	f.until("not: it has not written")
	f.end()
	if len(f.news) > 0 {
		t.Errorf("%s", show(<-f.news))
	}
}

func TestWhatCannotBeProven(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]config.Ready{
		`ready: notify: "systemd" is neither sd nor fd`:                  {Notify: "systemd"},
		`ready: "db:80" is no address and port`:                          {TCP: "db:80"},
		`ready: "127.0.0.1" is no address and port`:                      {TCP: "127.0.0.1"},
		`ready: "127.0.0.1:0" is no address and port`:                    {TCP: "127.0.0.1:0"},
		`ready: "[fe80::1%eth0]:80" is no address and port`:              {TCP: "[fe80::1%eth0]:80"},
		`ready: "https://127.0.0.1:443/" is no address of a page`:        {HTTP: "https://127.0.0.1:443/"},
		`ready: "http://127.0.0.1:80/ HTTP/1.0" is no address of a page`: {HTTP: "http://127.0.0.1:80/ HTTP/1.0"},
		`ready: "127.0.0.1:80?x" is no address and port`:                 {HTTP: "http://127.0.0.1:80?x"},
	} {
		if _, err := Prepare(r, means(t)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
}

func TestCleanMakesOneShortLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"fine": "fine", "a\r\nb\x00\x1b[31m ": "a  b  [31m", "caf\u00e9 \u2028\xff": "caf\u00e9",
		strings.Repeat("x", 1000): strings.Repeat("x", maxText), strings.Repeat("x", maxText-1) + "\u00e9": strings.Repeat("x", maxText-1),
	} {
		if got := clean(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}
