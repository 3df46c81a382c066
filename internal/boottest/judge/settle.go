package judge

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// settle moves on when nothing is missing any more.
func (j *Judge) settle() {
	if j.decided || j.phase == stopping {
		return
	}
	if j.task.Builtin && len(missing(j.out.Onboot))+len(missing(j.out.Services)) == 0 {
		j.startProbes()
	}
	whole := j.missing() == ""
	switch {
	case j.phase == booting && whole:
		j.ready()
	case j.phase == staying && !whole: // a service ended with 0, and may come back
		j.phase = booting
	}
}

func (j *Judge) startProbes() {
	if !j.probing {
		j.probing = true
		j.order(Order{Do: StartProbes})
	}
}

func (j *Judge) ready() {
	j.phase = staying
	j.stayUntil = j.now + j.stays()
	j.out.ReadyMS = j.now.Milliseconds()
	j.out.stage(stageStays, j.now)
	if b := j.task.Spec.Budget.Ready; b > 0 && j.now > b {
		j.decide(Failed, fault{reason: fmt.Sprintf("ready after %v, the budget is %v", j.now.Round(time.Millisecond), b), culprit: "budget"})
	}
}

// stays is the longest time that the spec asks for.
func (j *Judge) stays() time.Duration {
	longest, asked := time.Duration(0), false
	for _, e := range j.task.Spec.Expect {
		if e.Kind() == "stays" {
			longest, asked = max(longest, e.Stays), true
		}
	}
	switch {
	case asked:
		return longest
	case !j.task.Builtin:
		return j.scaled(defaultStays) // only beginnings are told: what fails does so in this time
	}
	return defaultStays
}

func missing(list []Unit) []string {
	var names []string
	for _, u := range list {
		if !u.optional && u.open() {
			names = append(names, fmt.Sprintf("%s (%s)", u.Name, u.wants()))
		}
	}
	return names
}

// open reports whether the unit has yet to show its proof.
func (u Unit) open() bool { return u.State == StateWaiting || u.State == StateStarted }

// wants tells where a unit stands, with the last that was heard of it.
func (u Unit) wants() string {
	if u.Detail != "" {
		return u.State + ", " + u.Detail
	}
	return u.State
}

// missing lists the proof that has not come: "" when all is there.
func (j *Judge) missing() string {
	var parts []string
	add := func(what string, list []Unit) {
		if names := missing(list); len(names) > 0 {
			parts = append(parts, what+" "+strings.Join(names, ", "))
		}
	}
	if j.task.Builtin || len(j.out.Probes) == 0 {
		add("onboot", j.out.Onboot)
	}
	if j.task.Builtin {
		add("service", j.out.Services)
		switch {
		case j.lastSeq == 0:
			parts = append(parts, "any record of PID 1")
		case len(j.out.Services)+len(j.out.Probes) == 0 && !j.allReady:
			parts = append(parts, "PID 1's milestone ready") // all the proof that there can be
		}
	} else if text := j.unshown(); text != "" && len(j.out.Probes) == 0 {
		parts = append(parts, fmt.Sprintf("%q on the console, or an http, tcp or console expectation in the spec", text))
	}
	add("probe", j.out.Probes)
	return strings.Join(parts, "; ")
}

// unshown returns what LinuxKit's own init has yet to show.
func (j *Judge) unshown() string {
	switch {
	case !j.stock.banner:
		return welcome
	case len(j.task.Services) > 0 && !j.stock.containerd:
		return containerdUp // without it no service runs
	}
	return ""
}

// Probe tells the judge how a probe was answered: err is nil when it was as the spec
// wants. The expectation is named by its index in the spec.
func (j *Judge) Probe(index int, at time.Duration, err error) {
	if j.done {
		return
	}
	j.now = max(j.now, at)
	for i := range j.out.Probes {
		u := &j.out.Probes[i]
		if u.index != index || u.State == StateOK {
			continue
		}
		if u.State == StateWaiting {
			u.FromMS = at.Milliseconds()
		}
		u.State = StateStarted
		if err != nil {
			u.Detail = err.Error()
			continue
		}
		u.State, u.Detail, u.ToMS = StateOK, "", at.Milliseconds()
	}
	j.settle()
}

// Probes returns the expectations that need a probe, by their index in the spec.
func (j *Judge) Probes() map[int]spec.Expectation {
	probes := map[int]spec.Expectation{}
	for i, e := range j.task.Spec.Expect {
		if e.HTTP != nil || e.TCP != nil {
			probes[i] = e
		}
	}
	return probes
}

func (o *Outcome) stageServices(at time.Duration) {
	if o.in(stageKernel, stageInit, stageOnboot) {
		o.stage(stageServices, at)
	}
}
