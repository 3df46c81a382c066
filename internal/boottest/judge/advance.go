package judge

import (
	"fmt"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// advance enters the next phase once no proof is missing.
func (j *Judge) advance() {
	if j.decided || j.phase == stopping {
		return
	}
	if j.config.Builtin && len(openUnits(j.out.Onboot))+len(openUnits(j.out.Services)) == 0 {
		j.startProbes()
	}
	complete := j.missingProof() == ""
	switch {
	case j.phase == booting && complete:
		j.becomeReady()
	case j.phase == staying && !complete: // a service ended with code 0, and may be restarted
		j.phase = booting
	}
}

func (j *Judge) startProbes() {
	if !j.probing {
		j.probing = true
		j.act(Action{Kind: StartProbes})
	}
}

func (j *Judge) becomeReady() {
	j.phase = staying
	j.stayUntil = j.now + j.stays()
	j.out.ReadyMS = j.now.Milliseconds()
	j.out.beginStage(stageStays, j.now)
	if b := j.config.Spec.Budget.Ready; b > 0 && j.now > b {
		j.decide(Failed, failure{
			reason:  fmt.Sprintf("ready after %v; the budget is %v", j.now.Round(time.Millisecond), b),
			culprit: "budget",
		})
	}
}

// stays returns how long everything must stay up: the longest time in the spec.
func (j *Judge) stays() time.Duration {
	longest, set := time.Duration(0), false
	for _, e := range j.config.Spec.Expect {
		if e.Kind() == "stays" {
			longest, set = max(longest, e.Stays), true
		}
	}
	switch {
	case set:
		return longest
	case !j.config.Builtin:
		return j.scaled(defaultStays) // a stock init reports only that a service starts; a failure follows
	}
	return defaultStays
}

// openUnits describes the units whose proof is missing.
func openUnits(list []Unit) []string {
	var names []string
	for _, u := range list {
		if !u.optional && u.isOpen() {
			names = append(names, fmt.Sprintf("%s (%s)", u.Name, u.status()))
		}
	}
	return names
}

// missingProof lists the proof that has not arrived, or returns "".
func (j *Judge) missingProof() string {
	var parts []string
	add := func(kind string, list []Unit) {
		if names := openUnits(list); len(names) > 0 {
			parts = append(parts, kind+" "+strings.Join(names, ", "))
		}
	}
	if j.config.Builtin || len(j.out.Probes) == 0 {
		add("onboot", j.out.Onboot)
	}
	if j.config.Builtin {
		add("service", j.out.Services)
		switch {
		case j.lastSeq == 0:
			parts = append(parts, "any record of PID 1")
		case len(j.out.Services)+len(j.out.Probes) == 0 && !j.allReady:
			parts = append(parts, "milestone ready of PID 1") // without units it is the only proof
		}
	} else if text := j.missingStockText(); text != "" && len(j.out.Probes) == 0 {
		parts = append(parts, fmt.Sprintf("%q on the console, or an http, tcp or console expectation in the spec", text))
	}
	add("probe", j.out.Probes)
	return strings.Join(parts, "; ")
}

// Probes returns the expectations that need a probe, by their index in the spec.
func (j *Judge) Probes() map[int]spec.Expectation {
	probes := map[int]spec.Expectation{}
	for i, e := range j.config.Spec.Expect {
		if e.HTTP != nil || e.TCP != nil {
			probes[i] = e
		}
	}
	return probes
}
