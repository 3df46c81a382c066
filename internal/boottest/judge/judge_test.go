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

// boot plays a guest to a judge, as the driver of a machine would.
type boot struct {
	judge  *Judge
	reader console.Splitter
	seq    uint64
	orders []Order
}

// step is something that happens, at a time in seconds.
type step func(*boot)

func at(seconds float64) time.Duration { return time.Duration(seconds*1000+0.5) * time.Millisecond }

// text is bytes on the console.
func text(s float64, text string) step {
	return func(b *boot) {
		b.pass(at(s))
		for _, l := range b.reader.Append([]byte(text), at(s)) {
			b.judge.Line(l)
		}
		if l, ok := b.reader.Partial(); ok && b.judge.Listening() {
			b.judge.Pending(l)
		}
	}
}

func kernel(s float64, message string) step { return text(s, "[    1.000000] "+message+"\r\n") }

// sealed is the line of the next record.
func (b *boot) sealed(event string, pairs ...string) string {
	b.seq++
	r := record.Record{Seq: b.seq, Event: event}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields = append(r.Fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return string(r.Append(nil))
}

func rec(s float64, event string, pairs ...string) step {
	return func(b *boot) { kernel(s, b.sealed(event, pairs...))(b) }
}

// lost is a record that never came.
func lost(event string, pairs ...string) step {
	return func(b *boot) { b.sealed(event, pairs...) }
}

// torn is a record with kernel text in its middle.
func torn(s float64, event string, pairs ...string) step {
	return func(b *boot) {
		line := b.sealed(event, pairs...)
		half := len(record.Prefix) + 6
		kernel(s, line[:half]+"[    1.000000] usb 1-1: new device\r\n"+line[half:])(b)
	}
}

func probe(s float64, index int, err error) step {
	return func(b *boot) { b.pass(at(s)); b.judge.Probe(index, at(s), err) }
}

func event(s float64, name, reason string) step {
	return func(b *boot) { b.pass(at(s)); b.judge.Event(name, reason, at(s)) }
}

func exit(s float64) step {
	return func(b *boot) {
		b.pass(at(s))
		for _, l := range b.reader.Flush() {
			b.judge.Line(l)
		}
		b.judge.Exit("QEMU ended with exit status 0", at(s))
	}
}

func off(s float64) step {
	return func(b *boot) { event(s, "SHUTDOWN", "guest-shutdown")(b); exit(s)(b) }
}

// pass lets the clock strike whenever the judge asked for it, up to a time.
func (b *boot) pass(until time.Duration) {
	b.orders = append(b.orders, b.judge.Orders()...)
	for !b.judge.Done() && b.judge.Deadline() <= until {
		b.judge.Tick(b.judge.Deadline())
		b.orders = append(b.orders, b.judge.Orders()...)
	}
}

// play returns the outcome and the orders; the clock runs on to the end.
func play(t *testing.T, task Task, steps ...step) (Outcome, []Order) {
	t.Helper()
	b := &boot{judge: New(task)}
	for _, s := range steps {
		s(b)
	}
	b.pass(24 * time.Hour)
	if !b.judge.Done() {
		t.Fatal("the judge never comes to an end")
	}
	return b.judge.Outcome(), b.orders
}

// box is an image with one onboot and two services.
func box(t *testing.T, text string) Task {
	t.Helper()
	s, err := spec.Parse("linuxkit.test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Task{Builtin: true, Onboot: []string{"dhcpcd"}, Services: []string{"web", "db"}, Spec: s, Graceful: true, Slowness: 1}
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

// The story of a boot that goes well, in parts.
var (
	begin = rec(1, record.Start, "version", "1")
	dhcp  = rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "0", "ms", "90")
	begun = steps(begin, dhcp, rec(1.2, record.Starting, "service", "web"), rec(1.2, record.Starting, "service", "db"))
	web   = rec(1.5, record.Ready, "service", "web", "ms", "300")
	db    = rec(1.6, record.Ready, "service", "db", "ms", "400")
	up    = steps(begun, web, db)
	down  = rec(3.8, record.Shutdown, "how", "poweroff", "cause", "button")
	bye   = rec(4, record.Bye, "how", "poweroff", "stopped", "2", "killed", "0")
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec    string
		steps   []step
		want    Verdict
		reason  string
		culprit string
		within  float64 // seconds since power-on that the verdict may take
	}{
		"all is well": {
			steps:  steps(up, down, bye, off(4.1)),
			want:   Ready,
			reason: "1 onboot and 2 services ready after 1.6s",
			within: 4.1,
		},
		"a service says ready without a checksum": {spec: "timeout: 20s",
			steps: steps(begun, db, text(1.5, "linuxkit-init: 5 ready service=web ms=3\n")), want: Garbled, reason: "web (started)", within: 20},
		"a service repeats another's record": {spec: "timeout: 20s",
			steps: steps(begun, db, func(b *boot) { b.seq--; rec(1.7, record.Ready, "service", "web")(b) }), want: Hung, reason: "web (started)", within: 20},
		"a service logs a kernel panic":    {steps: steps(up, text(2, "Kernel panic - not syncing: not really\n"), down, bye, off(4.1)), want: Ready, within: 4.1},
		"a record tells of a kernel panic": {steps: steps(up, rec(2, record.Log, "level", "info", "msg", "BUG: as the service says"), down, bye, off(4.1)), want: Ready, within: 4.1},
		"the kernel panics":                {steps: steps(begun, kernel(1.3, "Kernel panic - not syncing: Fatal exception")), want: Panicked, reason: "kernel panic: Fatal exception", culprit: "Fatal exception", within: 2},
		"a service fails because the kernel panics": {steps: steps(up, rec(2, record.Exited, "service", "web", "signal", "SIGSEGV"), kernel(2.1, "Kernel panic - not syncing: Fatal exception")),
			want: Panicked, reason: "Fatal exception", within: 3},
		"out of memory":       {steps: steps(begun, kernel(1.3, "Out of memory: Killed process 83 (nginx) total-vm:1kB")), want: Failed, reason: "out of memory: 83 (nginx)", culprit: "83 (nginx)", within: 2},
		"an onboot fails":     {steps: steps(begin, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "1")), want: Failed, reason: `onboot "dhcpcd" ended with exit 1`, culprit: "dhcpcd", within: 2},
		"an onboot is killed": {steps: steps(begin, rec(1.1, record.Onboot, "name", "dhcpcd", "signal", "SIGKILL")), want: Failed, reason: `signal SIGKILL`, culprit: "dhcpcd", within: 2},
		"an onboot fails as expected": {spec: "expect: [{onboot: dhcpcd, exit: 3}]",
			steps: steps(begin, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "3"), rec(1.1, record.Failed, "onboot", "dhcpcd", "reason", "exit 3"), web, db, down, bye, off(4.1)),
			want:  Ready, within: 4.1},
		"an onboot succeeds that should fail": {spec: "expect: [{onboot: dhcpcd, exit: 3}]",
			steps: steps(begin, dhcp), want: Failed, reason: "exit 0, not exit 3", culprit: "dhcpcd", within: 2},
		"an onboot's record is missing": {
			spec:   "timeout: 20s",
			steps:  steps(begin, web, db),
			want:   Hung,
			reason: "missing: onboot dhcpcd (not started)",
			within: 20,
		},
		"a service ends before it is ready":    {steps: steps(begun, rec(1.3, record.Exited, "service", "web", "code", "3")), want: Failed, reason: `service "web" ended with code 3 before it was ready`, culprit: "web", within: 2},
		"a service ends after all were ready":  {steps: steps(up, rec(2, record.Exited, "service", "db", "code", "1")), want: Failed, reason: `"db" ended with code 1 after it was ready`, culprit: "db", within: 3},
		"a service cannot be started":          {steps: steps(begun, rec(1.3, record.Exited, "service", "web", "error", "exec: no such file")), want: Failed, reason: `service "web" could not be started: exec: no such file`, culprit: "web", within: 2},
		"a service nobody knows fails":         {steps: steps(begun, rec(1.3, record.Failed, "service", "containerd", "reason", "gone")), want: Failed, reason: `service "containerd" failed: gone`, culprit: "containerd", within: 2},
		"a service ends with 0 and stays away": {steps: steps(up, rec(2, record.Exited, "service", "web", "code", "0")), want: Failed, reason: "did not come back", culprit: "web", within: 8},
		"a service ends with 0 and comes back": {steps: steps(up, rec(2, record.Exited, "service", "web", "code", "0"), rec(2.1, record.Starting, "service", "web"), rec(2.2, record.Ready, "service", "web"),
			rec(4.5, record.Shutdown), rec(4.6, record.Bye, "killed", "0"), off(4.7)), want: Ready, within: 4.7},
		"a service never becomes ready": {
			spec:   "timeout: 20s",
			steps:  steps(begun, db),
			want:   Hung,
			reason: "missing: service web (started)",
			within: 20,
		},
		"a service is late": {
			spec:    "expect: [{service: web, within: 5s}]",
			steps:   steps(begun, db),
			want:    Failed,
			reason:  `service "web": not as expected within 5s`,
			culprit: "web",
			within:  5.5,
		},
		"an onboot hangs": {spec: "timeout: 20s", steps: steps(begin, rec(1.1, record.State, "phase", "onboot", "onboot", "dhcpcd:running", "services", "")),
			want: Hung, reason: "missing: onboot dhcpcd (started)", culprit: "dhcpcd", within: 20},
		"a service waits for an onboot that hangs": {spec: "expect: [{service: web, within: 5s}]",
			steps: steps(begin, rec(1.1, record.State, "phase", "onboot", "onboot", "dhcpcd:running", "services", "")),
			want:  Failed, reason: `service "web": not as expected within 5s (not started): onboot "dhcpcd" has not ended`, culprit: "dhcpcd", within: 5.5},
		"the guest powers off too early": {
			steps:  steps(begun, off(2)),
			want:   Exited,
			reason: "it powered off; missing: service web (started), db (started)",
			within: 2,
		},
		"the guest powers off once it is ready": {
			steps:  steps(up, off(2)),
			want:   Exited,
			reason: "after it was ready: it powered off",
			within: 2,
		},
		"the guest reboots": {
			steps:  steps(begun, event(2, "SHUTDOWN", "guest-reset"), exit(2)),
			want:   Exited,
			reason: "it rebooted",
			within: 2,
		},
		"QEMU ends without a word": {
			steps:  steps(begun, exit(2)),
			want:   Exited,
			reason: "exit status 0",
			within: 2,
		},
		"QEMU ends before a byte": {
			steps:  steps(exit(0.1)),
			want:   Exited,
			reason: "any record of PID 1",
			within: 0.1,
		},
		"the guest shuts down by itself": {
			steps:  steps(up, rec(2, record.Shutdown, "how", "poweroff", "cause", "onFailure of web")),
			want:   Exited,
			reason: "onFailure of web",
			within: 3,
		},
		"the console is silent": {
			spec:   "timeout: 20s",
			want:   Hung,
			reason: "not a line on the console",
			within: 20,
		},
		"the kernel boots and PID 1 says nothing": {
			spec:   "timeout: 20s",
			steps:  steps(kernel(1, "Run /init as init process")),
			want:   Hung,
			reason: "any record of PID 1",
			within: 20,
		},
		"a line without end": {
			spec:   "timeout: 20s",
			steps:  steps(text(1, strings.Repeat("x", 1<<20))),
			want:   Hung,
			reason: "missing",
			within: 20,
		},
		"a record torn by the kernel, and nothing heals it": {spec: "timeout: 20s",
			steps: steps(begun, torn(1.5, record.Ready, "service", "web"), db), want: Garbled, reason: "1 records of PID 1 were lost and 1 came damaged", within: 20},
		"a record is lost, and nothing heals it": {
			spec:   "timeout: 20s",
			steps:  steps(begun, lost(record.Ready, "service", "web"), db),
			want:   Garbled,
			reason: "1 records of PID 1 were lost",
			within: 20,
		},
		"a record is lost, and the whole picture heals it": {steps: steps(begin, lost(record.Onboot), lost(record.Ready), db, rec(1.7, record.State, "phase", "ready", "onboot", "dhcpcd:0", "services", "web:ready:0,db:ready:0"), down, bye, off(4.1)),
			want: Ready, within: 4.1},
		"the whole picture shows a failed onboot": {
			steps:   steps(begin, rec(1.7, record.State, "onboot", "dhcpcd:7", "services", "")),
			want:    Failed,
			reason:  "ended with 7, not 0",
			culprit: "dhcpcd",
			within:  3,
		},
		"the whole picture shows a failed service": {
			steps:   steps(begun, rec(1.7, record.State, "onboot", "dhcpcd:0", "services", "web:failed:5,db:starting:0")),
			want:    Failed,
			reason:  `service "web" failed`,
			culprit: "web",
			within:  3,
		},
		"the whole picture shows one that is gone": {
			steps:   steps(up, rec(1.7, record.State, "onboot", "dhcpcd:0", "services", "web:done:0,db:ready:0")),
			want:    Failed,
			reason:  "did not come back",
			culprit: "web",
			within:  8,
		},
		"a forbidden text": {
			spec:    "forbid: ['licen[cs]e expired']",
			steps:   steps(begun, text(1.3, "web: license expired\n")),
			want:    Failed,
			reason:  "forbidden text",
			culprit: "license expired",
			within:  2,
		},
		"nobody hears the power button": {
			steps:   steps(up),
			want:    Failed,
			reason:  "did not notice the power button",
			culprit: "shutdown",
			within:  14,
		},
		"a service does not stop in time": {steps: steps(up, down, rec(13, record.Log, "level", "warn", "msg", "service db: not stopped by SIGTERM within 10s; killed",
			"service", "db", "killed", record.KilledStopTimeout), rec(13.1, record.Bye, "killed", "1"), off(13.2)),
			want: Failed, reason: "killed at shutdown", culprit: "db", within: 13.2},
		"some service was killed": {
			steps:   steps(up, down, rec(4, record.Bye, "killed", "2"), off(4.1)),
			want:    Failed,
			reason:  "2 services did not stop in time",
			culprit: "shutdown",
			within:  4.1,
		},
		"a service that ignores nothing ends by SIGKILL": {steps: steps(up, down, rec(3.9, record.Exited, "service", "web", "signal", "SIGKILL"), bye, off(4.1)), want: Ready, within: 4.1},
		"an onshutdown fails": {
			steps:   steps(up, down, rec(3.9, record.Onshutdown, "name", "save", "exit", "1")),
			want:    Failed,
			reason:  `onshutdown "save"`,
			culprit: "save",
			within:  5,
		},
		"the guest is off without a last word": {
			steps:   steps(up, down, off(4.1)),
			want:    Failed,
			reason:  "without the last record",
			culprit: "shutdown",
			within:  4.1,
		},
		"the last word is torn": {
			steps:   steps(up, down, torn(4, record.Bye, "killed", "0"), off(4.1)),
			want:    Garbled,
			reason:  "without the last record",
			culprit: "shutdown",
			within:  4.1,
		},
		"the guest reboots at the power button": {
			steps:   steps(up, down, bye, event(4.1, "SHUTDOWN", "guest-reset"), exit(4.1)),
			want:    Failed,
			reason:  "it rebooted",
			culprit: "shutdown",
			within:  4.1,
		},
		"the shutdown never ends": {
			spec:   "timeout: 20s",
			steps:  steps(up, down),
			want:   Hung,
			reason: "not powered off within 20s",
			within: 20,
		},
		"the kernel panics at shutdown": {
			steps:   steps(up, down, kernel(3.9, "Kernel panic - not syncing: late")),
			want:    Panicked,
			reason:  "late",
			culprit: "late",
			within:  5,
		},
		"the machine is taken away": {
			spec:   "shutdown: kill",
			steps:  up,
			want:   Ready,
			within: 3.7,
		},
		"everything must stay longer": {
			spec:   "{shutdown: kill, expect: [{stays: 10s}]}",
			steps:  up,
			want:   Ready,
			within: 11.7,
		},
		"a service ends while everything must stay": {
			spec:    "{shutdown: kill, expect: [{stays: 10s}]}",
			steps:   steps(up, rec(11, record.Exited, "service", "web", "code", "1")),
			want:    Failed,
			reason:  "must stay up",
			culprit: "web",
			within:  12,
		},
		"the budget is used up": {
			spec:    "budget: {ready: 1s}",
			steps:   up,
			want:    Failed,
			reason:  "ready after 1.6s, the budget is 1s",
			culprit: "budget",
			within:  3,
		},
		"a probe is answered": {
			spec:   "{shutdown: kill, expect: [{tcp: {port: 80}}]}",
			steps:  steps(up, probe(2, 0, errors.New("refused")), probe(2.1, 0, nil)),
			want:   Ready,
			within: 4.2,
		},
		"a probe is answered otherwise": {
			spec:   "{timeout: 20s, expect: [{tcp: {port: 80}}]}",
			steps:  steps(up, probe(2, 0, errors.New("refused"))),
			want:   Failed,
			reason: "probe tcp :80 (started, refused)",
			within: 20,
		},
		"a probe is answered too late": {
			spec:    "expect: [{tcp: {port: 80}, within: 5s}]",
			steps:   steps(up, probe(2, 0, errors.New("refused")), probe(9, 0, nil)),
			want:    Failed,
			reason:  "within 5s (started, refused)",
			culprit: "tcp :80",
			within:  5.5,
		},
		"a prompt never comes": {
			spec:   `{timeout: 20s, expect: [{console: "login: $"}]}`,
			steps:  steps(up, text(2, "logout: ")),
			want:   Failed,
			reason: "login: $",
			within: 20,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := box(t, tt.spec)
			task.Graceful = task.Spec.Shutdown != spec.Kill
			o, _ := play(t, task, tt.steps...)
			if o.Verdict != tt.want || !strings.Contains(o.Reason, tt.reason) || tt.culprit != "" && o.Culprit != tt.culprit {
				t.Errorf("%s, culprit %q: %s", o.Verdict, o.Culprit, o.Reason)
			}
			if took := o.Stages[len(o.Stages)-1].ToMS; took > at(tt.within+0.5).Milliseconds() {
				t.Errorf("it took until %d ms", took)
			}
			if strings.Contains(o.Reason, "\n") {
				t.Errorf("the reason is not one line: %q", o.Reason)
			}
		})
	}
}

