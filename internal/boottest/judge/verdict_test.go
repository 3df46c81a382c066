package judge

import (
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// verdictTest is a boot and its expected outcome.
type verdictTest struct {
	spec    string
	steps   []step
	want    Verdict
	reason  string  // part of the reason
	culprit string  // "": any
	within  float64 // seconds since power-on until the verdict
}

func testVerdicts(t *testing.T, tests map[string]verdictTest) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := run(t, config(t, tt.spec), tt.steps...)
			if o.Verdict != tt.want || !strings.Contains(o.Reason, tt.reason) || tt.culprit != "" && o.Culprit != tt.culprit {
				t.Errorf("%s, culprit %q: %s", o.Verdict, o.Culprit, o.Reason)
			}
			if end := o.Stages[len(o.Stages)-1].ToMS; end > at(tt.within+0.5).Milliseconds() {
				t.Errorf("verdict after %d ms", end)
			}
			if strings.Contains(o.Reason, "\n") {
				t.Errorf("the reason has several lines: %q", o.Reason)
			}
		})
	}
}

func TestVerdictOnKernel(t *testing.T) {
	t.Parallel()
	testVerdicts(t, map[string]verdictTest{
		"kernel panic": {
			steps: steps(starting, kernel(1.3, "Kernel panic - not syncing: Fatal exception")),
			want:  Panicked, reason: "kernel panic: Fatal exception", culprit: "Fatal exception", within: 2,
		},
		"service fails because of kernel panic": {
			steps: steps(up, rec(2, record.Exited, "service", "web", "signal", "SIGSEGV"),
				kernel(2.1, "Kernel panic - not syncing: Fatal exception")),
			want: Panicked, reason: "Fatal exception", within: 3,
		},
		"kernel panic at shutdown": {
			steps: steps(up, shutdown, kernel(3.9, "Kernel panic - not syncing: late")),
			want:  Panicked, reason: "late", culprit: "late", within: 5,
		},
		"kernel panic in the log of a service": {
			steps: steps(up, text(2, "Kernel panic - not syncing: test\n"), down),
			want:  Ready, within: 4.1,
		},
		"kernel bug in a record": {
			steps: steps(up, rec(2, record.Log, "level", "info", "msg", "BUG: logged by a service"), down),
			want:  Ready, within: 4.1,
		},
		"out of memory": {
			steps: steps(starting, kernel(1.3, "Out of memory: Killed process 83 (nginx) total-vm:1kB")),
			want:  Failed, reason: "out of memory: 83 (nginx)", culprit: "83 (nginx)", within: 2,
		},
		"no console output": {
			spec: "timeout: 20s",
			want: Hung, reason: "no line on the console within 20s", within: 20,
		},
		"kernel boots, no record of PID 1": {
			spec: "timeout: 20s", steps: steps(kernel(1, "Run /init as init process")),
			want: Hung, reason: "any record of PID 1", within: 20,
		},
		"endless line": {
			spec: "timeout: 20s", steps: steps(text(1, strings.Repeat("x", 1<<20))),
			want: Hung, reason: "missing", within: 20,
		},
		"forbidden text": {
			spec: "forbid: ['licen[cs]e expired']", steps: steps(starting, text(1.3, "web: license expired\n")),
			want: Failed, reason: "forbidden text", culprit: "license expired", within: 2,
		},
	})
}

func TestVerdictOnOnboot(t *testing.T) {
	t.Parallel()
	running := rec(1.1, record.State, "phase", record.PhaseOnboot, "onboot", "dhcpcd:"+record.ResultRunning, "services", "")
	testVerdicts(t, map[string]verdictTest{
		"exit 1": {
			steps: steps(started, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "1")),
			want:  Failed, reason: `onboot "dhcpcd" ended with exit 1, want exit 0`, culprit: "dhcpcd", within: 2,
		},
		"killed": {
			steps: steps(started, rec(1.1, record.Onboot, "name", "dhcpcd", "signal", "SIGKILL")),
			want:  Failed, reason: `signal SIGKILL`, culprit: "dhcpcd", within: 2,
		},
		"expected exit 3": {
			spec: "expect: [{onboot: dhcpcd, exit: 3}]",
			steps: steps(started, rec(1.1, record.Onboot, "name", "dhcpcd", "exit", "3"),
				rec(1.1, record.Failed, "onboot", "dhcpcd", "reason", "exit 3"), webReady, dbReady, down),
			want: Ready, within: 4.1,
		},
		"exit 0 instead of expected exit 3": {
			spec: "expect: [{onboot: dhcpcd, exit: 3}]", steps: steps(started, onbootDone),
			want: Failed, reason: "exit 0, want exit 3", culprit: "dhcpcd", within: 2,
		},
		"no record": {
			spec: "timeout: 20s", steps: steps(started, webReady, dbReady),
			want: Hung, reason: "missing: onboot dhcpcd (not started)", within: 20,
		},
		"hangs": {
			spec: "timeout: 20s", steps: steps(started, running),
			want: Hung, reason: "missing: onboot dhcpcd (started)", culprit: "dhcpcd", within: 20,
		},
		"hangs, and a service waits for it": {
			spec: "expect: [{service: web, within: 5s}]", steps: steps(started, running),
			want: Failed, reason: `service "web" timed out after 5s (not started); onboot "dhcpcd" has not ended`,
			culprit: "dhcpcd", within: 5.5,
		},
	})
}

