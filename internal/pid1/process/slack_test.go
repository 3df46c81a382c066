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

// TestMain is a program that has relaxed where a test asks for one.
func TestMain(m *testing.M) {
	if os.Getenv("RELAX") != "" {
		Relax()
	}
	os.Exit(m.Run())
}

// inRelaxed runs a test in a process of its own, since slack is the whole program's. Such tests
// run one after another: Tighten finds whoever has relaxed on this machine.
func inRelaxed(t *testing.T) bool {
	t.Helper()
	if os.Getenv("RELAX") != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("another thread's slack takes root")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "RELAX=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return false
}

func TestAProgramIsWokenLateOnlyIfItWantsTo(t *testing.T) {
	if !inRelaxed(t) {
		return
	}
	for _, tid := range ownThreads() {
		if got := slackOf(tid); got != nanoseconds(late) {
			t.Errorf("thread %s has %s", tid, got)
		}
	}
	for name, tt := range map[string]struct {
		late bool
		want time.Duration
	}{"a container runtime": {true, late}, "what people wrote": {false, usual}} {
		out := filepath.Join(t.TempDir(), "slack")
		p := shell(t, "cat /proc/self/timerslack_ns >"+out)
		p.Late = tt.late
		c, err := reaper.Start(p)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		if got := file.Line(out); got != nanoseconds(tt.want) {
			t.Errorf("%s is started with %q, want %s", name, got, nanoseconds(tt.want))
		}
	}
}

func TestAContainerIsWokenInTime(t *testing.T) {
	if !inRelaxed(t) {
		return
	}
	pid := sleeper(t)
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	Punctual(number, "")
	if got := slackOf(pid); got != nanoseconds(usual) {
		t.Errorf("it has %s", got)
	}
	if got := slackOf("self"); got != nanoseconds(late) {
		t.Errorf("whoever started it has %s", got)
	}
}

// Threads that were made while the others were changed are found as well.
func TestThreadsThatAppearMeanwhile(t *testing.T) {
	if !inRelaxed(t) {
		return
	}
	first, second := sleeper(t), sleeper(t)
	looks := 0
	change(func() []string {
		if looks++; looks == 1 {
			return []string{first}
		}
		return []string{first, second}
	}, late, usual)
	if slackOf(first) != nanoseconds(usual) || slackOf(second) != nanoseconds(usual) || looks != 3 {
		t.Errorf("after %d looks they have %s and %s", looks, slackOf(first), slackOf(second))
	}
	looks = 0
	change(func() []string { looks++; return []string{sleeper(t)} }, late, usual)
	if looks != rounds {
		t.Errorf("%d looks where there is always somebody new, want %d", looks, rounds)
	}
}

func TestEverybodyIsWokenInTimeOnceTheMachineIsUp(t *testing.T) {
	if !inRelaxed(t) {
		return
	}
	pid := sleeper(t)
	Tighten()
	for _, tid := range append(ownThreads(), pid) {
		if got := slackOf(tid); got != nanoseconds(usual) {
			t.Errorf("%s has %s", tid, got)
		}
	}
	if got := slackOf(sleeper(t)); got != nanoseconds(usual) {
		t.Errorf("what is started now has %s", got)
	}
}

// sleeper is a process that is woken late.
func sleeper(t *testing.T) (pid string) {
	t.Helper()
	p := shell(t, "exec sleep 100")
	p.Late = true
	c, err := reaper.Start(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Signal(9, false) })
	return strconv.Itoa(c.Pid)
}

func TestThreadsOfACgroup(t *testing.T) {
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
		t.Errorf("of none: %q", got)
	}
}