func TestDialogueIsInOrderAndUsesNothingTwice(t *testing.T) {
	t.Parallel()
	task := box(t, `
shutdown: kill
expect:
  - {console: "login: $", send: "root\n"}
  - {console: "login: $", send: "again\n"}
  - {console: "#"}
`)
	task.Graceful = false
	_, orders := play(t, task, steps(
		text(0.5, "# not yet a prompt\nlog"), text(0.6, "in: "), text(0.7, "root\r\nlogin: "), text(0.8, "again\r\n# "), up)...)
	want := []Order{{Do: Type, Text: "root\n"}, {Do: Type, Text: "again\n"}, {Do: StartProbes}}
	if !reflect.DeepEqual(orders, want) {
		t.Errorf("orders %+v", orders)
	}
}

func TestAPromptIsHeardThroughTheKernel(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps []step
		typed int
	}{
		"in its middle":                {steps(text(0.5, "box lo"), kernel(0.6, "usb 1-1"), kernel(0.6, "usb 1-2"), text(0.7, "gin: ")), 1},
		"at its end":                   {steps(text(0.5, "box login: [    0.500000] usb 1-1\r\n")), 1},
		"twice":                        {steps(text(0.5, "box l[    0.500000] usb 1-1\r\nogi[    0.500000] usb 1-2\r\nn: ")), 1},
		"after it was heard":           {steps(text(0.5, "box login: "), kernel(0.6, "usb 1-1"), kernel(0.7, "usb 1-2")), 1},
		"and is asked again":           {steps(text(0.5, "box login: "), kernel(0.6, "usb 1-1"), text(0.7, "\r\nbox lo"), kernel(0.8, "usb 1-2"), text(0.9, "gin: ")), 2},
		"but its parts are two lines'": {steps(text(0.5, "box lo[    0.500000] usb 1-1\r\nst\r\ngin: ")), 0},
	} {
		task := box(t, `{shutdown: kill, timeout: 20s, expect: [{console: "box login: $", send: "a"}, {console: "box login: $", send: "b"}]}`)
		_, orders := play(t, task, tt.steps...)
		typed := 0
		for _, o := range orders {
			if o.Do == Type {
				typed++
			}
		}
		if typed != tt.typed {
			t.Errorf("%s: typed %d times, want %d", name, typed, tt.typed)
		}
	}
}

