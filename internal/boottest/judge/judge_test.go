package judge

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// boot feeds the events of a simulated guest to a judge, as the driver of a machine does.
type boot struct {
	judge   *Judge
	lines   console.Splitter
	seq     uint64
	actions []Action
}

// step is an event at a time in seconds since power-on.
type step func(*boot)

func at(seconds float64) time.Duration { return time.Duration(seconds*1000+0.5) * time.Millisecond }

// text is console output.
func text(seconds float64, output string) step {
	return func(b *boot) {
		b.runUntil(at(seconds))
		for _, l := range b.lines.Append([]byte(output), at(seconds)) {
			b.judge.HandleLine(l)
		}
		if l, ok := b.lines.Partial(); ok && b.judge.WantsPartial() {
			b.judge.HandlePartial(l)
		}
	}
}

func kernel(seconds float64, message string) step {
	return text(seconds, "[    1.000000] "+message+"\r\n")
}

// nextRecord returns the line of the next record.
func (b *boot) nextRecord(event string, pairs ...string) string {
	b.seq++
	r := record.Record{Seq: b.seq, Event: event}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields = append(r.Fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return string(r.Append(nil))
}

func rec(seconds float64, event string, pairs ...string) step {
	return func(b *boot) { kernel(seconds, b.nextRecord(event, pairs...))(b) }
}

// lost is a record that does not arrive.
func lost(event string, pairs ...string) step {
	return func(b *boot) { b.nextRecord(event, pairs...) }
}

// interrupted is a record with a kernel message within it.
func interrupted(seconds float64, event string, pairs ...string) step {
	return func(b *boot) {
		line := b.nextRecord(event, pairs...)
		half := len(record.Prefix) + 6
		kernel(seconds, line[:half]+"[    1.000000] usb 1-1: new device\r\n"+line[half:])(b)
	}
}

func probe(seconds float64, index int, err error) step {
	return func(b *boot) {
		b.runUntil(at(seconds))
		b.judge.HandleProbe(index, at(seconds), err)
	}
}

func event(seconds float64, name, reason string) step {
	return func(b *boot) {
		b.runUntil(at(seconds))
		b.judge.HandleEvent(name, reason, at(seconds))
	}
}

func exit(seconds float64) step {
	return func(b *boot) {
		b.runUntil(at(seconds))
		for _, l := range b.lines.Flush() {
			b.judge.HandleLine(l)
		}
		b.judge.HandleExit("QEMU ended with exit status 0", at(seconds))
	}
}

func reboot(seconds float64) []step {
	return []step{event(seconds, "SHUTDOWN", guestReset), exit(seconds)}
}

func powerOff(seconds float64) []step {
	return []step{event(seconds, "SHUTDOWN", guestShutdown), exit(seconds)}
}

// runUntil calls Tick at every deadline up to a time.
func (b *boot) runUntil(until time.Duration) {
	b.actions = append(b.actions, b.judge.Actions()...)
	for !b.judge.Done() && b.judge.Deadline() <= until {
		b.judge.Tick(b.judge.Deadline())
		b.actions = append(b.actions, b.judge.Actions()...)
	}
}

// run returns the outcome and the actions of a boot, which runs until the judge is done.
func run(t *testing.T, c Config, steps ...step) (Outcome, []Action) {
	t.Helper()
	b := &boot{judge: New(c)}
	for _, s := range steps {
		s(b)
	}
	b.runUntil(24 * time.Hour)
	if !b.judge.Done() {
		t.Fatal("the judge is not done after 24h")
	}
	return b.judge.Outcome(), b.actions
}

// config describes an image with one onboot container and two services.
func config(t *testing.T, text string) Config {
	t.Helper()
	s, err := spec.Parse("linuxkit.test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Builtin: true, Onboot: []string{"dhcpcd"}, Services: []string{"web", "db"},
		Spec: s, Graceful: s.Shutdown != spec.Kill, Slowness: 1,
	}
}

func steps(parts ...any) []step {
	var list []step
	for _, p := range parts {
		switch p := p.(type) {
		case step:
			list = append(list, p)
		case []step:
			list = append(list, p...)
		}
	}
	return list
}

// The events of a good boot, in order.
var (
	started    = rec(1, record.Start, "version", "1")
	onbootDone = rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "0", "ms", "90")
	starting   = steps(started, onbootDone, rec(1.2, record.Starting, "service", "web"), rec(1.2, record.Starting, "service", "db"))
	webReady   = rec(1.5, record.Ready, "service", "web", "ms", "300")
	dbReady    = rec(1.6, record.Ready, "service", "db", "ms", "400")
	up         = steps(starting, webReady, dbReady)
	shutdown   = rec(3.8, record.Shutdown, "how", "poweroff", "cause", "button")
	bye        = rec(4, record.Bye, "how", "poweroff", "stopped", "2", "killed", "0")
	down       = steps(shutdown, bye, powerOff(4.1))
)

