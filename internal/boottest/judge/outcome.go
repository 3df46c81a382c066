package judge

import (
	"fmt"
	"regexp"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// Outcome is the verdict and the story of one boot. Times are milliseconds of the
// host since power-on. The text in it may come from the guest.
type Outcome struct {
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason"`            // one line
	Culprit  string  `json:"culprit,omitempty"` // the service, onboot, device or process
	Remedy   string  `json:"remedy,omitempty"`
	Line     string  `json:"line,omitempty"` // of the console, that shows it
	Tail     string  `json:"tail,omitempty"` // last words of the culprit
	ReadyMS  int64   `json:"ready_ms,omitempty"`
	Stages   []Stage `json:"stages"`
	Onboot   []Unit  `json:"onboot"`
	Services []Unit  `json:"services"`
	Probes   []Unit  `json:"probes"` // http, tcp and console expectations
}

// Stage is a part of the boot. Stages follow one another.
type Stage struct {
	Name   string `json:"name"` // firmware, kernel, init, onboot, services, stays, shutdown
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
}

// Unit is one thing that had to show its proof.
type Unit struct {
	Name   string `json:"name"`
	State  string `json:"state"` // see State…
	FromMS int64  `json:"from_ms,omitempty"`
	ToMS   int64  `json:"to_ms,omitempty"`
	Detail string `json:"detail,omitempty"`

	index    int           // in the spec's expectations, for probes
	exit     int           // wanted of an onboot
	within   time.Duration // since power-on; 0: the whole test's deadline
	downAt   time.Duration // when a service ended with 0; 0: it did not
	optional bool          // neither the image nor the spec names it
}

// States of a unit.
const (
	StateWaiting = "not started"
	StateStarted = "started"
	StateOK      = "ok" // an onboot ended as it should; a service is ready; a probe was answered
	StateFailed  = "failed"
	StateUnknown = "unknown" // the image's init does not tell
)

// Names of stages.
const (
	stageFirmware = "firmware"
	stageKernel   = "kernel"
	stageInit     = "init" // PID 1: mounts and drivers
	stageOnboot   = "onboot"
	stageServices = "services"
	stageStays    = "stays"
	stageShutdown = "shutdown"
)

func newOutcome(t Task) Outcome {
	o := Outcome{Stages: []Stage{{Name: stageFirmware}}, Onboot: units(t.Onboot), Services: units(t.Services), Probes: []Unit{}}
	for i, e := range t.Spec.Expect {
		switch e.Kind() {
		case "onboot":
			if u := find(o.Onboot, e.Onboot); u != nil {
				u.exit, u.within = e.Exit, e.Within
			}
		case "service":
			if u := find(o.Services, e.Service); u != nil {
				u.within = e.Within
			}
		case "http", "tcp", "console":
			o.Probes = append(o.Probes, Unit{Name: probeName(e), State: StateWaiting, index: i, within: e.Within})
		}
	}
	if !t.Builtin {
		for i := range o.Services {
			o.Services[i].State = StateUnknown
		}
	}
	return o
}

func units(names []string) []Unit {
	list := make([]Unit, len(names))
	for i, n := range names {
		list[i] = Unit{Name: n, State: StateWaiting}
	}
	return list
}

func probeName(e spec.Expectation) string {
	switch {
	case e.HTTP != nil:
		return fmt.Sprintf("http :%d%s", e.HTTP.Port, e.HTTP.Path)
	case e.TCP != nil:
		return fmt.Sprintf("tcp :%d", e.TCP.Port)
	}
	return fmt.Sprintf("console %q", e.Console)
}

// find returns the first unit with a name that has no result yet, or else the last
// with it, or nil: two onboots may have one name.
func find(list []Unit, name string) *Unit {
	var last *Unit
	for i := range list {
		if list[i].Name != name {
			continue
		}
		last = &list[i]
		if last.open() {
			return last
		}
	}
	return last
}

// numbered is how LinuxKit's root file system orders onboots: 003-dhcpcd.
var numbered = regexp.MustCompile(`^\d{3}-`)

// unit returns the unit that a record names. One that nobody expected is added: it
// may not fail, but need not become ready.
func unit(list *[]Unit, name string) *Unit {
	for _, n := range []string{name, numbered.ReplaceAllString(name, "")} {
		if u := find(*list, n); u != nil {
			return u
		}
	}
	if len(*list) >= maxUnits {
		return &Unit{Name: name, optional: true}
	}
	*list = append(*list, Unit{Name: name, State: StateWaiting, optional: true})
	return &(*list)[len(*list)-1]
}

// maxUnits bounds what a guest can make us remember.
const maxUnits = 1000

// stage ends the stage under way and begins the next.
func (o *Outcome) stage(name string, at time.Duration) {
	last := &o.Stages[len(o.Stages)-1]
	if last.Name == name {
		return
	}
	last.ToMS = at.Milliseconds()
	o.Stages = append(o.Stages, Stage{Name: name, FromMS: at.Milliseconds()})
}

// in reports whether the stage under way is one of those named.
func (o *Outcome) in(names ...string) bool {
	current := o.Stages[len(o.Stages)-1].Name
	for _, n := range names {
		if n == current {
			return true
		}
	}
	return false
}

func (o *Outcome) close(at time.Duration) { o.Stages[len(o.Stages)-1].ToMS = at.Milliseconds() }

// Unbooted returns the outcome of an image that failed before it was booted.
func Unbooted(reason, culprit string) Outcome {
	return Outcome{Verdict: Failed, Reason: reason, Culprit: culprit, Stages: []Stage{}, Onboot: []Unit{}, Services: []Unit{}, Probes: []Unit{}}
}