func TestVerdictOnServices(t *testing.T) {
	t.Parallel()
	exited := rec(2, record.Exited, "service", "web", "code", "0")
	testVerdicts(t, map[string]verdictTest{
		"all ready": {
			steps: steps(up, down),
			want:  Ready, reason: "1 onboot and 2 services ready after 1.6s", within: 4.1,
		},
		"exit before ready": {
			steps: steps(starting, rec(1.3, record.Exited, "service", "web", "code", "3")),
			want:  Failed, reason: `service "web" ended with code 3 before it was ready`, culprit: "web", within: 2,
		},
		"exit after ready": {
			steps: steps(up, rec(2, record.Exited, "service", "db", "code", "1")),
			want:  Failed, reason: `"db" ended with code 1 after it was ready`, culprit: "db", within: 3,
		},
		"exit while everything must stay up": {
			spec:  "{shutdown: kill, expect: [{stays: 10s}]}",
			steps: steps(up, rec(11, record.Exited, "service", "web", "code", "1")),
			want:  Failed, reason: "must stay up", culprit: "web", within: 12,
		},
		"cannot be started": {
			steps: steps(starting, rec(1.3, record.Exited, "service", "web", "error", "exec: no such file")),
			want:  Failed, reason: `service "web" could not be started: exec: no such file`, culprit: "web", within: 2,
		},
		"failure of a service that is not in the image": {
			steps: steps(starting, rec(1.3, record.Failed, "service", "containerd", "reason", "gone")),
			want:  Failed, reason: `service "containerd" failed: gone`, culprit: "containerd", within: 2,
		},
		"exit 0, not restarted": {
			steps: steps(up, exited),
			want:  Failed, reason: "was not restarted", culprit: "web", within: 8,
		},
		"exit 0, restarted": {
			steps: steps(up, exited, rec(2.1, record.Starting, "service", "web"), rec(2.2, record.Ready, "service", "web"),
				rec(4.5, record.Shutdown), rec(4.6, record.Bye, "killed", "0"), powerOff(4.7)),
			want: Ready, within: 4.7,
		},
		"never ready": {
			spec: "timeout: 20s", steps: steps(starting, dbReady),
			want: Hung, reason: "missing: service web (started)", within: 20,
		},
		"deadline": {
			spec: "expect: [{service: web, within: 5s}]", steps: steps(starting, dbReady),
			want: Failed, reason: `service "web" timed out after 5s`, culprit: "web", within: 5.5,
		},
	})
}

func TestVerdictOnRecords(t *testing.T) {
	t.Parallel()
	testVerdicts(t, map[string]verdictTest{
		"forged without checksum": {
			spec: "timeout: 20s", steps: steps(starting, dbReady, text(1.5, "linuxkit-init: 5 ready service=web ms=3\n")),
			want: Garbled, reason: "web (started)", within: 20,
		},
		"repeated number": {
			spec: "timeout: 20s",
			steps: steps(starting, dbReady, step(func(b *boot) {
				b.seq--
				rec(1.7, record.Ready, "service", "web")(b)
			})),
			want: Hung, reason: "web (started)", within: 20,
		},
		"interrupted by the kernel, not repaired": {
			spec: "timeout: 20s", steps: steps(starting, interrupted(1.5, record.Ready, "service", "web"), dbReady),
			want: Garbled, reason: "records of PID 1: 1 lost, 1 damaged", within: 20,
		},
		"lost, not repaired": {
			spec: "timeout: 20s", steps: steps(starting, lost(record.Ready, "service", "web"), dbReady),
			want: Garbled, reason: "records of PID 1: 1 lost", within: 20,
		},
		"lost, repaired by a state record": {
			steps: steps(started, lost(record.Onboot), lost(record.Ready), dbReady,
				rec(1.7, record.State, "phase", "ready", "onboot", "dhcpcd:0", "services", "web:ready:0,db:ready:0"), down),
			want: Ready, within: 4.1,
		},
		"state with failed onboot": {
			steps: steps(started, rec(1.7, record.State, "onboot", "dhcpcd:7", "services", "")),
			want:  Failed, reason: "ended with 7, want 0", culprit: "dhcpcd", within: 3,
		},
		"state with failed service": {
			steps: steps(starting, rec(1.7, record.State, "onboot", "dhcpcd:0", "services", "web:failed:5,db:starting:0")),
			want:  Failed, reason: `service "web" failed`, culprit: "web", within: 3,
		},
		"state with done service": {
			steps: steps(up, rec(1.7, record.State, "onboot", "dhcpcd:0", "services", "web:done:0,db:ready:0")),
			want:  Failed, reason: "was not restarted", culprit: "web", within: 8,
		},
	})
}

