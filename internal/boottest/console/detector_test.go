package console

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// detect returns the first finding on a console.
func detect(text string, forbidden ...*regexp.Regexp) (Finding, bool) {
	var s Splitter
	d := NewDetector(forbidden)
	for _, l := range append(s.Append([]byte(text), 0), s.Flush()...) {
		if f, found := d.Detect(l); found {
			return f, true
		}
	}
	return Finding{}, false
}

// Each file is the start and the end of the console of a real boot: Debian's kernel 6.1
// under QEMU 7.2.
func TestDetectsFaultsOfRecordedBoots(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Finding{
		"init-died":        {Name: "PID 1 died", Culprit: "Attempted to kill init! exitcode=0x00000300", Panic: true},
		"no-initrd":        {Name: "no root file system", Culprit: "VFS: Unable to mount root fs on unknown-block(0,0)", Panic: true},
		"truncated-initrd": {Name: "initrd could not be unpacked", Culprit: "read error"},
		"sysrq-crash":      {Name: "kernel panic", Culprit: "sysrq triggered crash", Panic: true},
		"oom":              {Name: "out of memory", Culprit: "83 (tail)"},
	} {
		console, err := os.ReadFile(filepath.Join("testdata", name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		got, found := detect(string(console))
		if !found || got.Name != want.Name || got.Culprit != want.Culprit || got.Panic != want.Panic {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

// kernelMessages maps a kernel message to the name and culprit of its finding.
var kernelMessages = map[string]Finding{
	"Kernel panic - not syncing: No working init found.  Try passing init= option": {
		Name: "kernel panic", Culprit: "No working init found.  Try passing init= option",
	},
	"Oops: 0002 [#1] PREEMPT SMP NOPTI":       {Name: "kernel oops", Culprit: "0002 [#1] PREEMPT SMP NOPTI"},
	"Internal error: Oops: 96000004 [#1] SMP": {Name: "kernel oops", Culprit: "96000004 [#1] SMP"},
	"BUG: kernel NULL pointer dereference, address: 0000000000000008": {
		Name: "kernel bug", Culprit: "kernel NULL pointer dereference, address: 0000000000000008",
	},
	"kernel BUG at mm/slub.c:305!": {Name: "kernel bug", Culprit: "mm/slub.c:305!"},
	"general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP": {
		Name: "general protection fault in the kernel", Culprit: "probably for non-canonical address 0xdead: 0000 [#1] SMP",
	},
	"Out of memory: Killed process 83 (tail) total-vm:97480kB":           {Name: "out of memory", Culprit: "83 (tail)"},
	"Memory cgroup out of memory: Killed process 9 (nginx) total-vm:1kB": {Name: "out of memory", Culprit: "9 (nginx)"},
	"INFO: task kworker/0:1:9 blocked for more than 120 seconds.": {
		Name: "hung task", Culprit: "task kworker/0:1:9 blocked for more than 120 seconds",
	},
	"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]": {
		Name: "soft lockup", Culprit: "CPU#0 stuck for 22s! [sh:1]",
	},
	"rcu: INFO: rcu_sched self-detected stall on CPU": {
		Name: "RCU stall", Culprit: "rcu_sched self-detected stall on CPU",
	},
	"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:": {
		Name: "RCU stall", Culprit: "rcu_preempt detected stalls on CPUs/tasks:",
	},
	"Initramfs unpacking failed: write error":                        {Name: "initrd could not be unpacked", Culprit: "write error"},
	"I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x0":        {Name: "I/O error", Culprit: "vda"},
	"blk_update_request: I/O error, dev vdb, sector 0":               {Name: "I/O error", Culprit: "vdb"},
	"Buffer I/O error on dev vda1, logical block 0, async page read": {Name: "I/O error", Culprit: "vda1"},
	"EXT4-fs error (device vda1): ext4_lookup:1855: inode #2: comm sh: iget: checksum invalid": {
		Name: "ext4 error", Culprit: "vda1",
	},
	"XFS (vdb): Metadata corruption detected at xfs_agf_verify": {Name: "XFS corruption", Culprit: "vdb"},
	"SQUASHFS error: Unable to read inode 0x11f":                {Name: "squashfs error", Culprit: "Unable to read inode 0x11f"},
	"device-mapper: verity: 254:0: data block 5 is corrupted": {
		Name: "dm-verity corruption", Culprit: "254:0: data block 5 is corrupted",
	},
	"nginx[123]: segfault at 0 ip 000055d0 sp 00007ffd error 4 in nginx[55d0+1000]": {
		Name: "segmentation fault", Culprit: "nginx[123]",
	},
	"traps: web[44] general protection fault ip:40 sp:7f error:0 in web[400000+1000]": {
		Name: "fatal trap", Culprit: "web[44]",
	},

	// No faults.
	"I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x80700":                                   {},
	"Buffer I/O error on dev fd0, logical block 0, async page read":                              {},
	"PCI: Using host bridge windows from ACPI; if necessary, use \"pci=nocrs\" and report a bug": {},
	"Kernel command line: panic=1 oops=panic":                                                    {},
	"rcu: Hierarchical RCU implementation.":                                                      {},
	"Trying to unpack rootfs image as initramfs...":                                              {},
	"web: BUG: logged by a service":                                                              {},
	"linuxkit-init: 9 log level=info msg=\"BUG: logged by a service\" ~00000000":                 {},
}

func TestDetectsKernelFaults(t *testing.T) {
	t.Parallel()
	for message, want := range kernelMessages {
		for _, before := range []string{"[    1.234567] ", "partial line of a service[    1.234567][   T12] "} {
			f, found := detect(before + message + "\n")
			if found != (want.Name != "") || f.Name != want.Name || f.Culprit != want.Culprit {
				t.Errorf("%s: %+v, %v", message, f, found)
			}
		}
	}
}

func TestDetectsKernelFaultsInKernelMessagesOnly(t *testing.T) {
	t.Parallel()
	const goTrace = "goroutine 1 [running]:\nmain.main()\n"
	for name, tt := range map[string]struct{ console, want string }{
		"kernel panic in a service's log":    {"[    1.000000] Linux\nKernel panic - not syncing: test\n", ""},
		"oops in a service's log":            {"[    1.000000] Linux\nweb: Oops: 0002\n", ""},
		"kernel without time stamps":         {"Linux version 6.1\nKernel panic - not syncing: real\n", "kernel panic"},
		"panic behind a partial line":        {"loading...[    2.000000] Kernel panic - not syncing: real\n", "kernel panic"},
		"panic in the last, partial line":    {"[    2.000000] Kernel panic - not syncing: real", "kernel panic"},
		"Go panic":                           {"panic: runtime error: index out of range\n\n" + goTrace, "a Go program crashed"},
		"Go program out of memory":           {"fatal error: out of memory\n\nruntime stack:\nx\n" + goTrace, "a Go program crashed"},
		"panic message without a trace":      {"panic: test\nready\n", ""},
		"trace far behind the message":       {"panic: x\n" + strings.Repeat("y\n", 10) + goTrace, ""},
		"trace without a message (SIGQUIT)":  {goTrace, ""},
		"forbidden text":                     {"[    1.000000] Linux\nlicence expired\n", "forbidden text"},
		"forbidden text in a kernel message": {"[    1.000000] random: licence expired\n", "forbidden text"},
	} {
		f, found := detect(tt.console, regexp.MustCompile("licence e"))
		if found != (tt.want != "") || !strings.HasPrefix(f.Name, tt.want) {
			t.Errorf("%s: %+v, %v", name, f, found)
		}
	}
}

func TestKernelFaultsAreAnchoredAndHaveOneGroup(t *testing.T) {
	t.Parallel()
	for _, f := range kernelFaults {
		if f.expr.NumSubexp() != 1 || !strings.HasPrefix(f.expr.String(), "^") {
			t.Errorf("%s: %s must be anchored and have one group, the culprit", f.name, f.expr)
		}
	}
}
