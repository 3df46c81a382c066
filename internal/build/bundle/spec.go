package bundle

import (
	"errors"
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
)

// ociVersion is the same as in LinuxKit. runc 1.1 and later accept it.
const ociVersion = "1.2.1"

func newSpec(s manifest.Settings, ids IDs) (*specs.Spec, error) {
	process, err := newProcess(s, ids)
	if err != nil {
		return nil, err
	}
	return &specs.Spec{
		Version:     ociVersion,
		Process:     process,
		Root:        &specs.Root{Path: "rootfs", Readonly: s.Readonly},
		Hostname:    s.Hostname,
		Mounts:      newMounts(s),
		Annotations: s.Annotations,
		Linux:       newLinux(s),
	}, nil
}

func newProcess(s manifest.Settings, ids IDs) (*specs.Process, error) {
	if len(s.Command) == 0 {
		return nil, errors.New("no command in the manifest or the image; set command")
	}
	user, err := newUser(s, ids)
	if err != nil {
		return nil, err
	}
	process := &specs.Process{
		User: user, Args: s.Command, Cwd: s.Cwd,
		Capabilities: newCapabilities(s), NoNewPrivileges: s.NoNewPrivileges, OOMScoreAdj: s.OOMScoreAdj,
	}
	for _, variable := range s.Env {
		process.Env = append(process.Env, string(variable))
	}
	for _, limit := range s.Rlimits {
		process.Rlimits = append(process.Rlimits, limit.OCI)
	}
	return process, nil
}

func newUser(s manifest.Settings, ids IDs) (specs.User, error) {
	uid, err := ids.Lookup(s.UID)
	if err != nil {
		return specs.User{}, err
	}
	gid, err := ids.Lookup(s.GID)
	if err != nil {
		return specs.User{}, err
	}
	user := specs.User{UID: uid, GID: gid}
	for _, additional := range s.AdditionalGids {
		n, err := ids.Lookup(additional)
		if err != nil {
			return specs.User{}, err
		}
		user.AdditionalGids = append(user.AdditionalGids, n)
	}
	return user, nil
}

// newCapabilities returns the requested capabilities as the effective set, in the order
// given. The bounding, inheritable and permitted sets also contain the ambient ones, and
// are sorted.
func newCapabilities(s manifest.Settings) *specs.LinuxCapabilities {
	effective, ambient := s.Capabilities.Expand(), s.Ambient.Expand()
	bound := slices.Concat(effective, ambient)
	slices.Sort(bound)
	bound = slices.Compact(bound)
	return &specs.LinuxCapabilities{
		Effective: effective, Bounding: bound, Inheritable: bound, Permitted: bound,
		Ambient: ambient,
	}
}

// newMounts returns LinuxKit's default mounts and those of the entry, sorted by
// destination. Of two mounts for one destination the later one applies.
func newMounts(s manifest.Settings) []specs.Mount {
	mounts := map[string]specs.Mount{}
	add := func(m specs.Mount) { mounts[m.Destination] = m }
	for _, m := range defaultMounts(s.Readonly) {
		add(m)
	}
	for _, t := range s.Tmpfs {
		add(t.Mount())
	}
	for _, b := range s.Binds {
		add(b.Mount())
	}
	for _, m := range s.Mounts {
		add(m.Complete())
	}
	var sorted []specs.Mount
	for _, destination := range slices.Sorted(maps.Keys(mounts)) {
		sorted = append(sorted, mounts[destination])
	}
	return sorted
}

func defaultMounts(readonly bool) []specs.Mount {
	dev := []string{"nosuid", "strictatime", "mode=755", "size=65536k"}
	sys := []string{"nosuid", "noexec", "nodev"}
	if readonly {
		dev, sys = append(dev, "ro"), append(sys, "ro")
	}
	return []specs.Mount{
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: dev},
		{
			Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"},
		},
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "nodev", "noexec", "relatime"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		{
			Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
			Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
		},
	}
}
