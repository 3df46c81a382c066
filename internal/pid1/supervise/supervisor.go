package supervise

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/loop"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/ready"
)

// Supervisor supervises services. Its methods must be called on the loop.
type Supervisor struct {
	spawn    func(what string, fn func(context.Context))
	loop     *loop.Loop
	console  *console.Console
	runtime  container.Runtime
	probes   ready.Environment
	onFailed func(service, reason string)
	units    []*unit
	byName   map[string]*unit
	reached  map[string]bool // milestones
	starts   int             // in progress
	frozen   bool
	stopping bool
}

// maxStarts limits the starts in progress. A start keeps a processor busy, so more starts
// than processors only delay each other; two on one processor use each other's
// waits, and the second proceeds if the first hangs.
var maxStarts = max(2, runtime.NumCPU())

// Options configure a Supervisor.
type Options struct {
	// Go runs fn in a new goroutine, with a context that ends when the machine shuts
	// down: no start outlives it.
	Go       func(what string, fn func(context.Context))
	Loop     *loop.Loop
	Console  *console.Console
	Runtime  container.Runtime
	Reaper   *process.Reaper // runs the commands that check readiness
	Null     *os.File
	Environ  []string // of the runtime and those commands
	LogDir   string
	RunDir   string                       // for sockets of services and changed bundles
	OnFailed func(service, reason string) // called on the loop for each service that fails
}

// New returns a supervisor of services, all waiting. Their order must have been resolved
// (config.Resolve): without cycles and unknown names.
func New(o Options, services []Service) *Supervisor {
	s := &Supervisor{
		spawn: o.Go, loop: o.Loop, console: o.Console, runtime: o.Runtime, onFailed: o.OnFailed,
		probes: ready.Environment{Reaper: o.Reaper, Null: o.Null, Environ: o.Environ, Interval: probeInterval},
		byName: map[string]*unit{}, reached: map[string]bool{},
	}
	for _, service := range services {
		u := &unit{Service: service, job: o.job(service), state: Waiting}
		s.units = append(s.units, u)
		s.byName[service.Name] = u
	}
	return s
}

func (o Options) job(s Service) *container.Job {
	if s.Watchdog > 0 {
		s.Env = append(slices.Clone(s.Env), "WATCHDOG_USEC="+strconv.FormatInt(s.Watchdog.Microseconds(), 10))
	}
	return &container.Job{
		ID: s.Name, Dir: s.Dir, Env: o.Environ, Null: o.Null, RunDir: o.RunDir, Common: s.Common, EnvFile: s.EnvFile, Environ: s.Env,
		Log:    filepath.Join(o.LogDir, s.Name+".log"),
		OutLog: filepath.Join(o.LogDir, s.Name+".out.log"),
		Warn:   func(msg string) { o.Console.Log(console.Error, "service "+s.Name+": "+msg) },
	}
}

// ReachMilestone marks a milestone as reached.
func (s *Supervisor) ReachMilestone(name string) { s.reached[name] = true }

// Advance starts the services that may start, or after Shutdown stops those that may
// stop. It is called after every event.
func (s *Supervisor) Advance() {
	for _, u := range s.units {
		switch {
		case s.stopping:
			if !u.state.over() && u.state != Stopping && s.dependentsOver(u) {
				s.stop(u)
			}
		case u.state == Waiting && !s.frozen && s.starts < maxStarts && u.attempt == nil && !u.deleting:
			s.tryStart(u)
		case !s.frozen:
			s.followRequired(u)
		}
		u.times.update(u.state)
	}
}

// followRequired stops a service when one of StopWith has ended, and starts it again, as one that
// has failed for a required service, when that is up.
func (s *Supervisor) followRequired(u *unit) {
	if other := s.byName[u.blockedBy]; other != nil && other.state.up() && u.state.over() {
		if u.reset() == nil {
			u.blockedBy = ""
		}
		return
	}
	if u.state != Starting && u.state != Ready {
		return
	}
	for _, name := range u.StopWith {
		other := s.byName[name]
		if other == nil || other.state == Starting || other.state.up() {
			continue
		}
		s.console.Log(console.Warn, "service "+u.Name+": stopping it, because "+name+" is "+string(other.state))
		u.blockedBy = name
		s.stop(u)
		return
	}
}

func (s *Supervisor) tryStart(u *unit) {
	for _, name := range u.Requires {
		if required := s.byName[name]; required != nil && required.state == Failed {
			u.blockedBy = name
			s.fail(u, "required service "+name+" has failed")
			return
		}
		if !s.satisfied(name, Ready, Done) {
			return
		}
	}
	for _, name := range u.After {
		if !s.satisfied(name, Ready, Done, Failed, Stopped) {
			return
		}
	}
	s.start(u)
}

// satisfied reports whether the service name is in one of the states, or the milestone
// name is reached.
func (s *Supervisor) satisfied(name string, states ...State) bool {
	if u := s.byName[name]; u != nil {
		return slices.Contains(states, u.state)
	}
	return s.reached[name]
}

// Freeze ends all starts and restarts. Services that run are not touched.
func (s *Supervisor) Freeze() { s.frozen = true }

// Shutdown stops all services in reverse order.
func (s *Supervisor) Shutdown() {
	s.frozen, s.stopping = true, true
	for _, u := range s.units {
		u.killed = u.killed && !u.state.over() // earlier kills do not count
	}
}

// dependentsOver reports whether all services that come after u are over.
func (s *Supervisor) dependentsOver(u *unit) bool {
	for _, other := range s.units {
		if !other.state.over() && (slices.Contains(other.After, u.Name) || slices.Contains(other.Requires, u.Name)) {
			return false
		}
	}
	return true
}

// Over reports whether every service is failed, done or stopped.
func (s *Supervisor) Over() bool { return s.all(State.over) }

// AllReady reports whether every service is ready or done.
func (s *Supervisor) AllReady() bool { return s.all(State.up) }

func (s *Supervisor) all(is func(State) bool) bool {
	return !slices.ContainsFunc(s.units, func(u *unit) bool { return !is(u.state) })
}

// StartTimes calls fn with the duration of the first start of every service that has been
// ready.
func (s *Supervisor) StartTimes(fn func(name string, d time.Duration)) {
	for _, u := range s.units {
		if u.startTime > 0 {
			fn(u.Name, u.startTime)
		}
	}
}

// Count returns how many services stopped by themselves, and how many had to be killed, or are not
// over.
func (s *Supervisor) Count() (stopped, killed int) {
	for _, u := range s.units {
		switch {
		case u.killed || !u.state.over():
			killed++
		case u.state == Stopped:
			stopped++
		}
	}
	return stopped, killed
}
