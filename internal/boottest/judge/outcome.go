package judge

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// Outcome is the verdict on a boot and what was observed. Times are host time, in
// milliseconds since power-on. The text may come from the guest.
type Outcome struct {
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason"`            // one line
	Culprit  string  `json:"culprit,omitempty"` // the service, onboot container, device or process
	Remedy   string  `json:"remedy,omitempty"`
	Line     string  `json:"line,omitempty"` // the decisive line of the console
	Tail     string  `json:"tail,omitempty"` // last output of the culprit
	ReadyMS  int64   `json:"readyMs,omitempty"`
	Stages   []Stage `json:"stages"`
	Onboot   []Unit  `json:"onboot"`
	Services []Unit  `json:"services"`
	Probes   []Unit  `json:"probes"` // http, tcp and console expectations
}

// Stage is a part of the boot. Each stage begins at the end of the one before.
type Stage struct {
	Name   string `json:"name"` // firmware, kernel, init, onboot, services, stays, shutdown
	FromMS int64  `json:"fromMs"`
	ToMS   int64  `json:"toMs"`
}

// Unit is an onboot container, a service, or a probe or console expectation.
type Unit struct {
	Name   string `json:"name"`
	State  string `json:"state"` // one of State…
	FromMS int64  `json:"fromMs,omitempty"`
	ToMS   int64  `json:"toMs,omitempty"`
	Detail string `json:"detail,omitempty"`

	index    int           // of a probe: in the spec's expectations
	exit     int           // of an onboot container: the expected exit status
	within   time.Duration // deadline since power-on; 0: the time limit of the test
	downAt   time.Duration // when a service ended with code 0; 0: it did not
	optional bool          // neither the image nor the spec names it
}

// States of a unit.
const (
	StateWaiting = "not started"
	StateStarted = "started"
	StateOK      = "ok" // the onboot container ended as expected, the service is ready, the probe succeeded
	StateFailed  = "failed"
	StateUnknown = "unknown" // the image's init does not report it
)

// Names of stages.
const (
	stageFirmware = "firmware"
	stageKernel   = "kernel"
	stageInit     = "init" // PID 1 mounts file systems and loads drivers
	stageOnboot   = "onboot"
	stageServices = "services"
	stageStays    = "stays"
	stageShutdown = "shutdown"
)

func newOutcome(c Config) Outcome {
	o := Outcome{
		Stages: []Stage{{Name: stageFirmware}},
		Onboot: newUnits(c.Onboot), Services: newUnits(c.Services), Probes: []Unit{},
	}
	for i, e := range c.Spec.Expect {
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
	if !c.Builtin {
		for i := range o.Services {
			o.Services[i].State = StateUnknown
		}
	}
	return o
}

func newUnits(names []string) []Unit {
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

// isOpen reports whether the proof of the unit is missing.
func (u Unit) isOpen() bool { return u.State == StateWaiting || u.State == StateStarted }

// status returns the state, with the detail if there is one.
func (u Unit) status() string {
	if u.Detail != "" {
		return u.State + ", " + u.Detail
	}
	return u.State
}

func (u *Unit) start(now time.Duration) {
	if u.State == StateWaiting {
		u.State, u.FromMS = StateStarted, now.Milliseconds()
	}
}

// find returns the first open unit with a name, or else the last one with it, or nil.
// Several onboot containers may have the same name.
func find(list []Unit, name string) *Unit {
	var last *Unit
	for i := range list {
		if list[i].Name != name {
			continue
		}
		last = &list[i]
		if last.isOpen() {
			return last
		}
	}
	return last
}

// orderPrefix is the prefix of onboot containers in LinuxKit's root file system, as in
// 003-dhcpcd.
var orderPrefix = regexp.MustCompile(`^\d{3}-`)

// maxUnits limits the units that a guest can add.
const maxUnits = 1000

// findOrAdd returns the unit that a record names. A unit that is not in the image is added
// as optional: it must not fail, but need not become ready.
func findOrAdd(list *[]Unit, name string) *Unit {
	for _, n := range []string{name, orderPrefix.ReplaceAllString(name, "")} {
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

// beginStage ends the current stage and begins another.
func (o *Outcome) beginStage(name string, at time.Duration) {
	if o.inStage(name) {
		return
	}
	o.endStage(at)
	o.Stages = append(o.Stages, Stage{Name: name, FromMS: at.Milliseconds()})
}

// beginServices begins the stage services unless the boot is past it.
func (o *Outcome) beginServices(at time.Duration) {
	if o.inStage(stageKernel, stageInit, stageOnboot) {
		o.beginStage(stageServices, at)
	}
}

// inStage reports whether the current stage is one of the names.
func (o *Outcome) inStage(names ...string) bool {
	return slices.Contains(names, o.Stages[len(o.Stages)-1].Name)
}

func (o *Outcome) endStage(at time.Duration) { o.Stages[len(o.Stages)-1].ToMS = at.Milliseconds() }

// NotBooted returns the outcome of an image that has failed before the boot.
func NotBooted(reason, culprit string) Outcome {
	return Outcome{
		Verdict: Failed, Reason: reason, Culprit: culprit,
		Stages: []Stage{}, Onboot: []Unit{}, Services: []Unit{}, Probes: []Unit{},
	}
}
