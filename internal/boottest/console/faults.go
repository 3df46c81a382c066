package console

import (
	"regexp"
	"strings"
)

// kernelFault is a kernel message that must not appear.
type kernelFault struct {
	name    string
	remedy  string
	literal string         // a cheap test before expr
	expr    *regexp.Regexp // from the start of the message; the first group is the culprit
	except  *regexp.Regexp // culprits that are no fault
	panic   bool           // the kernel's state is undefined after it
}

// kernelFaults is ordered: the first one that matches a message names the fault.
var kernelFaults = []kernelFault{
	{name: "PID 1 died", literal: "Attempted to kill init", panic: true,
		expr: regexp.MustCompile(`^Kernel panic - not syncing: (Attempted to kill init.*)`)},
	{name: "no root file system", literal: "Unable to mount root fs", panic: true,
		remedy: "check that the initrd is complete, contains /init, and has a compression that this kernel supports",
		expr:   regexp.MustCompile(`^Kernel panic - not syncing: (VFS: Unable to mount root fs.*)`)},
	{name: "kernel panic", literal: "Kernel panic - not syncing", panic: true,
		expr: regexp.MustCompile(`^Kernel panic - not syncing: ?(.*)`)},
	{name: "kernel oops", literal: "Oops", panic: true,
		expr: regexp.MustCompile(`^(?:Internal error: )?Oops: (.*)`)},
	{name: "soft lockup", literal: "soft lockup",
		expr: regexp.MustCompile(`^(?:NMI )?watchdog: BUG: soft lockup - (.*)`)},
	{name: "hard lockup", literal: "hard LOCKUP",
		expr: regexp.MustCompile(`^(?:NMI )?watchdog: (Watchdog detected hard LOCKUP.*)`)},
	{name: "kernel bug", literal: "BUG", panic: true,
		expr: regexp.MustCompile(`^(?:BUG: |kernel BUG at )(.*)`)},
	{name: "general protection fault in the kernel", literal: "general protection", panic: true,
		expr: regexp.MustCompile(`^general protection fault[,:]? ?(.*)`)},
	{name: "out of memory", literal: "ut of memory", remedy: "raise memory in linuxkit.test.yml, or pass --memory",
		expr: regexp.MustCompile(`^(?:Memory cgroup o|O)ut of memory: Kill(?:ed)? process (\d+ \([^)]*\))`)},
	{name: "hung task", literal: "blocked for more than",
		expr: regexp.MustCompile(`^INFO: (task \S+ blocked for more than \d+ seconds)`)},
	{name: "RCU stall", literal: "stall",
		expr: regexp.MustCompile(`^rcu: INFO: (\S+ (?:self-)?detected (?:expedited )?stalls?.*)`)},
	{name: "initrd could not be unpacked", literal: "nitramfs",
		remedy: "raise memory in linuxkit.test.yml, or use a compression that this kernel supports",
		expr:   regexp.MustCompile(`^(?:Initramfs unpacking failed: |rootfs image is not initramfs )(.*)`)},
	{name: "I/O error", literal: "I/O error",
		expr:   regexp.MustCompile(`^(?:\S+: )?(?:critical )?(?:Buffer )?I/O error,? (?:on )?dev (\S+?),`),
		except: regexp.MustCompile(`^(?:sr|fd)\d+$`)}, // drives without a medium
	{name: "ext4 error", literal: "EXT4-fs error",
		expr: regexp.MustCompile(`^EXT4-fs error \(device ([^)]+)\)`)},
	{name: "XFS corruption", literal: "orruption",
		expr: regexp.MustCompile(`^XFS \(([^)]+)\): (?:Metadata c|C)orruption`)},
	{name: "squashfs error", literal: "SQUASHFS error",
		expr: regexp.MustCompile(`^SQUASHFS error: (.*)`)},
	{name: "dm-verity corruption", literal: "verity",
		expr: regexp.MustCompile(`^device-mapper: verity: (.*corrupt.*)`)},
	{name: "segmentation fault", literal: "segfault",
		expr: regexp.MustCompile(`^(\S+\[\d+\]): segfault at `)},
	{name: "fatal trap", literal: "traps: ",
		expr: regexp.MustCompile(`^traps: (\S+\[\d+\]) (?:general protection|trap )`)},
}

// matchKernelFault returns the fault that a kernel message reports, and the culprit.
func matchKernelFault(message string) (kernelFault, string, bool) {
	for _, f := range kernelFaults {
		if !strings.Contains(message, f.literal) {
			continue
		}
		groups := f.expr.FindStringSubmatch(message)
		if groups != nil && (f.except == nil || !f.except.MatchString(groups[1])) {
			return f, groups[1], true
		}
	}
	return kernelFault{}, "", false
}
