// Package process starts the children of PID 1 and reaps zombies.
//
// Every orphan of the machine becomes a child of PID 1. So does the process of a container, which
// runc starts and leaves behind: its pid is known only once runc has written the pid file, and by
// then the process may have exited. Its status is not lost, because a zombie keeps its pid until it
// is waited for. Hence the rule of the Reaper:
//
//   - a claimed pid is waited for by its number;
//   - any other child is waited for only while no hold is active, that is, while no
//     launch is between its fork and its claim.
//
// os/exec is not used: its Wait and the reaper would reap each other's children.
package process

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// sweepEvery is the interval of sweeps that need no SIGCHLD; it bounds the delay after a lost
// signal.
const sweepEvery = time.Second

// Reaper waits for children. It reaps only while Reap runs.
type Reaper struct {
	Spawner string // path of this program, by which Run executes programs; "" to execute them itself

	mu         sync.Mutex
	claimed    map[int]*Child
	held       int
	noChildren bool
	kick       chan struct{}
}

// NewReaper returns a reaper; call Reap to run it.
func NewReaper() *Reaper {
	return &Reaper{claimed: map[int]*Child{}, kick: make(chan struct{}, 1)}
}

// Reap reaps until stop is closed, on every SIGCHLD and once a second.
func (r *Reaper) Reap(stop <-chan struct{}) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	defer signal.Stop(died)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		guard.Do("reap", r.sweep)
		select {
		case <-died:
		case <-r.kick:
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// Hold stops the reaping of unclaimed zombies until release is called.
func (r *Reaper) Hold() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held++
	var once sync.Once
	return func() { once.Do(r.release) }
}

func (r *Reaper) release() {
	r.mu.Lock()
	r.held--
	r.mu.Unlock()
	r.notify()
}

func (r *Reaper) notify() {
	select {
	case r.kick <- struct{}{}:
	default: // a notification is pending
	}
}

// Claim returns the child with this pid and keeps its exit status. A hold must have been active
// since before the child was forked.
func (r *Reaper) Claim(pid int) *Child {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	c := &Child{Pid: pid, done: done, gone: done, reaper: r}
	r.claimed[pid] = c
	r.notify()
	return c
}

// NoChildren reports whether PID 1 had no child at all at the last sweep.
func (r *Reaper) NoChildren() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noChildren
}

func (r *Reaper) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noChildren = false
	for pid := range r.claimed {
		r.reap(pid)
	}
	for r.held == 0 && r.reap(-1) {
	}
}

// reap waits for pid, or for any child if pid is -1, without blocking, and reports whether it
// reaped one.
func (r *Reaper) reap(pid int) bool {
	var status syscall.WaitStatus
	got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	switch {
	case errors.Is(err, syscall.EINTR):
		return true
	case errors.Is(err, syscall.ECHILD) && pid > 0:
		r.end(pid, StatusLost) // not a child of PID 1: its status is unknown
		return false
	case err != nil:
		r.noChildren = errors.Is(err, syscall.ECHILD)
		return false
	case got > 0:
		r.end(got, status)
	}
	return got > 0
}

func (r *Reaper) end(pid int, status syscall.WaitStatus) {
	if c := r.claimed[pid]; c != nil {
		delete(r.claimed, pid)
		c.status = status
		close(c.done)
	}
}
