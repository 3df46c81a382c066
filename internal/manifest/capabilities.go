package manifest

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// AllCapabilities lists the capabilities of Linux in the order of their numbers
// (capabilities(7)).
var AllCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Capabilities is a list of exact names, or a single "all" or "none" in any case.
type Capabilities []string

// DecodeYAML reads the list.
func (c *Capabilities) DecodeYAML(n strict.Node) {
	items := n.Items()
	*c = make(Capabilities, len(items))
	for i, item := range items {
		name := &(*c)[i]
		item.Into(name)
		switch {
		case *name == "" || slices.Contains(AllCapabilities, *name): // "" is already reported
		case isAll(*name) || isNone(*name):
			if len(items) > 1 {
				item.Problem("%q must stand alone", *name)
			}
		default:
			item.Problem("unknown capability %q%s", *name,
				suggest("CAP_"+strings.TrimPrefix(strings.ToUpper(*name), "CAP_"), AllCapabilities))
		}
	}
}

func isAll(name string) bool  { return strings.EqualFold(name, "all") }
func isNone(name string) bool { return strings.EqualFold(name, "none") }

// Expand returns the capabilities of the list, each once.
func (c Capabilities) Expand() []string {
	var names []string
	for _, name := range c {
		switch {
		case isAll(name):
			return slices.Clone(AllCapabilities)
		case !isNone(name) && !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names
}

// suggest ends an error about an unknown word.
func suggest(word string, words []string) string {
	if near := strict.Nearest(word, words); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// maxSuggestions bounds the searches among the names of a manifest.
const maxSuggestions = 20

// suggester suggests names, in a manifest with many unknown ones only for the first.
type suggester struct {
	names []string
	made  int
}

func (s *suggester) suggest(word string) string {
	if s.made++; s.made > maxSuggestions {
		return ""
	}
	return suggest(word, s.names)
}