// milestoneReady is PID 1's report that every service is ready.
var milestoneReady = rec(1.3, record.Milestone, "name", record.MilestoneReady)

func TestConsoleExpectationsAreOrderedAndConsumeTheirMatch(t *testing.T) {
	t.Parallel()
	_, actions := run(t, config(t, `
shutdown: kill
expect:
  - {console: "login: $", send: "root\n"}
  - {console: "login: $", send: "again\n"}
  - {console: "#"}
`), steps(
		text(0.5, "# not yet a prompt\nlog"), text(0.6, "in: "),
		text(0.7, "root\r\nlogin: "), text(0.8, "again\r\n# "), up)...)
	want := []Action{{Kind: TypeText, Text: "root\n"}, {Kind: TypeText, Text: "again\n"}, {Kind: StartProbes}}
	if !reflect.DeepEqual(actions, want) {
		t.Errorf("actions %+v", actions)
	}
}

func TestPromptInterruptedByKernelMatches(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps []step
		typed int
	}{
		"in the middle": {
			steps: steps(text(0.5, "box lo"), kernel(0.6, "usb 1-1"), kernel(0.6, "usb 1-2"), text(0.7, "gin: ")), typed: 1,
		},
		"at the end": {steps: steps(text(0.5, "box login: [    0.500000] usb 1-1\r\n")), typed: 1},
		"twice":      {steps: steps(text(0.5, "box l[    0.500000] usb 1-1\r\nogi[    0.500000] usb 1-2\r\nn: ")), typed: 1},
		"after the match": {
			steps: steps(text(0.5, "box login: "), kernel(0.6, "usb 1-1"), kernel(0.7, "usb 1-2")), typed: 1,
		},
		"second prompt": {
			steps: steps(text(0.5, "box login: "), kernel(0.6, "usb 1-1"),
				text(0.7, "\r\nbox lo"), kernel(0.8, "usb 1-2"), text(0.9, "gin: ")),
			typed: 2,
		},
		"parts of two lines": {steps: steps(text(0.5, "box lo[    0.500000] usb 1-1\r\nst\r\ngin: "))},
	} {
		c := config(t, `
shutdown: kill
timeout: 20s
expect:
  - {console: "box login: $", send: "a"}
  - {console: "box login: $", send: "b"}
`)
		_, actions := run(t, c, tt.steps...)
		actions = slices.DeleteFunc(actions, func(a Action) bool { return a.Kind != TypeText })
		if len(actions) != tt.typed {
			t.Errorf("%s: typed %d times, want %d", name, len(actions), tt.typed)
		}
	}
}

func TestTailIsKeptAndSanitized(t *testing.T) {
	t.Parallel()
	o, _ := run(t, config(t, ""), steps(started, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "1"),
		rec(1.2, record.Failed, "onboot", "dhcpcd", "reason", "exit 1", "tail", "no lease\n\x1b[2J\rgone\n"))...)
	if o.Tail != "no lease\n\uFFFD[2J\uFFFDgone" || o.Stages[len(o.Stages)-1].ToMS != 1200 {
		t.Errorf("tail %q, ended at %d ms", o.Tail, o.Stages[len(o.Stages)-1].ToMS)
	}
}

