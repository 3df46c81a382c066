package judge

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// stockBox is a box with LinuxKit's own init.
func stockBox(t *testing.T, spec string) Task {
	t.Helper()
	task := box(t, spec)
	task.Builtin, task.Graceful = false, false
	return task
}

// The story of a stock boot, in parts.
var (
	banner  = text(1, "Welcome to LinuxKit\r\n")
	ran     = text(1.1, "onboot 000-dhcpcd: from /containers/onboot/000-dhcpcd\r\n")
	done    = text(1.2, "INFO[2026-11-21T13:39:57.545804704Z] starting containerd    revision=x\r\n")
	serving = text(1.3, "INFO[2026-11-21T13:39:57.954110761Z] containerd successfully booted in 0.433235s\r\n")
	stockUp = steps(banner, ran, done, serving)
)

func TestStockInit(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec     string
		graceful bool
		steps    []step
		want     Verdict
		reason   string
	}{
		"the banner, each onboot and containerd": {
			steps:  stockUp,
			want:   Ready,
			reason: "does not tell whether services run",
		},
		"the banner alone": {
			spec:   "timeout: 20s",
			steps:  steps(banner),
			want:   Hung,
			reason: "onboot dhcpcd (not started)",
		},
		"no banner": {
			spec:   "timeout: 20s",
			steps:  steps(ran, done, serving),
			want:   Hung,
			reason: "Welcome to LinuxKit",
		},
		"no containerd for the services": {
			spec:   "timeout: 20s",
			steps:  steps(banner, ran),
			want:   Hung,
			reason: `"containerd successfully booted" on the console`,
		},
		"containerd that does not come up": {
			spec:   "timeout: 20s",
			steps:  steps(banner, ran, done),
			want:   Hung,
			reason: `"containerd successfully booted" on the console`,
		},
		"an expectation instead of all that": {
			spec:  "expect: [{console: up and running}]",
			steps: steps(text(1, "up and running\n")),
			want:  Ready,
		},
		"its records are nobody's": {
			spec:   "timeout: 20s",
			steps:  up,
			want:   Hung,
			reason: "Welcome to LinuxKit",
		},
		"it panics": {
			steps:  steps(banner, kernel(2, "Kernel panic - not syncing: x")),
			want:   Panicked,
			reason: "x",
		},
		"it powers off at the button": {
			graceful: true,
			steps:    steps(stockUp, kernel(8, "reboot: Power down"), off(9)),
			want:     Ready,
		},
		"it does not hear the button": {
			spec:     "timeout: 300s",
			graceful: true,
			steps:    stockUp,
			want:     Failed,
			reason:   "did not notice",
		},
		"it reboots at the button": {
			graceful: true,
			steps:    steps(stockUp, event(9, "SHUTDOWN", "guest-reset"), exit(9)),
			want:     Failed,
			reason:   "it rebooted",
		},
		"an onshutdown that cannot be run": {
			graceful: true,
			steps:    steps(stockUp, text(4, "shutdown 000-save: from /x\nError creating 000-save: exit status 1\n"), off(9)),
			want:     Failed,
			reason:   `onshutdown "save" could not be run: exit status 1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := stockBox(t, tt.spec)
			task.Graceful = tt.graceful
			o, _ := play(t, task, tt.steps...)
			if o.Verdict != tt.want || !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("%s: %s", o.Verdict, o.Reason)
			}
			if o.Services[0].State != StateUnknown {
				t.Errorf("service: %+v", o.Services[0])
			}
		})
	}
}

// shim is what is heard of a service with containerd 2.
func shim(s float64, service string) step {
	return text(s, "INFO[2026-11-21T13:39:58.854259864Z] connecting to shim "+service+"                        address=unix:///run/x namespace=services.linuxkit\n")
}

// TestStockInitGoesOn where it should not: it tells, and the next follows.
func TestStockInitGoesOn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps           []step
		reason, culprit string
	}{
		"an onboot cannot be made": {steps: steps(banner, ran, text(1.2, "Error creating 000-dhcpcd: exit status 1\n"), done, serving),
			reason: `onboot "dhcpcd" could not be run: exit status 1`, culprit: "dhcpcd"},
		"an onboot's mounts fail": {steps: steps(banner, ran, text(1.2, "Error preparing 000-dhcpcd: Failed to mount tmpfs: no such device\n"), done, serving),
			reason: `onboot "dhcpcd" could not be run: Failed to mount tmpfs: no such device`, culprit: "dhcpcd"},
		"a service's program is not there": {steps: steps(stockUp, shim(1.5, "web"), text(1.9, "\x1b[31mERRO\x1b[0m[0009] failed to create task                         \x1b[31merror\x1b[0m=\"OCI runtime create failed\"\n")),
			reason: `service "web" could not be started: OCI runtime create failed`, culprit: "web"},
		"a service fails long after containerd is up": {steps: steps(stockUp, shim(3, "web"), shim(4.5, "db"), text(6, "ERRO[0009] failed to start task                          error=gone\n")),
			reason: `service "db" could not be started: gone`, culprit: "db"},
		"a service has no container": {steps: steps(stockUp, text(1.5, "ERRO[0002] failed to create container                    error=\"already exists\"\n")),
			reason: "LinuxKit's init: failed to create container: already exists"},
		"containerd dies": {steps: steps(banner, ran, text(1.5, "FATA[0001] containerd process exited                     error=\"exit status 1\"\n")),
			reason: "LinuxKit's init: containerd process exited: exit status 1"},
		"a volume is not whole": {steps: steps(banner, text(1.05, "ERRO[0000] Volume data does not have a lower directory\n")),
			reason: "LinuxKit's init: Volume data does not have a lower directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := play(t, stockBox(t, ""), tt.steps...)
			if o.Verdict != Failed || o.Reason != tt.reason || o.Culprit != tt.culprit {
				t.Errorf("%s, culprit %q: %s", o.Verdict, o.Culprit, o.Reason)
			}
		})
	}
}

// TestStockInitBesideTheNoise: what others write looks alike.
func TestStockInitBesideTheNoise(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"ERRO[2026-11-21T13:35:06.044362278Z] copy shim log    error=\"file already closed\"",     // containerd's own
		"ERRO[0000] runc run failed: unable to start container process: exec: no such file",       // somebody's runc
		"2026/11/21 13:34:49 cannot write to /proc/sys/kernel/hotplug: no such file or directory", // of rc.init, which goes on
		"time=\"2026-11-21T13:35:05Z\" level=warning error=\"open /run/containerd/io.containerd.runtime.v2.task/x/web/init.pid: gone\"",
		"Error creating user: exit status 1",
	} {
		if o, _ := play(t, stockBox(t, ""), steps(stockUp, text(1.5, line+"\n"))...); o.Verdict != Ready || o.Services[0].FromMS != 0 {
			t.Errorf("%s: %s, %s, web %+v", line, o.Verdict, o.Reason, o.Services[0])
		}
	}
}

// TestARecordedStockBoot reads what LinuxKit's init of March 2026 wrote with Debian's
// kernel, containerd 1.6 and dhcpcd.
func TestARecordedStockBoot(t *testing.T) {
	t.Parallel()
	log, err := os.ReadFile("testdata/linuxkit.log")
	if err != nil {
		t.Fatal(err)
	}
	task := stockBox(t, "")
	task.Onboot, task.Services = []string{"modprobe", "dhcpcd"}, []string{"acpid", "getty", "web"}
	var story []step
	for i, line := range strings.SplitAfter(string(log)+"Welcome to LinuxKit!\n", "\n") {
		story = append(story, text(1+float64(i)/10, line))
	}
	o, _ := play(t, task, story...)
	if o.Verdict != Ready {
		t.Errorf("%s: %s", o.Verdict, o.Reason)
	}
	var stages []string
	for _, s := range o.Stages {
		stages = append(stages, s.Name)
	}
	if want := []string{"firmware", "kernel", "onboot", "services", "stays"}; !reflect.DeepEqual(stages, want) {
		t.Errorf("stages %v", stages)
	}
	for _, u := range append(o.Onboot, o.Services...) {
		if u.State != StateUnknown || u.FromMS == 0 {
			t.Errorf("%+v", u)
		}
	}
}
