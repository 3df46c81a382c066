package process

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

const wait = 20 * time.Second

// reaper reaps every child of the test process, so all tests share it.
var reaper = func() *Reaper {
	r := NewReaper()
	go r.Reap(nil)
	return r
}()

func shell(t *testing.T, script string) Program {
	t.Helper()
	null, err := DevNull()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return Program{
		Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"},
		Stdin: null, Stdout: null, Stderr: null,
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"true": "exit 0", "exit 3": "exit 3", "exit 137": "exit 137", "kill -9 $$": "signal SIGKILL", "kill -TERM $$": "signal SIGTERM",
	} {
		status, err := reaper.Run(context.Background(), shell(t, script))
		if got := OutcomeOf(status).String(); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", script, got, err, want)
		}
	}
}

func TestRunReturnsEachExitStatus(t *testing.T) {
	t.Parallel()
	results := make(chan string)
	const many = 60
	for i := range many {
		go func() {
			status, err := reaper.Run(context.Background(), shell(t, "exit "+strconv.Itoa(i)))
			if err != nil || status.ExitStatus() != i {
				results <- "got exit status " + strconv.Itoa(status.ExitStatus()) + ", want " + strconv.Itoa(i)
				return
			}
			results <- ""
		}()
	}
	for range many {
		if r := <-results; r != "" {
			t.Error(r)
		}
	}
}

// The pid of a container's process is unknown until runc's pid file is read.
func TestHoldKeepsStatusUntilClaim(t *testing.T) {
	t.Parallel()
	release := reaper.Hold()
	defer release()
	p := shell(t, "exit 7")
	pid, err := syscall.ForkExec(p.Args[0], p.Args, &syscall.ProcAttr{Env: p.Env})
	if err != nil {
		t.Fatal(err)
	}
	if state := waitState(t, pid); state != "Z" {
		t.Fatalf("state %q, want a zombie", state)
	}
	reaper.sweep()
	if state := waitState(t, pid); state != "Z" {
		t.Fatal("reaped during a hold")
	}
	c := reaper.Claim(pid)
	if !c.WaitFor(wait) || c.Status().ExitStatus() != 7 {
		t.Errorf("status %v, want exit 7", c.Status())
	}
}

// waitState waits until a process is a zombie or gone, and returns its state.
func waitState(t *testing.T, pid int) string {
	t.Helper()
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		_, rest, _ := strings.Cut(file.Line("/proc/"+strconv.Itoa(pid)+"/stat"), ") ")
		if rest == "" || rest[0] == 'Z' {
			return rest[:min(1, len(rest))]
		}
	}
	t.Fatal("the process still runs")
	return ""
}

func TestReapsUnclaimedZombies(t *testing.T) {
	t.Parallel()
	p := shell(t, "exit 0")
	pid, err := syscall.ForkExec(p.Args[0], p.Args, &syscall.ProcAttr{Env: p.Env})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(wait); ; time.Sleep(time.Millisecond) {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the orphan is still a zombie")
		}
	}
}

func TestRunTimeoutKillsProcessGroup(t *testing.T) {
	t.Parallel()
	pidFile := t.TempDir() + "/pid"
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := reaper.Run(ctx, shell(t, "sleep 1000 & echo $! > "+pidFile+"; wait"))
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("error %v, want ErrTimeout", err)
	}
	if text := file.Line(pidFile); text != "" {
		pid, _ := strconv.Atoi(text)
		if state := waitState(t, pid); state == "S" {
			t.Error("its child still runs")
		}
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("power button")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if _, err := reaper.Run(ctx, shell(t, "true")); !errors.Is(err, cause) {
		t.Errorf("error %v, want the cause", err)
	}
	missing := shell(t, "")
	missing.Args[0] = "/no/such/program"
	_, err := reaper.Run(context.Background(), missing)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("error %v, want not found with the program's name", err)
	}
}

func TestSignalAfterExitFails(t *testing.T) {
	t.Parallel()
	c, err := reaper.Start(shell(t, "true"))
	if err != nil || !c.WaitFor(wait) {
		t.Fatal(err)
	}
	if err := c.Signal(unix.SIGKILL, false); !errors.Is(err, unix.ESRCH) {
		t.Errorf("error %v, want ESRCH", err)
	}
}

func TestStartSetsSessionAndBlockingOutput(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := shell(t, "cut -d' ' -f6 /proc/$$/stat; echo $$; grep flags /proc/$$/fdinfo/1")
	p.Stdout = w
	if status, err := reaper.Run(context.Background(), p); err != nil || status != 0 {
		t.Fatal(status, err)
	}
	w.Close()
	buf := make([]byte, 4096)
	n, _ := r.Read(buf)
	lines := strings.Split(string(buf[:n]), "\n")
	if len(lines) < 3 || lines[0] != lines[1] {
		t.Fatalf("session, pid, flags: %q; the child does not lead its session", lines)
	}
	flags, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(lines[2], "flags:")), 8, 64)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("%q: the child's output does not block", lines[2])
	}
	for _, f := range []*os.File{r, p.Stdin} {
		if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d is inherited by children", f.Fd())
		}
	}
}

func TestStartPassesFiles(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := shell(t, "echo third >&3; echo fourth >&4")
	p.Files = []*os.File{w, w}
	if status, err := reaper.Run(context.Background(), p); err != nil || status != 0 {
		t.Fatal(status, err)
	}
	w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "third\nfourth\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestIgnoresSignal(t *testing.T) {
	t.Parallel()
	if IgnoresSignal(os.Getpid(), unix.SIGTERM) {
		t.Error("reported for a process that is not the first of its pid namespace")
	}
	for name, tt := range map[string]struct {
		script string
		want   bool
	}{
		"no handler": {"sleep 1000; true", true},
		"a handler":  {"trap 'exit 0' TERM; echo; while :; do sleep 1; done", false},
		"ignored":    {"trap '' TERM; echo; while :; do sleep 1; done", false},
	} {
		pid := firstProcess(t, tt.script)
		for end := time.Now().Add(wait); IgnoresSignal(pid, unix.SIGTERM) != tt.want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: want %v", name, tt.want)
			}
		}
	}
}

