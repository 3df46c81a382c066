package manifest

import (
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Rlimit is a resource limit, name,soft,hard. A limit may be "unlimited", and the name may
// start with RLIMIT_ (getrlimit(2)).
type Rlimit struct {
	text string
	OCI  specs.POSIXRlimit
}

var rlimitNames = []string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
	"MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

// DecodeYAML decodes a limit.
func (r *Rlimit) DecodeYAML(n strict.Node) {
	n.Into(&r.text)
	parts := strings.Split(r.text, ",")
	if r.text == "" {
		return // already reported
	}
	if len(parts) != 3 {
		n.Problem("%q must be name,soft,hard, such as nofile,1024,4096", r.text)
		return
	}
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(parts[0])), "RLIMIT_")
	if !slices.Contains(rlimitNames, name) {
		n.Problem("%q: unknown limit %q%s", r.text, parts[0], suggest(name, rlimitNames))
	}
	r.OCI = specs.POSIXRlimit{Type: "RLIMIT_" + name, Soft: parseLimit(n, parts[1]), Hard: parseLimit(n, parts[2])}
	if r.OCI.Soft > r.OCI.Hard {
		n.Problem("%q: the soft limit exceeds the hard limit", r.text)
	}
}

func parseLimit(n strict.Node, text string) uint64 {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "unlimited") {
		return 1<<64 - 1
	}
	limit, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		n.Problem("%q must be a number or unlimited", text)
	}
	return limit
}

// String returns the limit as in the manifest.
func (r Rlimit) String() string { return r.text }

// Resources are the cgroup limits of a container, with the keys of the OCI runtime
// specification (config-linux.md, Control groups).
type Resources struct{ OCI *specs.LinuxResources }

// DecodeYAML decodes the limits.
func (r *Resources) DecodeYAML(n strict.Node) {
	r.OCI = &specs.LinuxResources{}
	n.Into(r.OCI)
}

// EncodeYAML returns the limits as in the manifest.
func (r Resources) EncodeYAML() any { return r.OCI }
