package console

import (
	"regexp"
	"strings"
)

// rule is one thing that must not appear in the kernel's messages. The first group
// of the expression is the culprit.
type rule struct {
	name    string
	remedy  string
	literal string         // cheap test; the expression is tried only where it occurs
	expr    *regexp.Regexp // from the start of the message
	except  *regexp.Regexp // culprits that do no harm
	panic   bool           // the kernel cannot be trusted after it
}

// badness is in order: the first rule that fits a message names the fault.
var badness = []rule{
	{name: "PID 1 died", literal: "Attempted to kill init", panic: true,
		expr: regexp.MustCompile(`^Kernel panic - not syncing: (Attempted to kill init.*)`)},
	{name: "the kernel found no root file system", literal: "Unable to mount root fs", panic: true,
		remedy: "is the initrd whole, compressed as this kernel can read, and has it an /init?",
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
	{name: "out of memory", literal: "ut of memory", remedy: "raise memory: in linuxkit.test.yml or with --memory",
		expr: regexp.MustCompile(`^(?:Memory cgroup o|O)ut of memory: Kill(?:ed)? process (\d+ \([^)]*\))`)},
	{name: "hung task", literal: "blocked for more than",
		expr: regexp.MustCompile(`^INFO: (task \S+ blocked for more than \d+ seconds)`)},
	{name: "RCU stall", literal: "stall",
		expr: regexp.MustCompile(`^rcu: INFO: (\S+ (?:self-)?detected (?:expedited )?stalls?.*)`)},
	{name: "the initrd could not be unpacked", literal: "nitramfs",
		remedy: "raise memory, or use a compression that this kernel can read",
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

// match returns the rule that a kernel message breaks, and the culprit.
func match(message string) (rule, string, bool) {
	for _, r := range badness {
		if !strings.Contains(message, r.literal) {
			continue
		}
		groups := r.expr.FindStringSubmatch(message)
		if groups != nil && (r.except == nil || !r.except.MatchString(groups[1])) {
			return r, groups[1], true
		}
	}
	return rule{}, "", false
}
