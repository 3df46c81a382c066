package early

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

const lostCgroups = "running containers: runc needs cgroups"

// Cgroups returns the steps that mount cgroups: version 2, or where the kernel
// line asks for it (linuxkit.unified_cgroup_hierarchy=0) version 1 with one
// hierarchy for every controller the kernel has enabled, and systemd's.
func Cgroups(unified bool) []Step {
	if unified {
		return []Step{Mount{Target: cgroupPath, Type: "cgroup2", Source: "cgroup2", Flags: noExec, Else: lostCgroups}}
	}
	data, _ := file.Read("/proc/cgroups", 64<<10) // without it there is no controller to mount
	return cgroupsV1(string(data))
}

// cgroupsV1 reads /proc/cgroups (cgroups(7)): name, hierarchy, number, enabled.
func cgroupsV1(table string) []Step {
	steps := []Step{Mount{
		Target: cgroupPath,
		Type:   tmpfs,
		Source: "cgroup_root",
		Flags:  noExec,
		Data:   "size=10m,mode=755",
		Else:   lostCgroups,
	}}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(line, "#") || fields[3] != "1" {
			continue
		}
		name := fields[0]
		steps = append(steps, Mount{
			Target: cgroupPath + "/" + name,
			Type:   "cgroup",
			Source: name,
			Flags:  noExec,
			Data:   name,
			Else:   "limits by " + name,
		})
		if name == "memory" {
			steps = append(steps, setting{cgroupPath + "/memory/memory.use_hierarchy", "1"})
		}
	}
	return append(steps, Mount{
		Target: cgroupPath + "/systemd",
		Type:   "cgroup",
		Source: "cgroup",
		Flags:  noExec,
		Data:   "none,name=systemd",
		Else:   "programs that expect systemd's cgroups",
	})
}

// setting is a value written into a file of the kernel.
type setting struct{ path, value string }

func (s setting) Do() error      { return file.Write(s.path, s.value) }
func (s setting) String() string { return "echo " + s.value + " > " + s.path }
func (s setting) Lost() string   { return "nothing: newer kernels always do it" }
