package control

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/logs"
)

func write(t *testing.T, text string, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// lines returns the lines from, from+1, … to.
func lines(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString(strconv.Itoa(i) + "\n")
	}
	return b.String()
}

func TestLogs(t *testing.T) {
	t.Parallel()
	services, onboot := t.TempDir(), t.TempDir()
	dirs := []string{services, onboot}
	write(t, lines(1, 30), services, "web.log")
	write(t, "hello\n", services, "web.out.log")
	write(t, lines(1, 5), services, "fresh.log.1")
	write(t, lines(6, 7), services, "fresh.log")
	write(t, strings.Repeat("x", maxRead)+"\nlast\n", services, "long.log")
	write(t, "beep\a \x1b[2J \u009b2J tab\there ü", services, "control.log")
	write(t, "lease\n", onboot, "onboot.000-dhcp.log")
	write(t, "bye\n", onboot, "shutdown.010-dhcp.out.log")
	write(t, "no log\n", services, "web.txt")
	if err := unix.Mkfifo(filepath.Join(services, "fifo.log"), 0o644); err != nil {
		t.Fatal(err)
	}
	head := func(dir, name string) string { return "==> " + filepath.Join(dir, name) + " <==\n" }
	for name, tt := range map[string]struct {
		n    int
		want string
	}{
		"web":     {3, head(services, "web.log") + lines(28, 30) + "\n" + head(services, "web.out.log") + "hello\n"},
		"fresh":   {4, head(services, "fresh.log") + lines(4, 7)},
		"long":    {20, head(services, "long.log") + "last\n"},
		"control": {20, head(services, "control.log") + "beep? ?[2J ?2J tab\there ü"},
		"dhcp":    {20, head(onboot, "onboot.000-dhcp.log") + "lease\n\n" + head(onboot, "shutdown.010-dhcp.out.log") + "bye\n"},
	} {
		var out strings.Builder
		if err := Logs(&out, dirs, name, tt.n); err != nil || out.String() != tt.want {
			t.Errorf("%s: %q, %v, want %q", name, out.String(), err, tt.want)
		}
	}
	for _, name := range []string{"fifo", "wbe", "../web", "", filepath.Join(services, "web")} {
		if err := Logs(&strings.Builder{}, dirs, name, 1); !errors.Is(err, ErrNoLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := LogNames(append(dirs, "/no/such")); !reflect.DeepEqual(got, []string{"control", "dhcp", "fresh", "long", "web"}) {
		t.Errorf("names %q", got)
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]string{
		"web": "web", "web.out": "web", "onboot.000-dhcp": "dhcp", "onboot.000-a-b.out": "a-b", "shutdown.001-x": "x",
		"onboot.dhcp": "onboot.dhcp", "onboot.a-b": "onboot.a-b", "000-web": "000-web", "": "",
	} {
		if got := owner(log); got != want {
			t.Errorf("%s: %s, want %s", log, got, want)
		}
	}
}

// Lines over a rotation are complete, while the log is written and rotated.
func TestLogsHaveNoGapOverARotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.log")
	s := logs.Open(path, &logs.Tail{}, func(err error) { t.Error(err) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for from := 1; from < 1_000_000; from += 100 {
			_, _ = s.Write([]byte(lines(from, from+99))) // never fails
		}
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		text, err := lastLines(path, 1_000_000)
		if errors.Is(err, os.ErrNotExist) { // between rename and creation
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checkSequence(t, text)
	}
	text, err := lastLines(path, 1_000_000)
	if err != nil || !strings.HasSuffix(text, "\n1000000\n") || strings.Count(text, "\n") < 150_000 {
		t.Errorf("%d lines, %v", strings.Count(text, "\n"), err)
	}
}

// checkSequence checks that each line is the number after that of the line before, or comes after a
// marked gap. The last line may be one that is being written.
func checkSequence(t *testing.T, text string) {
	t.Helper()
	last := -1
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		switch {
		case line == gap:
			n = -1
		case err != nil || last >= 0 && n != last+1:
			t.Fatalf("line %q after %d", line, last)
		}
		last = n
	}
}
