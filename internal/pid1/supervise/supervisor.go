package supervise

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/loop"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/ready"
)

// Supervisor keeps services. Its methods are called on the loop only.
type Supervisor struct {
	ctx      context.Context // ends when the machine goes down: no start outlives it
	loop     *loop.Loop
	console  *console.Console
	runtime  container.Runtime
	means    ready.Means
	gaveUp   func(service, reason string)
	units    []*unit
	byName   map[string]*unit
	reached  map[string]bool
	starts   int // under way
	stopping bool
}

// maxStarts is how many starts may be under way at once. A start keeps a
// processor busy; more of them than processors only slow each other down, and
// the second of two on one processor uses the waits of the first. It also
// leaves a way where one start hangs.
var maxStarts = max(2, runtime.NumCPU())

// Env is what a supervisor works with.
type Env struct {
	Context context.Context
	Loop    *loop.Loop
	Console *console.Console
	Runtime container.Runtime
	Reaper  *process.Reaper // runs the commands that ask whether a service is ready
	Null    *os.File
	Environ []string // of the runtime and those commands
	LogDir  string
	RunDir  string                       // for sockets of services, and their bundles where these are changed
	GaveUp  func(service, reason string) // told, on the loop, of every service that has failed
}

// New returns a supervisor of services, all waiting. Their order must have no
// circle, and no name that means nothing (config.Resolve).
func New(env Env, services []Service) *Supervisor {
	s := &Supervisor{
		ctx: env.Context, loop: env.Loop, console: env.Console, runtime: env.Runtime,
		gaveUp: env.GaveUp,
		means:  ready.Means{Reaper: env.Reaper, Null: env.Null, Environ: env.Environ, Steady: steadyPause},
		byName: map[string]*unit{}, reached: map[string]bool{},
	}
	for _, service := range services {
		job := &container.Job{
			ID: service.Name, Dir: service.Dir, Env: env.Environ, Null: env.Null, RunDir: env.RunDir, Environ: service.Env,
			Log:    filepath.Join(env.LogDir, service.Name+".log"),
			OutLog: filepath.Join(env.LogDir, service.Name+".out.log"),
			Warn:   func(msg string) { env.Console.Log(console.Error, "service "+service.Name+": "+msg) },
		}
		u := &unit{Service: service, job: job, state: Waiting}
		s.units = append(s.units, u)
		s.byName[service.Name] = u
	}
	return s
}

// Reach says that a milestone is reached, for those that come after it.
func (s *Supervisor) Reach(milestone string) { s.reached[milestone] = true }

// Advance does what the present picture calls for: starts what may start, or
// once Shutdown was called stops what may stop. It is called after every event.
func (s *Supervisor) Advance() {
	for _, u := range s.units {
		switch {
		case s.stopping:
			if !u.state.over() && u.state != Stopping && s.unneeded(u) {
				s.stop(u)
			}
		case u.state == Waiting && s.starts < maxStarts && !u.known:
			s.tryStart(u)
		}
		u.times.stamp(u.state)
	}
}

func (s *Supervisor) tryStart(u *unit) {
	for _, name := range u.Requires {
		if need := s.byName[name]; need != nil && need.state == Failed {
			s.fail(u, "it requires "+name+", which has failed")
			return
		}
		if !s.has(name, Ready, Done) {
			return
		}
	}
	for _, name := range u.After {
		if !s.has(name, Ready, Done, Failed, Stopped) {
			return
		}
	}
	s.start(u)
}

// has reports whether a milestone is reached, or a service is in one of the states.
func (s *Supervisor) has(name string, states ...State) bool {
	if u := s.byName[name]; u != nil {
		return slices.Contains(states, u.state)
	}
	return s.reached[name]
}

// Shutdown stops all services, in reverse order.
func (s *Supervisor) Shutdown() {
	s.stopping = true
	for _, u := range s.units {
		u.killed = u.killed && !u.state.over() // what an operator had stopped before is not of the shutdown
	}
}

// unneeded reports whether all that comes after u is over.
func (s *Supervisor) unneeded(u *unit) bool {
	for _, other := range s.units {
		if !other.state.over() && (slices.Contains(other.After, u.Name) || slices.Contains(other.Requires, u.Name)) {
			return false
		}
	}
	return true
}

// Over reports whether every service is: failed, done or stopped.
func (s *Supervisor) Over() bool { return s.all(State.over) }

// AllReady reports whether every service is ready, or has done what it was for.
func (s *Supervisor) AllReady() bool {
	return s.all(func(state State) bool { return state == Ready || state == Done })
}

func (s *Supervisor) all(is func(State) bool) bool {
	return !slices.ContainsFunc(s.units, func(u *unit) bool { return !is(u.state) })
}

// Took calls fn for every service that has been ready, with the time its first start took.
func (s *Supervisor) Took(fn func(name string, d time.Duration)) {
	for _, u := range s.units {
		if u.took > 0 {
			fn(u.Name, u.took)
		}
	}
}

// Count returns how many services were stopped, and how many of them had to be killed.
func (s *Supervisor) Count() (stopped, killed int) {
	for _, u := range s.units {
		switch {
		case u.killed:
			killed++
		case u.state == Stopped:
			stopped++
		}
	}
	return stopped, killed
}