func TestLastWordsAreKeptAndHarmless(t *testing.T) {
	t.Parallel()
	o, _ := play(t, box(t, ""), steps(begin, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "1"),
		rec(1.2, record.Failed, "onboot", "dhcpcd", "reason", "exit 1", "tail", "no lease\n\x1b[2J\rgone\n"))...)
	if o.Tail != "no lease\n\uFFFD[2J\uFFFDgone" || o.Stages[len(o.Stages)-1].ToMS != 1200 {
		t.Errorf("tail %q, ended at %d ms", o.Tail, o.Stages[len(o.Stages)-1].ToMS)
	}
}

func TestStagesFollowOneAnother(t *testing.T) {
	t.Parallel()
	o, orders := play(t, box(t, ""), steps(kernel(0.5, "Linux"), up, down, bye, off(4.1))...)
	want := []Stage{{Name: "firmware", ToMS: 500}, {Name: "kernel", FromMS: 500, ToMS: 1000}, {Name: "init", FromMS: 1000, ToMS: 1200}, {
		Name:   "services",
		FromMS: 1200,
		ToMS:   1600,
	}, {
		Name:   "stays",
		FromMS: 1600,
		ToMS:   3600,
	}, {
		Name:   "shutdown",
		FromMS: 3600,
		ToMS:   4100,
	}}
	if !reflect.DeepEqual(o.Stages, want) {
		t.Errorf("stages %+v", o.Stages)
	}
	if u := o.Services[0]; u.State != StateOK || u.FromMS != 1200 || u.ToMS != 1500 {
		t.Errorf("web %+v", u)
	}
	if want := []Order{{Do: StartProbes}, {Do: PowerButton}}; !reflect.DeepEqual(orders, want) {
		t.Errorf("orders %+v", orders)
	}
}

