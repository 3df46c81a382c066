package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/fixtures/guest/busybox"
	"github.com/org/linuxkit-action/fixtures/guest/transcript"
)

func waitFor(t *testing.T, console *transcript.Transcript, text string) {
	t.Helper()
	if _, err := console.Wait(2*time.Minute, text); err != nil {
		t.Fatalf("%v\n%s", err, console)
	}
}

func options(t *testing.T, script string, console io.Writer) Options {
	t.Helper()
	return Options{
		Arch: "amd64", Accel: TCG, Memory: 256, CPUs: 1, Console: console,
		Kernel: busybox.Kernel(t), Initrd: busybox.Initrd(t, script), Cmdline: busybox.Cmdline,
	}
}

func TestConsoleIsCompleteAndAcceptsInput(t *testing.T) {
	t.Parallel()
	console := transcript.New()
	m, err := Start(t.Context(), options(t, "echo 'your name?'; read name; echo \"hello $name\"; poweroff -f", console))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	waitFor(t, console, "your name?")
	if err := m.Send("world\n"); err != nil {
		t.Fatal(err)
	}
	<-m.Done()
	for _, text := range []string{"Linux version", "hello world", "reboot: Power down"} {
		if !strings.Contains(console.String(), text) {
			t.Errorf("no %q on the console:\n%s", text, console)
		}
	}
	if got := lastEvent(m); got.Name != "SHUTDOWN" || got.Reason != "guest-shutdown" {
		t.Errorf("last event %+v", got)
	}
	if got := m.Exit(); !strings.Contains(got, "exit status 0") {
		t.Errorf("Exit = %q", got)
	}
}

func lastEvent(m *Machine) Event {
	var last Event
	for e := range m.Events() {
		last = e
	}
	return last
}

func TestMachineHasOptions(t *testing.T) {
	t.Parallel()
	console := transcript.New()
	o := options(t, "grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo; button; echo pressed; poweroff -f", console)
	o.Memory, o.CPUs, o.Disks, o.Ports = 200, 2, []int64{1 << 30, 1 << 20}, []int{80, 22}
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if a, b := m.Addr(80), m.Addr(22); !strings.HasPrefix(a, "127.0.0.1:") || a == b || m.Addr(443) != "" {
		t.Errorf("Addr of 80 is %q, of 22 %q, of 443, which is not forwarded, %q", a, b, m.Addr(443))
	}
	if info, err := os.Stat(filepath.Join(m.dir, "disk0.raw")); err != nil || info.Size() != 1<<30 {
		t.Errorf("disk: %v, %v", info, err)
	}
	waitFor(t, console, "MemTotal")
	if err := m.PowerButton(t.Context()); err != nil {
		t.Error(err)
	}
	<-m.Done()
	if !regexp.MustCompile(`MemTotal: +1\d{5} kB\n2\n(?s:.*)pressed`).MatchString(console.String()) {
		t.Errorf("memory, CPUs or power button differ:\n%s", console)
	}
}

func TestCloseEndsQEMUAndRemovesFiles(t *testing.T) {
	t.Parallel()
	m, err := Start(t.Context(), options(t, "sleep 600", transcript.New()))
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	m.Close()
	if err := m.cmd.Process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("QEMU still runs: %v", err)
	}
	if _, err := os.Stat(m.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s still exists: %v", m.dir, err)
	}
}

func TestMachineEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m, err := Start(ctx, options(t, "sleep 600", transcript.New()))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	cancel()
	select {
	case <-m.Done():
	case <-time.After(time.Minute):
		t.Error("QEMU still runs")
	}
}

// TestParent is the process that TestQEMUEndsWithKilledParent kills.
func TestParent(t *testing.T) {
	if os.Getenv("BOOTTEST_PARENT") == "" {
		return // an ordinary test run
	}
	m, err := Start(t.Context(), options(t, "sleep 600", transcript.New()))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("qemu %d\n", m.cmd.Process.Pid)
	<-m.Done()
}

func TestQEMUEndsWithKilledParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$")
	parent.Env = append(os.Environ(), "BOOTTEST_PARENT=1", "TMPDIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(bufio.NewReader(out), "qemu %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	qemu, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return // ended already
	} else if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(qemu)
	wait := []unix.PollFd{{Fd: int32(qemu), Events: unix.POLLIN}}
	for end := time.Now().Add(time.Minute); ; {
		n, err := unix.Poll(wait, int(time.Until(end).Milliseconds()))
		if n == 1 {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatalf("QEMU %d still runs (%v)", pid, err)
		}
	}
}

func TestStartReportsCause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"missing kernel":        {func(o *Options) { o.Kernel = "/nowhere/kernel" }, "/nowhere/kernel"},
		"unknown architecture":  {func(o *Options) { o.Arch = "vax" }, `architecture "vax" is not supported`},
		"disk of negative size": {func(o *Options) { o.Disks = []int64{-1} }, "disk0.raw"},
		"port out of range":     {func(o *Options) { o.Ports = []int{70000} }, "hostfwd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, "sleep 600", transcript.New())
			tt.change(&o)
			m, err := Start(t.Context(), o)
			if err == nil {
				m.Close()
			}
			if !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestBootFallsBackToTCG passes on hosts with a working KVM, a broken one and none: auto
// must boot, and kvm must boot or return the reason.
func TestBootFallsBackToTCG(t *testing.T) {
	t.Parallel()
	for _, accel := range []Accel{Auto, KVM} {
		t.Run(string(accel), func(t *testing.T) {
			t.Parallel()
			var notes []string
			console := transcript.New()
			o := options(t, "echo up; poweroff -f", console)
			o.Accel = accel
			m, err := Boot(t.Context(), o, func(n string) { notes = append(notes, n) })
			if err != nil {
				if accel != KVM || !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), "use --accel tcg") {
					t.Fatal(err)
				}
				return
			}
			defer m.Close()
			waitFor(t, console, "up")
			if fallback := m.Accel == TCG; fallback != (len(notes) == 1) {
				t.Errorf("accelerator %s, notes %q", m.Accel, notes)
			}
		})
	}
}
