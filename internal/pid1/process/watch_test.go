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

// grandchild starts a process whose parent is a shell, and returns its pid.
func grandchild(t *testing.T, script string) int {
	t.Helper()
	pidFile := t.TempDir() + "/pid"
	go reaper.Run(t.Context(), shell(t,
		"("+script+") & echo $! >"+pidFile+".new; mv "+pidFile+".new "+pidFile+"; wait; wait"))
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid, _ := strconv.Atoi(file.Line(pidFile)); pid > 0 {
			return pid
		}
	}
	t.Fatal("the process was not started")
	return 0
}

func TestWatch(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, err := Watch(grandchild(t, "exec sleep 1000"), func() syscall.WaitStatus { <-release; return 7 << 8 })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Done():
		t.Fatal("Done before the process has exited")
	case <-time.After(20 * time.Millisecond):
	}
	if c.Ended() {
		t.Error("Ended before the process has exited")
	}
	if err := c.Signal(unix.SIGTERM, false); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(wait); !c.Ended() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if !c.Ended() || c.WaitFor(0) {
		t.Error("Done before the status is known")
	}
	close(release)
	if !c.WaitFor(wait) || c.Status().ExitStatus() != 7 {
		t.Fatalf("status %v, want exit status 7", c.Status())
	}
	if err := c.Signal(unix.SIGTERM, false); !errors.Is(err, unix.ESRCH) {
		t.Errorf("signal after the exit: %v", err)
	}
}

func TestWatchExitedProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/true") // the reaper of the tests may reap it
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
		t.Errorf("signal after the exit: %v", err)
	}
}

func TestWatchPanicInStatus(t *testing.T) {
	t.Parallel()
	c, err := Watch(grandchild(t, "true"), func() syscall.WaitStatus { panic("boom") })
	if err != nil {
		t.Fatal(err)
	}
	if !c.WaitFor(wait) || c.Status() != StatusLost {
		t.Errorf("status %v", c.Status())
	}
}

func TestWatchInvalidPid(t *testing.T) {
	t.Parallel()
	if _, err := Watch(-1, nil); err == nil {
		t.Error("pid -1 was accepted")
	}
}