// firstProcess starts a shell as the first process of a pid namespace.
func firstProcess(t *testing.T, script string) int {
	t.Helper()
	p := shell(t, script)
	attr := &syscall.ProcAttr{Env: p.Env, Sys: &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | userNS()}}
	release := reaper.Hold()
	defer release()
	pid, err := syscall.ForkExec(p.Args[0], p.Args, attr)
	if err != nil {
		t.Fatal(err)
	}
	c := reaper.Claim(pid)
	t.Cleanup(func() { _ = c.Signal(unix.SIGKILL, false); c.WaitFor(wait) })
	return pid
}

// userNS returns the flag that lets an unprivileged user make namespaces.
func userNS() uintptr {
	if os.Getuid() == 0 {
		return 0
	}
	return syscall.CLONE_NEWUSER
}

func TestCgroupOfOwnProcessIsEmpty(t *testing.T) {
	t.Parallel()
	c, err := reaper.Start(shell(t, "exec sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	g := CgroupOf(c.Pid)
	if g != "" {
		t.Errorf("got %q, the cgroup of the test itself", g)
	}
	c.KillAll(g)
	if !c.WaitFor(wait) {
		t.Error("KillAll without a cgroup did not kill the process")
	}
}

func TestCgroupOf(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"web", "pids/web", "systemd/web", "cpu,cpuacct/web", "devices"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "cgroup.procs"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct{ own, target, want string }{
		"version 2":                        {own: "0::/", target: "0::/web", want: "web"},
		"version 1":                        {own: "3:pids:/ 2:devices:/", target: "3:pids:/web 2:devices:/", want: "pids/web"},
		"name=systemd":                     {own: "9:name=systemd:/", target: "9:name=systemd:/web", want: "systemd/web"},
		"two controllers":                  {own: "4:cpu,cpuacct:/", target: "4:cpu,cpuacct:/web", want: "cpu,cpuacct/web"},
		"hybrid":                           {own: "3:pids:/ 0::/", target: "3:pids:/web 0::/web", want: "web"},
		"no version 2 cgroup":              {own: "3:pids:/ 0::/", target: "3:pids:/web 0::/", want: "pids/web"},
		"own cgroup":                       {own: "3:pids:/web 0::/web", target: "3:pids:/web 0::/web", want: ""},
		"root of the hierarchy":            {own: "3:pids:/web", target: "3:pids:/", want: ""},
		"hierarchy is not mounted":         {own: "7:rdma:/ 3:pids:/", target: "7:rdma:/web 3:pids:/web", want: "pids/web"},
		"outside of the cgroup namespace":  {own: "0::/", target: "0::/../web", want: ""},
		"missing, with colons in the name": {own: "0::/", target: "0::/a:b:c", want: ""},
		"process has exited":               {own: "0::/", target: "", want: ""},
		"malformed line":                   {own: "0::/", target: "0 :: web", want: ""},
	} {
		want := Cgroup("")
		if tt.want != "" {
			want = Cgroup(filepath.Join(root, tt.want))
		}
		if got := cgroupOf(root, strings.Fields(tt.own), strings.Fields(tt.target)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Processes in their own sessions, without a pid namespace, are found by their cgroup alone.
func TestKillAllCgroupV1(t *testing.T) {
	t.Parallel()
	dir := cgroupV1(t)
	c, err := reaper.Start(shell(t, "cd "+dir+"; echo $$ >> cgroup.procs; "+
		"for d in . inner; do setsid sleep 1000 & echo $! >> $d/cgroup.procs; done; wait"))
	if err != nil {
		t.Fatal(err)
	}
	pids := processes(t, dir, 3)
	c.KillAll(Cgroup(dir))
	for _, pid := range pids {
		if state := waitState(t, pid); state != "" && state != "Z" {
			t.Errorf("process %d is %q", pid, state)
		}
	}
	if !c.WaitFor(wait) {
		t.Error("the child still runs")
	}
}

// cgroupV1 makes a cgroup with a nested one: a real one if that is allowed, else directories of the
// same layout, in which the processes write their pids.
func cgroupV1(t *testing.T) string {
	t.Helper()
	dir := cgroupRoot + "/pids/process-test-" + strconv.Itoa(os.Getpid())
	if os.Mkdir(dir, 0o755) != nil {
		dir = t.TempDir()
	}
	if err := os.Mkdir(dir+"/inner", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = os.Remove(dir+"/inner"), os.Remove(dir) }) // a real cgroup is removable once it is empty
	return dir
}

// processes waits until count processes are in the cgroup.
func processes(t *testing.T, dir string, count int) []int {
	t.Helper()
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		outer, _ := os.ReadFile(dir + "/cgroup.procs")
		inner, _ := os.ReadFile(dir + "/inner/cgroup.procs")
		if fields := strings.Fields(string(outer) + string(inner)); len(fields) == count {
			pids := make([]int, count)
			for i, field := range fields {
				pids[i], _ = strconv.Atoi(field)
			}
			return pids
		}
	}
	t.Fatal("the processes did not start")
	return nil
}

func TestSignalNameUnknown(t *testing.T) {
	t.Parallel()
	if got := SignalName(37); got != "SIG37" {
		t.Error(got)
	}
}
