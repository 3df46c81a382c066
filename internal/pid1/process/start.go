package process

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// ErrTimeout is returned by Run for a program that did not end in time.
var ErrTimeout = errors.New("timed out and was killed")

// ErrHangs is returned by Run for a program that did not end after SIGKILL either.
var ErrHangs = errors.New("timed out and hangs in the kernel")

// ExecName is the name by which Run calls Spawner, which must call Exec then.
const ExecName = "linuxkit-exec"

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
	Direct       bool       // Run executes it without Spawner: it is in memory
}

// Exec runs a program in the place of this process: the second half of Run. args are the descriptor
// for an error, the path and the arguments of the program. It returns only on error.
func Exec(args []string) int {
	const failed = 127 // as shells exit for a command that cannot be executed
	if len(args) < 3 {
		return failed
	}
	fd, err := strconv.Atoi(args[0])
	if err != nil {
		return failed
	}
	unix.CloseOnExec(fd)
	if err := unix.Exec(args[1], args[2:], os.Environ()); err != nil {
		_, _ = unix.Write(fd, []byte(err.Error())) // nowhere to report an error
	}
	return failed
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
// ErrTimeout or the cause of ctx, or ErrHangs if it does not end.
//
// All starts in this process wait while one of them executes a program (syscall.ForkLock, and vfork
// in the kernel), without end if its file system does not answer. So a process of its own executes
// the program: Spawner, called as ExecName.
func (r *Reaper) Run(ctx context.Context, p Program) (syscall.WaitStatus, error) {
	if ctx.Err() != nil {
		return 0, &os.PathError{Op: "run", Path: p.Args[0], Err: ContextError(ctx)}
	}
	name := p.Args[0]
	var reason *os.File
	if r.Spawner != "" && !p.Direct {
		read, write, err := os.Pipe()
		if err != nil {
			return 0, err
		}
		defer read.Close()
		defer write.Close()
		p.Files = append(p.Files[:len(p.Files):len(p.Files)], write)
		p.Args = append([]string{ExecName, strconv.Itoa(2 + len(p.Files)), cmp.Or(p.Path, name)}, p.Args...)
		p.Path, reason = r.Spawner, read
	}
	c, err := r.Start(p)
	if err != nil {
		return 0, err
	}
	select {
	case <-c.Done():
		return c.Status(), execError(reason, name)
	case <-ctx.Done():
	}
	_ = c.Signal(unix.SIGKILL, true) // fails only if it has exited
	err = ContextError(ctx)
	if !c.WaitFor(killWait) {
		err = ErrHangs
	}
	return 0, &os.PathError{Op: "run", Path: name, Err: err}
}

// execError returns the error that Exec has written to a pipe, if any.
func execError(reason *os.File, name string) error {
	if reason == nil {
		return nil
	}
	text := make([]byte, 256)
	_ = reason.SetReadDeadline(time.Now()) // what was written is in the pipe
	n, _ := reason.Read(text)              // an empty pipe is no error
	if n == 0 {
		return nil
	}
	return &os.PathError{Op: "start", Path: name, Err: errors.New(string(text[:n]))}
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
