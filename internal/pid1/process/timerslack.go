package process

import (
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Timer slack is how late the kernel may wake a sleeping thread (PR_SET_TIMERSLACK(2const)). A
// thread inherits it from the thread that made it.
//
// The Go runtime has a thread that checks the others every 20 µs while they run. On an emulated
// machine one check takes as long as the pause, and PID 1, containerd, its shims and runc are all
// Go programs: a boot takes 7 % longer. So these get a relaxed slack until the machine is ready.
// Programs in containers keep the default: RestoreContainerSlack runs before their start, or right
// after it if one call of runc creates and starts.
const (
	defaultSlack = 50 * time.Microsecond // the kernel's default
	// relaxedSlack is one tick of most kernels, in nanoseconds; a larger value gains nothing. The
	// odd value marks the threads that PID 1 has changed.
	relaxedSlack = 3_999_999
)

var relaxed atomic.Bool

// RelaxTimerSlack relaxes the timer slack of this program, and of programs started with
// Program.RelaxedSlack, until RestoreTimerSlack. If the kernel does not support it nothing changes.
func RelaxTimerSlack() {
	changeSlack(ownThreads, defaultSlack, relaxedSlack)
	relaxed.Store(slackOf("self") == nanoseconds(relaxedSlack)) // a kernel before 4.6 could not change it back
}

// RestoreTimerSlack restores the default for all threads of the machine with the relaxed slack.
func RestoreTimerSlack() {
	relaxed.Store(false)
	changeSlack(allThreads, relaxedSlack, defaultSlack)
}

// RestoreContainerSlack restores the default for a container: its first process and all threads in
// its cgroup.
func RestoreContainerSlack(pid int, g Cgroup) {
	changeSlack(func() []string { return append(g.threads(), threadsOf(strconv.Itoa(pid))...) }, relaxedSlack, defaultSlack)
}

// RestoreThreadSlack restores the default for the calling thread, and so for a program that it
// executes.
func RestoreThreadSlack() { setSlack(defaultSlack) }

// rounds limits how often changeSlack looks for new threads.
const rounds = 8

// changeSlack changes the slack of all threads that have the value from
// (proc_pid_timerslack_ns(5)), and of threads that these make meanwhile.
func changeSlack(threads func() []string, from, to time.Duration) {
	for range rounds {
		changed := false
		for _, tid := range threads() {
			if slackOf(tid) == nanoseconds(from) && file.Write(slackPath(tid), nanoseconds(to)) == nil {
				changed = true
			}
		}
		if !changed {
			return
		}
	}
}

func slackPath(tid string) string { return "/proc/" + tid + "/timerslack_ns" }

func slackOf(tid string) string { return file.Line(slackPath(tid)) }

func nanoseconds(d time.Duration) string { return strconv.FormatInt(d.Nanoseconds(), 10) }

func ownThreads() []string { return threadsOf("self") }

func allThreads() (tids []string) {
	file.Dir("/proc", func(name string, _ bool) {
		if _, err := strconv.Atoi(name); err == nil {
			tids = append(tids, threadsOf(name)...)
		}
	})
	return tids
}

func threadsOf(pid string) (tids []string) {
	file.Dir("/proc/"+pid+"/task", func(tid string, _ bool) { tids = append(tids, tid) })
	return tids
}

// threads returns the threads in a cgroup, without its children.
func (g Cgroup) threads() []string {
	if g == "" {
		return nil
	}
	for _, name := range []string{"cgroup.threads", "tasks"} { // of versions 2 and 1
		if data, err := file.Read(string(g)+"/"+name, maxProcs); err == nil {
			return strings.Fields(string(data))
		}
	}
	return nil
}

// withDefaultSlack runs fork on a thread with the default slack, which the child inherits.
func withDefaultSlack(fork func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if relaxed.Load() {
		setSlack(defaultSlack)
	}
	fork()
	if relaxed.Load() {
		setSlack(relaxedSlack)
	}
}

func setSlack(d time.Duration) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(d), 0, 0, 0) }
