package bundle

import (
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
)

// Runtime is runtime.json, as LinuxKit's service program reads it. Every key is
// there, empty or not.
type Runtime struct {
	Cgroups    []string      `json:"cgroups"`
	Mounts     []specs.Mount `json:"mounts"`
	Mkdir      []string      `json:"mkdir"`
	Interfaces []Interface   `json:"interfaces"`
	BindNS     Namespaces    `json:"bindNS"`
	Namespace  string        `json:"namespace"`
}

// Interface is a network interface given to the container.
type Interface struct {
	Name         string `json:"name,omitempty"`
	Add          string `json:"add,omitempty"`
	Peer         string `json:"peer,omitempty"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces are the paths that the container's namespaces are bound to.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	IPC    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	PID    string `json:"pid"`
	User   string `json:"user"`
	UTS    string `json:"uts"`
}

func makeRuntime(r manifest.Runtime) Runtime {
	out := Runtime{
		Cgroups: orEmpty(r.Cgroups), Mounts: []specs.Mount{}, Mkdir: orEmpty(r.Mkdir), Interfaces: []Interface{},
		BindNS: Namespaces{
			Cgroup: r.BindNS.Cgroup, IPC: r.BindNS.IPC, Mnt: r.BindNS.Mnt, Net: r.BindNS.Net,
			PID: r.BindNS.PID, User: r.BindNS.User, UTS: r.BindNS.UTS,
		},
		Namespace: r.Namespace,
	}
	for _, m := range r.Mounts {
		out.Mounts = append(out.Mounts, m.OCI())
	}
	for _, i := range r.Interfaces {
		out.Interfaces = append(out.Interfaces, Interface(i))
	}
	return out
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// MountRoot puts the mounts that make the container's root in front of the entry's
// own. dir is the bundle's folder in the system, lower the folder that holds the
// image's files: shared, where another entry has the same image.
func (r *Runtime) MountRoot(dir, lower string, readonly bool) {
	rootfs := path.Join(dir, "rootfs")
	if readonly {
		r.prepend(specs.Mount{Destination: rootfs, Source: lower, Options: []string{"bind"}})
		return
	}
	scratch := path.Join(dir, "tmp")
	r.prepend(
		specs.Mount{Destination: scratch, Type: "tmpfs", Source: "tmpfs"},
		specs.Mount{Destination: scratch, Options: []string{"remount", "private"}},
		specs.Mount{Destination: rootfs, Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + lower, "upperdir=" + path.Join(scratch, "upper"), "workdir=" + path.Join(scratch, "work"),
		}},
	)
}

func (r *Runtime) prepend(mounts ...specs.Mount) { r.Mounts = append(mounts, r.Mounts...) }
