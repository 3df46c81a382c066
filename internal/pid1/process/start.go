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

// ErrTimeout is what Run says of a program that had to be killed.
var ErrTimeout = errors.New("killed: it did not end in time")

// killWait is how long a process that was sent SIGKILL may take to go. One that
// hangs in the kernel does not go; it is given up.
const killWait = 5 * time.Second

// Program is what to start. It gets no file descriptors but those named, a
// session of its own, the default oom_score_adj and, unless it is Late, the
// kernel's usual timer slack.
type Program struct {
	Path   string // Args[0] where it is empty
	Args   []string
	Env    []string
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
	Files  []*os.File // descriptors 3 and up
	Late   bool       // may be woken late, as this program is (Relax)
}

// Start starts a program and claims it.
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
	if p.Late {
		asMortal(fork)
	} else {
		asMortal(func() { punctually(fork) })
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

// Run starts a program and waits for it. When ctx ends first, its process group
// is killed and the error is ErrTimeout, or what cancelled ctx.
func (r *Reaper) Run(ctx context.Context, p Program) (syscall.WaitStatus, error) {
	if ctx.Err() != nil {
		return 0, &os.PathError{Op: "run", Path: p.Args[0], Err: Ended(ctx)}
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
	_ = c.Signal(unix.SIGKILL, true) // fails only when it has ended meanwhile
	c.WaitFor(killWait)
	return 0, &os.PathError{Op: "run", Path: p.Args[0], Err: Ended(ctx)}
}

// Ended says why ctx ended: ErrTimeout where its time was up.
func Ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return context.Cause(ctx)
}

const (
	oomScore = "/proc/self/oom_score_adj"
	immortal = "-1000"
	mortal   = "0"
)

var oomMutex sync.Mutex

// SpareFromOOM keeps the out-of-memory killer off PID 1. The kernel spares the
// first process of the machine anyway; that of a container it does not. In a
// container it may be forbidden, and then things are as they would be without.
func SpareFromOOM() { _ = file.Write(oomScore, immortal) }

// asMortal runs fork with the default oom_score_adj, because a child inherits
// it, and to set it in the child would come too late for a runtime that forks
// at once. PID 1 is not at risk meanwhile: the kernel never picks it. Where it
// is a container's init, the window is one fork long.
func asMortal(fork func()) {
	oomMutex.Lock()
	defer oomMutex.Unlock()
	if file.Line(oomScore) == immortal && file.Write(oomScore, mortal) == nil {
		defer SpareFromOOM()
	}
	fork()
}
