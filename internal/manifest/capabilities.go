package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// Capabilities of Linux in the order of their numbers (capabilities(7)).
var Capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// ExpandCapabilities returns the capabilities that a list of the manifest means:
// a single "all" is every one, a single "none" is none (in any case of letters),
// the rest must be exact names.
func ExpandCapabilities(names []string) ([]string, error) {
	if len(names) == 1 {
		switch strings.ToLower(names[0]) {
		case "all":
			return slices.Clone(Capabilities), nil
		case "none":
			return nil, nil
		}
	}
	for _, name := range names {
		if slices.Contains(Capabilities, name) {
			continue
		}
		if strings.EqualFold(name, "all") || strings.EqualFold(name, "none") {
			return nil, fmt.Errorf("%q must stand alone", name)
		}
		return nil, fmt.Errorf("there is no capability %q%s", name, meant("CAP_"+strings.TrimPrefix(strings.ToUpper(name), "CAP_"), Capabilities))
	}
	return names, nil
}
