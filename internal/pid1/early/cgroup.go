package early

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

const cgroupImpact = "containers: runc requires cgroups"

// Cgroups returns the steps that mount cgroups: version 2, or with
// linuxkit.unified_cgroup_hierarchy=0 on the kernel command line version 1, with a
// hierarchy for each enabled controller and the one named systemd.
func Cgroups(unified bool) []Step {
	if unified {
		return []Step{Mount{Target: cgroupPath, Type: "cgroup2", Source: "cgroup2", Flags: noExec, Affected: cgroupImpact}}
	}
	data, _ := file.Read("/proc/cgroups", 64<<10) // on error there are no controllers
	return cgroupsV1(string(data))
}

// cgroupsV1 parses /proc/cgroups (cgroups(7)): name, hierarchy, number, enabled.
func cgroupsV1(table string) []Step {
	steps := []Step{Mount{
		Target:   cgroupPath,
		Type:     tmpfs,
		Source:   "cgroup_root",
		Flags:    noExec,
		Data:     "size=10m,mode=755",
		Affected: cgroupImpact,
	}}
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(line, "#") || fields[3] != "1" {
			continue
		}
		name := fields[0]
		steps = append(steps, Mount{
			Target:   cgroupPath + "/" + name,
			Type:     "cgroup",
			Source:   name,
			Flags:    noExec,
			Data:     name,
			Affected: "limits by " + name,
		})
		if name == "memory" {
			steps = append(steps, setting{cgroupPath + "/memory/memory.use_hierarchy", "1"})
		}
	}
	return append(steps, Mount{
		Target:   cgroupPath + "/systemd",
		Type:     "cgroup",
		Source:   "cgroup",
		Flags:    noExec,
		Data:     "none,name=systemd",
		Affected: "programs that require systemd's cgroup hierarchy",
	})
}

// setting is a value to write to a file of the kernel.
type setting struct{ path, value string }

func (s setting) Do() error      { return file.Write(s.path, s.value) }
func (s setting) String() string { return "echo " + s.value + " > " + s.path }
func (s setting) Impact() string { return "nothing: newer kernels have no such setting" }
