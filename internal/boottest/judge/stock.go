package judge

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
)

// What LinuxKit's own init shows (pkg/init): /etc/issue, a line before each onboot, and
// what could not be started; containerd tells of itself and of each service's shim. That
// an onboot ended shows by what comes next, and how it ended, or whether a service runs,
// does not show at all.
const (
	welcome      = "Welcome to LinuxKit"
	onbootsDone  = "starting containerd"
	containerdUp = "containerd successfully booted"
)

var (
	stockOnboot = regexp.MustCompile(`^(?:.*\s)?onboot \d{3}-(\S+): from `)
	// stockUnrun is one of onboot or onshutdown that did not start.
	stockUnrun = regexp.MustCompile(`^(?:.*\s)?Error (?:preparing|creating|starting) \d{3}-(\S+): (.+)`)
	// stockShim names a service in what containerd 2 says, or the shims of containerd 1.
	stockShim = regexp.MustCompile(`(?:connecting to shim |/io\.containerd\.runtime\.v2\.task/[^/ ]+/)([^\s"/]+)(?:[\s"]|$)`)
	// stockFault is what it says of services and volumes, as logrus writes to a terminal.
	stockFault = regexp.MustCompile(`(?:ERRO|FATA)\[\d{4,}\] (cannot start containerd|containerd process exited|creating containerd client|listing containers` +
		`|preparing (?:filesystem|process)|failed to (?:read|parse) service spec|failed to (?:create|start) (?:container|task)` +
		`|Volume \S+ does not have .* directory|Error [a-z -]+ volume \S+)(?:.*? error="?(.+?)"?)?\s*$`)
)

// stock is what an init that is not ours has shown so far.
type stock struct {
	banner     bool
	containerd bool   // it is up
	onboot     string // the last that began
	shim       string // the service whose shim was last heard of
}

func (j *Judge) foreign(l console.Line) {
	switch {
	case strings.Contains(l.Text, welcome):
		j.stock.banner = true
		if j.out.in(stageFirmware, stageKernel) { // it greets again who logs in
			j.out.stage(stageOnboot, j.now)
		}
	case strings.Contains(l.Text, onbootsDone):
		j.stockEnds()
		j.out.stageServices(j.now)
	case strings.Contains(l.Text, containerdUp):
		j.stock.containerd = true
	}
	if f := stockOnboot.FindStringSubmatch(l.Text); f != nil {
		j.stockBegins(f[1])
	}
	if f := stockUnrun.FindStringSubmatch(l.Text); f != nil {
		j.stockUnrun(f[1], f[2], l)
	}
	if f := stockShim.FindStringSubmatch(l.Text); f != nil {
		j.stockShim(f[1])
	}
	if f := stockFault.FindStringSubmatch(l.Text); f != nil {
		j.stockFault(f[1], f[2], l)
	}
}

func (j *Judge) stockBegins(name string) {
	j.stockEnds()
	u := unit(&j.out.Onboot, name)
	u.started(j.now)
	j.stock.onboot = u.Name
	if len(j.task.Services) == 0 && len(missing(j.out.Onboot)) == 1 {
		j.stockEnds() // nothing comes that would show it
	}
}

// stockEnds notes that the onboot under way is over.
func (j *Judge) stockEnds() {
	if u := find(j.out.Onboot, j.stock.onboot); u != nil && u.State == StateStarted {
		u.State, u.ToMS, u.Detail = StateUnknown, j.now.Milliseconds(), "it ran; this init does not tell how it ended"
	}
}

func (j *Judge) stockUnrun(name, why string, l console.Line) {
	if j.phase == stopping {
		j.decide(Failed, fault{reason: fmt.Sprintf("onshutdown %q could not be run: %s", name, why), culprit: name, line: l.Text})
		return
	}
	u := unit(&j.out.Onboot, name)
	u.State, u.ToMS, u.Detail = StateFailed, j.now.Milliseconds(), why
	j.decide(Failed, fault{reason: fmt.Sprintf("onboot %q could not be run: %s", u.Name, why), culprit: u.Name, line: l.Text})
}

// stockShim notes that containerd is about a service. They come one after another, so
// the time for all of them to stay counts from the last.
func (j *Judge) stockShim(name string) {
	u := find(j.out.Services, name)
	if u == nil {
		return
	}
	if u.FromMS == 0 {
		u.FromMS, u.Detail = j.now.Milliseconds(), "containerd began to start it; whether it runs is not told"
		if j.phase == staying {
			j.stayUntil = j.now + j.stays()
		}
	}
	j.stock.shim = name
}

// stockFault takes in that something was given up. The service is not named, but where
// its task fails its shim was the last.
func (j *Judge) stockFault(what, why string, l console.Line) {
	f := fault{reason: "LinuxKit's init: " + what, line: l.Text}
	if why != "" {
		f.reason += ": " + why
	}
	if u := find(j.out.Services, j.stock.shim); u != nil && strings.HasSuffix(what, " task") {
		u.State, u.Detail, f.culprit = StateFailed, what, u.Name
		f.reason = fmt.Sprintf("service %q could not be started: %s", u.Name, why)
	}
	j.decide(Failed, f)
}