func TestTailOfOnshutdown(t *testing.T) {
	t.Parallel()
	o, _ := run(t, config(t, ""), steps(up, shutdown, rec(3.9, record.Onshutdown, "name", "save", "exit", "1"),
		rec(3.9, record.Failed, record.Onshutdown, "save", "reason", "exit 1", "tail", "disk full\n"))...)
	if o.Culprit != "save" || o.Tail != "disk full" || len(o.Onboot) != 1 {
		t.Errorf("culprit %q, tail %q, onboot %+v", o.Culprit, o.Tail, o.Onboot)
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	o, actions := run(t, config(t, ""), steps(kernel(0.5, "Linux"), up, down)...)
	want := []Stage{
		{Name: "firmware", FromMS: 0, ToMS: 500},
		{Name: "kernel", FromMS: 500, ToMS: 1000},
		{Name: "init", FromMS: 1000, ToMS: 1200},
		{Name: "services", FromMS: 1200, ToMS: 1600},
		{Name: "stays", FromMS: 1600, ToMS: 3600},
		{Name: "shutdown", FromMS: 3600, ToMS: 4100},
	}
	if !reflect.DeepEqual(o.Stages, want) {
		t.Errorf("stages %+v", o.Stages)
	}
	if u := o.Services[0]; u.State != StateOK || u.FromMS != 1200 || u.ToMS != 1500 {
		t.Errorf("web %+v", u)
	}
	if want := []Action{{Kind: StartProbes}, {Kind: PressPowerButton}}; !reflect.DeepEqual(actions, want) {
		t.Errorf("actions %+v", actions)
	}
}

func TestStageInitEndsWithModules(t *testing.T) {
	t.Parallel()
	o, _ := run(t, config(t, ""), kernel(0.5, "Linux"), started, rec(1.1, record.Milestone, "name", record.MilestoneModules))
	if len(o.Stages) < 4 {
		t.Fatalf("stages %+v", o.Stages)
	}
	if o.Stages[2] != (Stage{Name: "init", FromMS: 1000, ToMS: 1100}) || o.Stages[3].Name != "onboot" {
		t.Errorf("stages %+v", o.Stages)
	}
}

func TestOnbootsWithEqualNames(t *testing.T) {
	t.Parallel()
	c := config(t, "timeout: 20s")
	c.Onboot, c.Services = []string{"run", "run"}, nil
	first := rec(1.1, record.Onboot, "name", "001-run", "exit", "0")
	second := rec(1.2, record.Onboot, "name", "002-run", "exit", "0")
	if o, _ := run(t, c, started, first); o.Verdict != Hung {
		t.Errorf("one of two: %s, %s", o.Verdict, o.Reason)
	}
	if o, _ := run(t, c, steps(started, first, second, milestoneReady, down)...); o.Verdict != Ready {
		t.Errorf("both: %s, %s", o.Verdict, o.Reason)
	}
}

// Without units the power button must not be pressed before PID 1 can react to it.
func TestImageWithoutUnitsIsReadyByMilestone(t *testing.T) {
	t.Parallel()
	c := config(t, "timeout: 20s")
	c.Onboot, c.Services = nil, nil
	o, actions := run(t, c, started)
	if o.Verdict != Hung || !strings.Contains(o.Reason, "missing: milestone ready of PID 1") ||
		slices.Contains(actions, Action{Kind: PressPowerButton}) {
		t.Errorf("%s, %s, actions %v", o.Verdict, o.Reason, actions)
	}
	state := rec(1.3, record.State, "phase", record.PhaseReady, "onboot", "", "services", "")
	for _, ready := range []step{milestoneReady, state} {
		if o, _ := run(t, c, steps(started, ready, down)...); o.Verdict != Ready {
			t.Errorf("%s, %s", o.Verdict, o.Reason)
		}
	}
}

func TestUnitsOfGuestAreBounded(t *testing.T) {
	t.Parallel()
	b := &boot{judge: New(config(t, ""))}
	for range 3 * maxUnits {
		name := strings.Repeat("x", int(b.seq%7)+1) + time.Duration(b.seq).String()
		rec(1, record.Ready, "service", name)(b)
		rec(1, record.Onboot, "name", name, "exit", "0")(b)
	}
	if n := len(b.judge.out.Services) + len(b.judge.out.Onboot); n > 2*maxUnits {
		t.Errorf("%d units", n)
	}
}

var errRefused = errors.New("refused")

func FuzzJudge(f *testing.F) {
	b := &boot{}
	for _, line := range []string{
		b.nextRecord(record.Start),
		b.nextRecord(record.Onboot, "name", "dhcpcd", "exit", "0"),
		b.nextRecord(record.Exited, "service", "web", "code", "0"),
		b.nextRecord(record.State, "services", "web:ready:0"),
	} {
		f.Add("[    1.000000] "+line+"\n", 1.5)
	}
	f.Add("Welcome to LinuxKit\nlogin: ", 1.0)
	f.Fuzz(func(t *testing.T, output string, seconds float64) {
		if !(seconds >= 0 && seconds < 100) {
			return
		}
		c := config(t, `expect: [{console: "a.*b", send: x}, {tcp: {port: 1}}]`)
		o, _ := run(t, c, text(seconds, output), exit(seconds+1))
		if o.Verdict == Ready {
			t.Errorf("ready without proof: %q", output)
		}
	})
}
