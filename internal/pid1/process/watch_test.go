package process

import (
	"errors"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// grandchild starts a process that is the child of another one, a shell, and
// returns its pid.
func grandchild(t *testing.T, script string) int {
	t.Helper()
	pidFile := t.TempDir() + "/pid"
	go reaper.Run(t.Context(), shell(t, "("+script+") & echo $! >"+pidFile+".new; mv "+pidFile+".new "+pidFile+"; wait; wait"))
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid, _ := strconv.Atoi(file.Line(pidFile)); pid > 0 {
			return pid
		}
	}
	t.Fatal("it was not started")
	return 0
}

func TestTheEndOfSomebodyElsesChild(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	c, err := Watch(grandchild(t, "exec sleep 1000"), func() syscall.WaitStatus { <-answer; return 7 << 8 })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
		t.Fatal("it has ended before it was told to")
	case <-time.After(20 * time.Millisecond):
	}
	if c.Ended() {
		t.Error("it has ended, it says")
	}
	if err := c.Signal(unix.SIGTERM, false); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(wait); !c.Ended() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if !c.Ended() || c.WaitFor(0) {
		t.Error("how it has ended is known before that it has")
	}
	close(answer)
	if !c.WaitFor(wait) || c.Status().ExitStatus() != 7 {
		t.Fatalf("status %v; want what was found out", c.Status())
	}
	if err := c.Signal(unix.SIGTERM, false); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a signal to a process that has ended: %v", err)
	}
}

func TestAProcessThatIsGoneHasEnded(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/true") // the reaper of the tests may take it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	c, err := Watch(cmd.Process.Pid, func() syscall.WaitStatus { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	if !c.WaitFor(wait) || c.Status() != 0 {
		t.Errorf("status %v", c.Status())
	}
	if err := c.Signal(unix.SIGKILL, false); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a signal to it: %v", err)
	}
}

func TestAPanicInTheQuestionIsALostStatus(t *testing.T) {
	t.Parallel()
	c, err := Watch(grandchild(t, "true"), func() syscall.WaitStatus { panic("boom") })
	if err != nil {
		t.Fatal(err)
	}
	if !c.WaitFor(wait) || c.Status() != Lost {
		t.Errorf("status %v", c.Status())
	}
}

func TestWhatIsNoPidIsNotWatched(t *testing.T) {
	t.Parallel()
	if _, err := Watch(-1, nil); err == nil {
		t.Error("it is watched")
	}
}
