package containerd

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

// TestMain runs RuncShim if the test binary is called by the name of runc.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != RuncName {
		go reaper.Reap(nil)
		os.Exit(m.Run())
	}
	code, err := RuncShim(os.Args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

const wait = 20 * time.Second

// reaper reaps every child of the test process, so all tests share it.
var reaper = process.NewReaper()

var environ = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

func null(t *testing.T) *os.File {
	t.Helper()
	f, err := process.DevNull()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// script writes an executable shell script.
func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until a file contains exactly want.
func eventually(t *testing.T, path, want string) {
	t.Helper()
	var got []byte
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got, _ = os.ReadFile(path); string(got) == want {
			return
		}
	}
	t.Fatalf("%s: %q, want %q", path, got, want)
}

// warnings collects warnings.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(msg string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, msg)
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list
}