func TestVerdictOnEndOfGuest(t *testing.T) {
	t.Parallel()
	testVerdicts(t, map[string]verdictTest{
		"power off before ready": {
			steps: steps(starting, powerOff(2)),
			want:  Exited, reason: "it powered off; missing: service web (started), db (started)", within: 2,
		},
		"power off once ready": {
			steps: steps(up, powerOff(2)),
			want:  Exited, reason: "after it was ready: it powered off", within: 2,
		},
		"reboot": {
			steps: steps(starting, reboot(2)),
			want:  Exited, reason: "it rebooted", within: 2,
		},
		"QEMU ends without an event": {
			steps: steps(starting, exit(2)),
			want:  Exited, reason: "exit status 0", within: 2,
		},
		"QEMU ends before any output": {
			steps: steps(exit(0.1)),
			want:  Exited, reason: "any record of PID 1", within: 0.1,
		},
		"shutdown without a request": {
			steps: steps(up, rec(2, record.Shutdown, "how", "poweroff", "cause", "onFailure of web")),
			want:  Exited, reason: "onFailure of web", within: 3,
		},
	})
}

func TestVerdictOnShutdown(t *testing.T) {
	t.Parallel()
	testVerdicts(t, map[string]verdictTest{
		"no reaction to the power button": {
			steps: up,
			want:  Failed, reason: "did not react to the power button", culprit: "shutdown", within: 14,
		},
		"service exceeds its stop timeout": {
			steps: steps(up, shutdown,
				rec(13, record.Log, "level", "warn", "msg", "service db: killed", "service", "db", "killed", record.KilledStopTimeout),
				rec(13.1, record.Bye, "killed", "1"), powerOff(13.2)),
			want: Failed, reason: "killed at shutdown", culprit: "db", within: 13.2,
		},
		"killed services, names unknown": {
			steps: steps(up, shutdown, rec(4, record.Bye, "killed", "2"), powerOff(4.1)),
			want:  Failed, reason: "2 services did not stop in time", culprit: "shutdown", within: 4.1,
		},
		"service ends by SIGKILL in time": {
			steps: steps(up, shutdown, rec(3.9, record.Exited, "service", "web", "signal", "SIGKILL"), bye, powerOff(4.1)),
			want:  Ready, within: 4.1,
		},
		"onshutdown fails": {
			steps: steps(up, shutdown, rec(3.9, record.Onshutdown, "name", "save", "exit", "1")),
			want:  Failed, reason: `onshutdown "save"`, culprit: "save", within: 5,
		},
		"no last record": {
			steps: steps(up, shutdown, powerOff(4.1)),
			want:  Failed, reason: "without the last record", culprit: "shutdown", within: 4.1,
		},
		"damaged last record": {
			steps: steps(up, shutdown, interrupted(4, record.Bye, "killed", "0"), powerOff(4.1)),
			want:  Garbled, reason: "without the last record", culprit: "shutdown", within: 4.1,
		},
		"reboot at the power button": {
			steps: steps(up, shutdown, bye, reboot(4.1)),
			want:  Failed, reason: "it rebooted", culprit: "shutdown", within: 4.1,
		},
		"never ends": {
			spec: "timeout: 20s", steps: steps(up, shutdown),
			want: Hung, reason: "not powered off within 20s", within: 20,
		},
		"machine killed": {
			spec: "shutdown: kill", steps: up,
			want: Ready, within: 3.7,
		},
	})
}

func TestVerdictOnSpec(t *testing.T) {
	t.Parallel()
	testVerdicts(t, map[string]verdictTest{
		"stays 10s": {
			spec: "{shutdown: kill, expect: [{stays: 10s}]}", steps: up,
			want: Ready, within: 11.7,
		},
		"budget exceeded": {
			spec: "budget: {ready: 1s}", steps: up,
			want: Failed, reason: "ready after 1.6s; the budget is 1s", culprit: "budget", within: 3,
		},
		"probe succeeds": {
			spec:  "{shutdown: kill, expect: [{tcp: {port: 80}}]}",
			steps: steps(up, probe(2, 0, errRefused), probe(2.1, 0, nil)),
			want:  Ready, within: 4.2,
		},
		"probe fails": {
			spec: "{timeout: 20s, expect: [{tcp: {port: 80}}]}", steps: steps(up, probe(2, 0, errRefused)),
			want: Failed, reason: "probe tcp :80 (started, refused)", within: 20,
		},
		"probe succeeds after its deadline": {
			spec:  "expect: [{tcp: {port: 80}, within: 5s}]",
			steps: steps(up, probe(2, 0, errRefused), probe(9, 0, nil)),
			want:  Failed, reason: "timed out after 5s (started, refused)", culprit: "tcp :80", within: 5.5,
		},
		"prompt missing": {
			spec: `{timeout: 20s, expect: [{console: "login: $"}]}`, steps: steps(up, text(2, "logout: ")),
			want: Failed, reason: "login: $", within: 20,
		},
	})
}
