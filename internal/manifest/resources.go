package manifest

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Resources are the limits of a container's cgroup, with the names and the
// meaning of the OCI runtime specification (config-linux.md, Control groups).
type Resources struct{ OCI *specs.LinuxResources }

// DecodeYAML reads the limits.
func (r *Resources) DecodeYAML(n strict.Node) {
	r.OCI = &specs.LinuxResources{}
	n.Into(r.OCI)
}

// EncodeYAML returns the limits as they are written.
func (r Resources) EncodeYAML() any { return r.OCI }
