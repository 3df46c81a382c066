package judge

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// stockConfig describes an image with LinuxKit's own init.
func stockConfig(t *testing.T, spec string) Config {
	t.Helper()
	c := config(t, spec)
	c.Builtin, c.Graceful = false, false
	return c
}

// The console of a good boot with LinuxKit's own init, in order.
var (
	stockWelcome    = text(1, "Welcome to LinuxKit\r\n")
	stockRun        = text(1.1, "onboot 000-dhcpcd: from /containers/onboot/000-dhcpcd\r\n")
	stockContainerd = text(1.2, "INFO[2026-11-21T13:39:57.545804704Z] starting containerd    revision=x\r\n")
	stockBooted     = text(1.3, "INFO[2026-11-21T13:39:57.954110761Z] containerd successfully booted in 0.433235s\r\n")
	stockUp         = steps(stockWelcome, stockRun, stockContainerd, stockBooted)
)

// stockTests are boots with LinuxKit's own init and their expected outcome.
var stockTests = map[string]struct {
	spec     string
	graceful bool
	steps    []step
	want     Verdict
	reason   string
}{
	"banner, onboot and containerd": {steps: stockUp, want: Ready, reason: "does not report the state of services"},
	"banner only": {
		spec: "timeout: 20s", steps: steps(stockWelcome),
		want: Hung, reason: "onboot dhcpcd (not started)",
	},
	"no banner": {
		spec: "timeout: 20s", steps: steps(stockRun, stockContainerd, stockBooted),
		want: Hung, reason: "Welcome to LinuxKit",
	},
	"no containerd": {
		spec: "timeout: 20s", steps: steps(stockWelcome, stockRun),
		want: Hung, reason: `"containerd successfully booted" on the console`,
	},
	"containerd does not finish its start": {
		spec: "timeout: 20s", steps: steps(stockWelcome, stockRun, stockContainerd),
		want: Hung, reason: `"containerd successfully booted" on the console`,
	},
	"console expectation only": {
		spec: "expect: [{console: up and running}]", steps: steps(text(1, "up and running\n")),
		want: Ready,
	},
	"records are ignored": {spec: "timeout: 20s", steps: up, want: Hung, reason: "Welcome to LinuxKit"},
	"kernel panic": {
		steps: steps(stockWelcome, kernel(2, "Kernel panic - not syncing: x")),
		want:  Panicked, reason: "x",
	},
	"power off at the power button": {
		graceful: true, steps: steps(stockUp, kernel(8, "reboot: Power down"), powerOff(9)),
		want: Ready,
	},
	"no reaction to the power button": {
		spec: "timeout: 300s", graceful: true, steps: stockUp,
		want: Failed, reason: "did not react",
	},
	"reboot at the power button": {
		graceful: true, steps: steps(stockUp, reboot(9)),
		want: Failed, reason: "it rebooted",
	},
	"onshutdown cannot be run": {
		graceful: true,
		steps:    steps(stockUp, text(4, "shutdown 000-save: from /x\nError creating 000-save: exit status 1\n"), powerOff(9)),
		want:     Failed, reason: `onshutdown "save" could not be run: exit status 1`,
	},
}

func TestVerdictOnStockInit(t *testing.T) {
	t.Parallel()
	for name, tt := range stockTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := stockConfig(t, tt.spec)
			c.Graceful = tt.graceful
			o, _ := run(t, c, tt.steps...)
			if o.Verdict != tt.want || !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("%s: %s", o.Verdict, o.Reason)
			}
			if o.Services[0].State != StateUnknown {
				t.Errorf("service: %+v", o.Services[0])
			}
		})
	}
}

// shim is the message of containerd 2 about the start of a service.
func shim(seconds float64, service string) step {
	return text(seconds, "INFO[2026-11-21T13:39:58.854259864Z] connecting to shim "+service+
		"                        address=unix:///run/x namespace=services.linuxkit\n")
}

