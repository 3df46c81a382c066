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

// Timer slack is by how much the kernel may be late to wake a thread that sleeps
// (PR_SET_TIMERSLACK(2const)). A thread has it from the one that made it.
//
// Go's runtime has a thread that looks after the others every 20 µs while they are at work. On
// an emulated machine a look takes as long as the pause before it, and where containerd, its
// shims, runc and PID 1 are all such programs, a boot is 7 % longer for it. So these are woken
// late until the machine is up. What runs in a container is not: Punctual comes before its
// start, or right behind it where one call of runc does both.
const (
	usual = 50 * time.Microsecond // the kernel's own
	late  = 3_999_999             // ns: a tick of most kernels (more wins no more), but a number of our own
)

var relaxed atomic.Bool

// Relax lets the kernel wake this program late, and with it all that is started as
// Program.Late, until Tighten. Where it is not possible things are as they would be without.
func Relax() {
	change(ownThreads, usual, late)
	relaxed.Store(slackOf("self") == nanoseconds(late)) // no kernel before 4.6 lets it be changed back
}

// Tighten ends that for all who have it, whoever has started them since.
func Tighten() {
	relaxed.Store(false)
	change(allThreads, late, usual)
}

// Punctual ends it for what runs in a container: its process and all in its cgroup.
func Punctual(pid int, g Cgroup) {
	change(func() []string { return append(g.threads(), threadsOf(strconv.Itoa(pid))...) }, late, usual)
}

// BePunctual ends it for the calling thread, and so for a program that it becomes.
func BePunctual() { setOwn(usual) }

// rounds bounds how often to look for threads that others have made meanwhile.
const rounds = 8

// change changes the slack of all threads that have the old one (proc_pid_timerslack_ns(5)),
// and of those that they have made meanwhile.
func change(threads func() []string, from, to time.Duration) {
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

// threads returns the threads in a cgroup, not in those within.
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

// punctually runs fork on a thread with the usual slack, which the child gets from it.
func punctually(fork func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if relaxed.Load() {
		setOwn(usual)
	}
	fork()
	if relaxed.Load() {
		setOwn(late)
	}
}

func setOwn(d time.Duration) { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(d), 0, 0, 0) }