func TestInitEndsWithItsModules(t *testing.T) {
	t.Parallel()
	o, _ := play(t, box(t, ""), steps(kernel(0.5, "Linux"), begin, rec(1.1, record.Milestone, "name", "modules"))...)
	if want := []Stage{{Name: "firmware", ToMS: 500}, {Name: "kernel", FromMS: 500, ToMS: 1000}, {Name: "init", FromMS: 1000, ToMS: 1100}}; len(o.Stages) < 4 || !reflect.DeepEqual(o.Stages[:3], want) || o.Stages[3].Name != "onboot" {
		t.Errorf("stages %+v", o.Stages)
	}
}

func TestTwoOnbootsMayHaveOneName(t *testing.T) {
	t.Parallel()
	task := box(t, "timeout: 20s")
	task.Onboot, task.Services = []string{"run", "run"}, nil
	one := rec(1.1, record.Onboot, "name", "001-run", "exit", "0")
	if o, _ := play(t, task, begin, one); o.Verdict != Hung {
		t.Errorf("one of two: %s, %s", o.Verdict, o.Reason)
	}
	if o, _ := play(t, task, begin, one, rec(1.2, record.Onboot, "name", "002-run", "exit", "0"), allReady, down, bye, off(4.1)); o.Verdict != Ready {
		t.Errorf("both: %s, %s", o.Verdict, o.Reason)
	}
}