// The stock init continues after these errors.
func TestStockInitErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps           []step
		reason, culprit string
	}{
		"onboot cannot be created": {
			steps: steps(stockWelcome, stockRun, text(1.2, "Error creating 000-dhcpcd: exit status 1\n"),
				stockContainerd, stockBooted),
			reason: `onboot "dhcpcd" could not be run: exit status 1`, culprit: "dhcpcd",
		},
		"mount of an onboot fails": {
			steps: steps(stockWelcome, stockRun,
				text(1.2, "Error preparing 000-dhcpcd: Failed to mount tmpfs: no such device\n"),
				stockContainerd, stockBooted),
			reason: `onboot "dhcpcd" could not be run: Failed to mount tmpfs: no such device`, culprit: "dhcpcd",
		},
		"program of a service is missing": {
			steps: steps(stockUp, shim(1.5, "web"), text(1.9,
				"\x1b[31mERRO\x1b[0m[0009] failed to create task                         "+
					"\x1b[31merror\x1b[0m=\"OCI runtime create failed\"\n")),
			reason: `service "web" could not be started: OCI runtime create failed`, culprit: "web",
		},
		"service fails long after the start of containerd": {
			steps: steps(stockUp, shim(3, "web"), shim(4.5, "db"),
				text(6, "ERRO[0009] failed to start task                          error=gone\n")),
			reason: `service "db" could not be started: gone`, culprit: "db",
		},
		"container of a service cannot be created": {
			steps: steps(stockUp,
				text(1.5, "ERRO[0002] failed to create container                    error=\"already exists\"\n")),
			reason: "LinuxKit's init: failed to create container: already exists",
		},
		"containerd ends": {
			steps: steps(stockWelcome, stockRun,
				text(1.5, "FATA[0001] containerd process exited                     error=\"exit status 1\"\n")),
			reason: "LinuxKit's init: containerd process exited: exit status 1",
		},
		"volume is incomplete": {
			steps:  steps(stockWelcome, text(1.05, "ERRO[0000] Volume data does not have a lower directory\n")),
			reason: "LinuxKit's init: Volume data does not have a lower directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := run(t, stockConfig(t, ""), tt.steps...)
			if o.Verdict != Failed || o.Reason != tt.reason || o.Culprit != tt.culprit {
				t.Errorf("%s, culprit %q: %s", o.Verdict, o.Culprit, o.Reason)
			}
		})
	}
}

func TestStockInitIgnoresSimilarMessages(t *testing.T) {
	t.Parallel()
	for source, line := range map[string]string{
		"containerd": "ERRO[2026-11-21T13:35:06.044362278Z] copy shim log    error=\"file already closed\"",
		"runc":       "ERRO[0000] runc run failed: unable to start container process: exec: no such file",
		"rc.init":    "2026/11/21 13:34:49 cannot write to /proc/sys/kernel/hotplug: no such file or directory",
		"shim": "time=\"2026-11-21T13:35:05Z\" level=warning " +
			"error=\"open /run/containerd/io.containerd.runtime.v2.task/x/web/init.pid: gone\"",
		"service": "Error creating user: exit status 1",
	} {
		o, _ := run(t, stockConfig(t, ""), steps(stockUp, text(1.5, line+"\n"))...)
		if o.Verdict != Ready || o.Services[0].FromMS != 0 {
			t.Errorf("%s: %s, %s, web %+v", source, o.Verdict, o.Reason, o.Services[0])
		}
	}
}

// The recording is of LinuxKit's init of March 2026 with Debian's kernel, containerd 1.6
// and dhcpcd.
func TestRecordedStockBoot(t *testing.T) {
	t.Parallel()
	log, err := os.ReadFile("testdata/linuxkit.log")
	if err != nil {
		t.Fatal(err)
	}
	c := stockConfig(t, "")
	c.Onboot, c.Services = []string{"modprobe", "dhcpcd"}, []string{"acpid", "getty", "web"}
	var recorded []step
	for i, line := range strings.SplitAfter(string(log)+"Welcome to LinuxKit!\n", "\n") {
		recorded = append(recorded, text(1+float64(i)/10, line))
	}
	o, _ := run(t, c, recorded...)
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
