package logs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const wait = 20 * time.Second

// losses are the errors that a stream has reported.
type losses struct {
	mu   sync.Mutex
	list []error
}

func (l *losses) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, err)
}

func (l *losses) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.list...)
}

func TestWriteReachesFileAndTail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.log")
	var tail Tail
	var lost losses
	s := Open(path, &tail, lost.add)
	write(t, s, "one\ntwo\n\nthree")
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "one\ntwo\n\nthree" {
		t.Errorf("file %q, %v", data, err)
	}
	if got := tail.Lines(2, 100); got != "two\nthree" || lost.err() != nil {
		t.Errorf("tail %q, lost %v", got, lost.err())
	}
}

func TestFloodIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.log")
	var tail Tail
	var lost losses
	s := Open(path, &tail, lost.add)
	p, err := s.Pipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 1023) + "\n"
	before := heap()
	const flood = 8 * maxFile
	for range flood / len(line) {
		io.WriteString(p.W, line)
	}
	io.WriteString(p.W, "last\n")
	p.Started()
	p.Drain(wait)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() > maxFile || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(path + ".2"); err == nil {
		t.Error("more than two files")
	}
	if got := tail.Lines(1, 100); got != "last" {
		t.Errorf("tail %q", got)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestUnwritableFileDoesNotBlock(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"full disk": "/dev/full", "no directory": "/no/such/dir/log", "directory": t.TempDir(),
	} {
		var tail Tail
		var lost losses
		s := Open(path, &tail, lost.add)
		p, err := s.Pipe(nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if _, err := io.WriteString(p.W, strings.Repeat("x", 4000)+"\n"); err != nil {
				t.Fatalf("%s: write: %v", name, err)
			}
		}
		io.WriteString(p.W, "last\n")
		p.Started()
		p.Drain(wait)
		if len(lost.list) != 1 || tail.Lines(1, 100) != "last" {
			t.Errorf("%s: losses %v, tail %q", name, lost.list, tail.Lines(1, 100))
		}
	}
}

func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	var tail Tail
	p, err := Open(filepath.Join(t.TempDir(), "l"), &tail, new(losses).add).Pipe(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.W.Close()
	p.Drain(10 * time.Millisecond)
	select {
	case <-p.done:
	case <-time.After(wait):
		t.Error("the pump still runs after Drain")
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var tail Tail
	for range 1000 {
		tail.Write([]byte("some words\n"))
	}
	tail.Write([]byte(strings.Repeat("y", 3*tailSize) + "\r\nend\n"))
	if got := tail.Lines(1, 100); got != "end" {
		t.Errorf("last line %q", got)
	}
	if got := tail.Lines(5, 10); len(got) != 10 || !strings.HasSuffix(got, "y\nend") {
		t.Errorf("limited to ten bytes: %q", got)
	}
	if len(tail.end) > tailSize {
		t.Errorf("tail keeps %d bytes", len(tail.end))
	}
	if got := new(Tail).Lines(5, 10); got != "" {
		t.Errorf("empty tail: %q", got)
	}
}
