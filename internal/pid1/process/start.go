package process

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// ErrTimeout is returned by Run for a program that did not end in time.
var ErrTimeout = errors.New("timed out and was killed")

// killWait is how long to wait for a process after SIGKILL. A process that hangs in the kernel is
// abandoned.
const killWait = 5 * time.Second

// Program describes a process to start. It gets only the descriptors listed here, a new session,
// the default oom_score_adj and, unless RelaxedSlack is set, the default timer slack.
type Program struct {
	Path         string // Args[0] if empty
	Args         []string
	Env          []string
	Stdin        *os.File
	Stdout       *os.File
	Stderr       *os.File
	Files        []*os.File // descriptors 3 and up
	RelaxedSlack bool       // keep the relaxed timer slack (RelaxTimerSlack)
}

// Start starts a program and claims its pid.
func (r *Reaper) Start(p Program) (*Child, error) {
	defer r.Hold()()
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   p.Env,
		Files: p.descriptors(),
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	var pid int
	var err error
	fork := func() { pid, err = syscall.ForkExec(cmp.Or(p.Path, p.Args[0]), p.Args, attr) }
	if p.RelaxedSlack {
		withDefaultOOMScore(fork)
	} else {
		withDefaultOOMScore(func() { withDefaultSlack(fork) })
	}
	if err != nil {
		return nil, &os.PathError{Op: "start", Path: p.Args[0], Err: err}
	}
	return r.Claim(pid), nil
}

func (p Program) descriptors() []uintptr {
	fds := []uintptr{p.Stdin.Fd(), p.Stdout.Fd(), p.Stderr.Fd()}
	for _, f := range p.Files {
		fds = append(fds, f.Fd())
	}
	return fds
}

// Run starts a program and waits for it. If ctx ends first, Run kills its process group and returns
// ErrTimeout or the cause of ctx.
func (r *Reaper) Run(ctx context.Context, p Program) (syscall.WaitStatus, error) {
	if ctx.Err() != nil {
		return 0, &os.PathError{Op: "run", Path: p.Args[0], Err: ContextError(ctx)}
	}
	c, err := r.Start(p)
	if err != nil {
		return 0, err
	}
	select {
	case <-c.Done():
		return c.Status(), nil
	case <-ctx.Done():
	}
	_ = c.Signal(unix.SIGKILL, true) // fails only if it has exited
	c.WaitFor(killWait)
	return 0, &os.PathError{Op: "run", Path: p.Args[0], Err: ContextError(ctx)}
}

// ContextError returns why ctx ended: ErrTimeout for a deadline, else its cause.
func ContextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return context.Cause(ctx)
}

const (
	oomScore       = "/proc/self/oom_score_adj"
	protectedScore = "-1000"
	defaultScore   = "0"
)

var oomMutex sync.Mutex

// ProtectFromOOM exempts PID 1 from the OOM killer. The kernel always exempts the init of the
// machine, but not the init of a container, where changing the score may be forbidden; then nothing
// changes.
func ProtectFromOOM() { _ = file.Write(oomScore, protectedScore) }

// withDefaultOOMScore runs fork with the default oom_score_adj, because a child inherits the score;
// setting it in the child is too late for a runtime that forks at once. The kernel never kills its
// init, so PID 1 is at risk only as the init of a container, for the duration of one fork.
func withDefaultOOMScore(fork func()) {
	oomMutex.Lock()
	defer oomMutex.Unlock()
	if file.Line(oomScore) == protectedScore && file.Write(oomScore, defaultScore) == nil {
		defer ProtectFromOOM()
	}
	fork()
}

// DevNull opens /dev/null, the standard input of every child.
func DevNull() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
