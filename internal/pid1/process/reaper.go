// Package process starts the children of PID 1 and reaps everybody's.
//
// All orphans of the machine become children of PID 1, and so do containers,
// whose process runc starts and leaves behind. The pid of a container is known
// only once runc has written it down, and by then the container may be over.
// Its exit status is kept nevertheless: a zombie keeps its pid, so nobody else
// can have it, until it is waited for. Hence the rule of the Reaper:
//
//   - a claimed pid is waited for by its number;
//   - all others are waited for only while nobody holds them back, that is while
//     no launch is between its fork and its claim.
//
// os/exec is not used: its Wait and the reaper would take each other's children.
package process

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// sweepEvery is how often the reaper looks without being told to: a signal that
// got lost costs that much and nothing else.
const sweepEvery = time.Second

// Reaper waits for children.
type Reaper struct {
	mu      sync.Mutex
	claimed map[int]*Child
	held    int
	alone   bool
	kick    chan struct{}
}

// NewReaper returns a reaper. Only Reap reaps.
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

// Hold keeps unknown zombies from being reaped until release is called.
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
	r.wake()
}

func (r *Reaper) wake() {
	select {
	case r.kick <- struct{}{}:
	default: // one is on its way
	}
}

// Claim returns the child of that pid, whose exit status will be kept for it.
// The pid must have been held back since before the child was born.
func (r *Reaper) Claim(pid int) *Child {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := make(chan struct{})
	c := &Child{Pid: pid, done: done, gone: done, reaper: r}
	r.claimed[pid] = c
	r.wake()
	return c
}

// Alone reports whether PID 1 had no child at all when it last looked.
func (r *Reaper) Alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alone
}

func (r *Reaper) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alone = false
	for pid := range r.claimed {
		r.reap(pid)
	}
	for r.held == 0 && r.reap(-1) {
	}
}

// reap waits for pid, or for anybody, without blocking, and reports whether
// somebody was there.
func (r *Reaper) reap(pid int) bool {
	var status syscall.WaitStatus
	got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	switch {
	case err == syscall.EINTR:
		return true
	case err == syscall.ECHILD && pid > 0:
		r.end(pid, Lost) // claimed, and not ours: nobody will ever tell its status
		return false
	case err != nil:
		r.alone = err == syscall.ECHILD
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
