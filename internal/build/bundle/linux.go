package bundle

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
)

func newLinux(s manifest.Settings) *specs.Linux {
	resources := &specs.LinuxResources{}
	if s.Resources.OCI != nil {
		*resources = *s.Resources.OCI
	}
	devices, rules := newDevices(s.Devices)
	resources.Devices = append(slices.Clone(resources.Devices), rules...)
	return &specs.Linux{
		UIDMappings:       mappings(s.UIDMappings),
		GIDMappings:       mappings(s.GIDMappings),
		Sysctl:            s.Sysctl,
		Resources:         resources,
		CgroupsPath:       s.CgroupsPath,
		Namespaces:        namespaces(s),
		Devices:           devices,
		RootfsPropagation: string(s.RootfsPropagation),
		MaskedPaths:       s.MaskedPaths,
		ReadonlyPaths:     s.ReadonlyPaths,
	}
}

// namespaces lists the namespaces that the container does not share with the host.
func namespaces(s manifest.Settings) []specs.LinuxNamespace {
	var list []specs.LinuxNamespace
	for _, n := range []struct {
		kind specs.LinuxNamespaceType
		text string
	}{
		{specs.NetworkNamespace, orHost(string(s.Net))},
		{specs.IPCNamespace, orHost(string(s.IPC))},
		{specs.UTSNamespace, orHost(string(s.UTS))},
		{specs.PIDNamespace, string(s.PID)},
		{specs.UserNamespace, orHost(string(s.Userns))},
	} {
		switch text := n.text; {
		case text == "host" || text == "root":
		case text == "" || text == "new" || (text == "none" && n.kind == specs.NetworkNamespace):
			list = append(list, specs.LinuxNamespace{Type: n.kind})
		default:
			list = append(list, specs.LinuxNamespace{Type: n.kind, Path: text})
		}
	}
	return append(list, specs.LinuxNamespace{Type: specs.MountNamespace})
}

func orHost(text string) string {
	if text == "" {
		return "host"
	}
	return text
}

// newDevices returns the device nodes and the cgroup rules that allow their use. The path
// "all" allows all devices of a type and creates no node.
func newDevices(devices []manifest.Device) (nodes []specs.LinuxDevice, rules []specs.LinuxDeviceCgroup) {
	for _, d := range devices {
		if d.Path == manifest.AllDevices {
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Access: "rwm"})
			continue
		}
		mode := d.Mode.FileMode()
		nodes = append(nodes, specs.LinuxDevice{Path: d.Path, Type: d.Type, Major: d.Major, Minor: d.Minor, FileMode: &mode})
		rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Major: &d.Major, Minor: &d.Minor, Access: "rwm"})
	}
	return nodes, rules
}

func mappings(list []manifest.IDMapping) []specs.LinuxIDMapping {
	var out []specs.LinuxIDMapping
	for _, m := range list {
		out = append(out, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return out
}