// allReady is how PID 1 says that nothing is left to do.
var allReady = rec(1.3, record.Milestone, "name", "ready")

// TestNothingToRunIsReadyWhenPID1SaysSo: the power button would be pressed before there
// is anybody to notice.
func TestNothingToRunIsReadyWhenPID1SaysSo(t *testing.T) {
	t.Parallel()
	task := box(t, "timeout: 20s")
	task.Onboot, task.Services = nil, nil
	if o, orders := play(t, task, begin); o.Verdict != Hung || !strings.Contains(o.Reason, "missing: PID 1's milestone ready") || slices.Contains(orders, Order{Do: PowerButton}) {
		t.Errorf("%s, %s, orders %v", o.Verdict, o.Reason, orders)
	}
	picture := rec(1.3, record.State, "phase", "ready", "onboot", "", "services", "")
	for _, said := range []step{allReady, picture} {
		if o, _ := play(t, task, begin, said, down, bye, off(4.1)); o.Verdict != Ready {
			t.Errorf("%s, %s", o.Verdict, o.Reason)
		}
	}
}

func TestAGuestCannotFillOurMemory(t *testing.T) {
	t.Parallel()
	b := &boot{judge: New(box(t, ""))}
	for range 3 * maxUnits {
		name := strings.Repeat("x", int(b.seq%7)+1) + time.Duration(b.seq).String()
		rec(1, record.Ready, "service", name)(b)
		rec(1, record.Onboot, "name", name, "exit", "0")(b)
	}
	if n := len(b.judge.out.Services) + len(b.judge.out.Onboot); n > 2*maxUnits {
		t.Errorf("%d names are kept", n)
	}
}

func FuzzJudge(f *testing.F) {
	b := &boot{}
	for _, s := range []string{b.sealed(record.Start), b.sealed(record.Onboot, "name", "dhcpcd", "exit", "0"), b.sealed(record.Exited, "service", "web", "code", "0"), b.sealed(record.State, "services", "web:ready:0")} {
		f.Add("[    1.000000] "+s+"\n", 1.5)
	}
	f.Add("Welcome to LinuxKit\nlogin: ", 1.0)
	f.Fuzz(func(t *testing.T, console string, seconds float64) {
		if !(seconds >= 0 && seconds < 100) {
			return
		}
		task := box(t, `expect: [{console: "a.*b", send: x}, {tcp: {port: 1}}]`)
		o, _ := play(t, task, text(seconds, console), exit(seconds+1))
		if o.Verdict == Ready {
			t.Errorf("ready without proof: %q", console)
		}
	})
}
