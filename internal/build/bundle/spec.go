package bundle

import (
	"fmt"
	"maps"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
)

// ociVersion is what LinuxKit writes. runc 1.1 and later accept it.
const ociVersion = "1.2.1"

func makeSpec(s manifest.Settings, ids IDs) (*specs.Spec, error) {
	process, err := makeProcess(s, ids)
	if err != nil {
		return nil, err
	}
	mounts, err := makeMounts(s)
	if err != nil {
		return nil, err
	}
	linux, err := makeLinux(s)
	if err != nil {
		return nil, err
	}
	return &specs.Spec{
		Version:     ociVersion,
		Process:     process,
		Root:        &specs.Root{Path: "rootfs", Readonly: s.Readonly},
		Hostname:    s.Hostname,
		Mounts:      mounts,
		Annotations: s.Annotations,
		Linux:       linux,
	}, nil
}

func makeProcess(s manifest.Settings, ids IDs) (*specs.Process, error) {
	if len(s.Command) == 0 {
		return nil, fmt.Errorf("nothing to run: neither the manifest nor the image has a command")
	}
	user, err := makeUser(s, ids)
	if err != nil {
		return nil, err
	}
	caps, err := makeCapabilities(s)
	if err != nil {
		return nil, err
	}
	process := &specs.Process{
		User: user, Args: s.Command, Env: s.Env, Cwd: s.Cwd,
		Capabilities: caps, NoNewPrivileges: s.NoNewPrivileges, OOMScoreAdj: s.OOMScoreAdj,
	}
	for _, text := range s.Rlimits {
		limit, err := manifest.ParseRlimit(text)
		if err != nil {
			return nil, err
		}
		process.Rlimits = append(process.Rlimits, limit)
	}
	return process, nil
}

func makeUser(s manifest.Settings, ids IDs) (specs.User, error) {
	uid, err := ids.Find(s.UID)
	if err != nil {
		return specs.User{}, err
	}
	gid, err := ids.Find(s.GID)
	if err != nil {
		return specs.User{}, err
	}
	user := specs.User{UID: uid, GID: gid}
	for _, additional := range s.AdditionalGids {
		n, err := ids.Find(additional)
		if err != nil {
			return specs.User{}, err
		}
		user.AdditionalGids = append(user.AdditionalGids, n)
	}
	return user, nil
}

// makeCapabilities gives what is asked for to the effective set in the order given,
// and, joined with the ambient ones and sorted, to the sets that bound it.
func makeCapabilities(s manifest.Settings) (*specs.LinuxCapabilities, error) {
	asked, err := manifest.ExpandCapabilities(s.Capabilities)
	if err != nil {
		return nil, err
	}
	ambient, err := manifest.ExpandCapabilities(s.Ambient)
	if err != nil {
		return nil, err
	}
	effective := union(nil, asked)
	bound := union(effective, ambient)
	slices.Sort(bound)
	return &specs.LinuxCapabilities{Effective: effective, Bounding: bound, Inheritable: bound, Permitted: bound, Ambient: ambient}, nil
}

// makeMounts joins LinuxKit's default mounts with those of the entry. Of two for
// one destination the later counts; they are sorted by destination.
func makeMounts(s manifest.Settings) ([]specs.Mount, error) {
	mounts := map[string]specs.Mount{}
	for _, m := range defaultMounts(s.Readonly) {
		mounts[m.Destination] = m
	}
	add := func(m specs.Mount, err error) error {
		mounts[m.Destination] = m
		return err
	}
	for _, text := range s.Tmpfs {
		if err := add(manifest.ParseTmpfs(text)); err != nil {
			return nil, err
		}
	}
	for _, text := range s.Binds {
		if err := add(manifest.ParseBind(text)); err != nil {
			return nil, err
		}
	}
	for _, m := range s.Mounts {
		if err := add(m.Complete()); err != nil {
			return nil, err
		}
	}
	var sorted []specs.Mount
	for _, destination := range slices.Sorted(maps.Keys(mounts)) {
		sorted = append(sorted, mounts[destination])
	}
	return sorted, nil
}

func defaultMounts(readonly bool) []specs.Mount {
	dev := []string{"nosuid", "strictatime", "mode=755", "size=65536k"}
	sys := []string{"nosuid", "noexec", "nodev"}
	if readonly {
		dev, sys = append(dev, "ro"), append(sys, "ro")
	}
	return []specs.Mount{
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: dev},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "nodev", "noexec", "relatime"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: sys},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}
}
