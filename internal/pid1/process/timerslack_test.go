package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// TestMain relaxes the timer slack of the test binary if RELAX is set.
func TestMain(m *testing.M) {
	if os.Getenv("RELAX") != "" {
		RelaxTimerSlack()
	}
	os.Exit(m.Run())
}

// runRelaxed runs the test in a child process with relaxed timer slack, since slack belongs to a
// whole program. It reports whether this is the child. The tests are not parallel:
// RestoreTimerSlack changes all relaxed threads of the machine.
func runRelaxed(t *testing.T) bool {
	t.Helper()
	if os.Getenv("RELAX") != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("changing the slack of other processes needs root")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "RELAX=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return false
}

func TestStartTimerSlack(t *testing.T) {
	if !runRelaxed(t) {
		return
	}
	for _, tid := range ownThreads() {
		if got := slackOf(tid); got != nanoseconds(relaxedSlack) {
			t.Errorf("thread %s: slack %s", tid, got)
		}
	}
	for name, tt := range map[string]struct {
		relaxed bool
		want    time.Duration
	}{"container runtime": {true, relaxedSlack}, "other program": {false, defaultSlack}} {
		out := filepath.Join(t.TempDir(), "slack")
		p := shell(t, "cat /proc/self/timerslack_ns >"+out)
		p.RelaxedSlack = tt.relaxed
		c, err := reaper.Start(p)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if got := file.Line(out); got != nanoseconds(tt.want) {
			t.Errorf("%s: slack %q, want %s", name, got, nanoseconds(tt.want))
		}
	}
}

func TestRestoreContainerSlack(t *testing.T) {
	if !runRelaxed(t) {
		return
	}
	pid := sleeper(t)
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	RestoreContainerSlack(number, "")
	if got := slackOf(pid); got != nanoseconds(defaultSlack) {
		t.Errorf("container: slack %s", got)
	}
	if got := slackOf("self"); got != nanoseconds(relaxedSlack) {
		t.Errorf("PID 1: slack %s", got)
	}
}

// Threads that are made during a change are found too.
func TestChangeSlackFindsNewThreads(t *testing.T) {
	if !runRelaxed(t) {
		return
	}
	first, second := sleeper(t), sleeper(t)
	calls := 0
	changeSlack(func() []string {
		if calls++; calls == 1 {
			return []string{first}
		}
		return []string{first, second}
	}, relaxedSlack, defaultSlack)
	if slackOf(first) != nanoseconds(defaultSlack) || slackOf(second) != nanoseconds(defaultSlack) || calls != 3 {
		t.Errorf("after %d rounds: slack %s and %s", calls, slackOf(first), slackOf(second))
	}
	calls = 0
	changeSlack(func() []string { calls++; return []string{sleeper(t)} }, relaxedSlack, defaultSlack)
	if calls != rounds {
		t.Errorf("%d rounds with a new thread in each, want %d", calls, rounds)
	}
}

func TestRestoreTimerSlack(t *testing.T) {
	if !runRelaxed(t) {
		return
	}
	pid := sleeper(t)
	RestoreTimerSlack()
	for _, tid := range append(ownThreads(), pid) {
		if got := slackOf(tid); got != nanoseconds(defaultSlack) {
			t.Errorf("thread %s: slack %s", tid, got)
		}
	}
	if got := slackOf(sleeper(t)); got != nanoseconds(defaultSlack) {
		t.Errorf("program started afterwards: slack %s", got)
	}
}

// sleeper starts a process with relaxed slack.
func sleeper(t *testing.T) (pid string) {
	t.Helper()
	p := shell(t, "exec sleep 100")
	p.RelaxedSlack = true
	c, err := reaper.Start(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Signal(9, false) })
	return strconv.Itoa(c.Pid)
}

func TestCgroupThreads(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"cgroup.threads": 2, "tasks": 2, "cgroup.procs": 0} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("12\n13\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Cgroup(dir).threads(); len(got) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := Cgroup("").threads(); got != nil {
		t.Errorf("empty cgroup: %q", got)
	}
}
