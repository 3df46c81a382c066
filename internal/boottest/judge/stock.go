package judge

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
)

// The stock init, LinuxKit's own (pkg/init), writes no records. Its console shows
// /etc/issue, a line before each onboot container, and what could not be started;
// containerd logs its own start and that of each service's shim. The end of an onboot
// container shows only by the next line. How it ended, and whether a service runs, does
// not show at all.
const (
	stockBanner       = "Welcome to LinuxKit"
	stockOnbootDone   = "starting containerd"
	stockContainerdUp = "containerd successfully booted"
)

var (
	stockOnboot = regexp.MustCompile(`^(?:.*\s)?onboot \d{3}-(\S+): from `)
	// stockRunError is an onboot or onshutdown container that could not be run.
	stockRunError = regexp.MustCompile(`^(?:.*\s)?Error (?:preparing|creating|starting) \d{3}-(\S+): (.+)`)
	// stockShim names a service in a message of containerd 2, or of the shims of containerd 1.
	stockShim = regexp.MustCompile(`(?:connecting to shim |/io\.containerd\.runtime\.v2\.task/[^/ ]+/)([^\s"/]+)(?:[\s"]|$)`)
	// stockError is an error of services and volumes, in the format of logrus on a terminal.
	stockError = regexp.MustCompile(`(?:ERRO|FATA)\[\d{4,}\] (` +
		`cannot start containerd|containerd process exited|creating containerd client|listing containers` +
		`|preparing (?:filesystem|process)|failed to (?:read|parse) service spec|failed to (?:create|start) (?:container|task)` +
		`|Volume \S+ does not have .* directory|Error [a-z -]+ volume \S+)(?:.*? error="?(.+?)"?)?\s*$`)
)

// stockState is what the console of a stock init has shown.
type stockState struct {
	banner     bool
	containerd bool   // it runs
	onboot     string // the last one that started
	shim       string // the service of the last message about a shim
}

func (j *Judge) handleStockLine(l console.Line) {
	switch {
	case strings.Contains(l.Text, stockBanner):
		j.stock.banner = true
		if j.out.inStage(stageFirmware, stageKernel) { // a login repeats the banner
			j.out.beginStage(stageOnboot, j.now)
		}
	case strings.Contains(l.Text, stockOnbootDone):
		j.endStockOnboot()
		j.out.beginServices(j.now)
	case strings.Contains(l.Text, stockContainerdUp):
		j.stock.containerd = true
	}
	if groups := stockOnboot.FindStringSubmatch(l.Text); groups != nil {
		j.beginStockOnboot(groups[1])
	}
	if groups := stockRunError.FindStringSubmatch(l.Text); groups != nil {
		j.handleStockRunError(groups[1], groups[2], l)
	}
	if groups := stockShim.FindStringSubmatch(l.Text); groups != nil {
		j.handleStockShim(groups[1])
	}
	if groups := stockError.FindStringSubmatch(l.Text); groups != nil {
		j.handleStockError(groups[1], groups[2], l)
	}
}

func (j *Judge) beginStockOnboot(name string) {
	j.endStockOnboot()
	u := findOrAdd(&j.out.Onboot, name)
	u.start(j.now)
	j.stock.onboot = u.Name
	if len(j.config.Services) == 0 && len(openUnits(j.out.Onboot)) == 1 {
		j.endStockOnboot() // no later line would show its end
	}
}

// endStockOnboot marks the onboot container that runs as ended.
func (j *Judge) endStockOnboot() {
	if u := find(j.out.Onboot, j.stock.onboot); u != nil && u.State == StateStarted {
		u.State, u.ToMS = StateUnknown, j.now.Milliseconds()
		u.Detail = "started; this init does not report how it ended"
	}
}

func (j *Judge) handleStockRunError(name, cause string, l console.Line) {
	if j.phase == stopping {
		j.decide(Failed, failure{reason: fmt.Sprintf("onshutdown %q could not be run: %s", name, cause), culprit: name, line: l.Text})
		return
	}
	u := findOrAdd(&j.out.Onboot, name)
	u.State, u.ToMS, u.Detail = StateFailed, j.now.Milliseconds(), cause
	j.decide(Failed, failure{reason: fmt.Sprintf("onboot %q could not be run: %s", u.Name, cause), culprit: u.Name, line: l.Text})
}

// handleStockShim handles a message of containerd about a service. Services start one
// after another, so the time to stay up counts from the last one.
func (j *Judge) handleStockShim(name string) {
	u := find(j.out.Services, name)
	if u == nil {
		return
	}
	if u.FromMS == 0 {
		u.FromMS, u.Detail = j.now.Milliseconds(), "starting; this init does not report whether it runs"
		if j.phase == staying {
			j.stayUntil = j.now + j.stays()
		}
	}
	j.stock.shim = name
}

// handleStockError handles an error message. It does not name the service, but a failed
// task belongs to the last shim.
func (j *Judge) handleStockError(operation, cause string, l console.Line) {
	f := failure{reason: "LinuxKit's init: " + operation, line: l.Text}
	if cause != "" {
		f.reason += ": " + cause
	}
	if u := find(j.out.Services, j.stock.shim); u != nil && strings.HasSuffix(operation, " task") {
		u.State, u.Detail, f.culprit = StateFailed, operation, u.Name
		f.reason = fmt.Sprintf("service %q could not be started: %s", u.Name, cause)
	}
	j.decide(Failed, f)
}

// missingStockText returns the text that the console of a stock init must still show.
func (j *Judge) missingStockText() string {
	switch {
	case !j.stock.banner:
		return stockBanner
	case len(j.config.Services) > 0 && !j.stock.containerd:
		return stockContainerdUp // no service runs without it
	}
	return ""
}
