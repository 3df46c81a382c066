package bundle

import (
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
)

// Runtime is the content of runtime.json, which LinuxKit's service program reads too. Every
// key is present, even if it is empty.
type Runtime struct {
	Cgroups    []string      `json:"cgroups"`
	Mounts     []specs.Mount `json:"mounts"`
	Mkdir      []string      `json:"mkdir"`
	Interfaces []Interface   `json:"interfaces"`
	BindNS     Namespaces    `json:"bindNS"`
	Namespace  string        `json:"namespace"`
}

// Interface is a network interface of the container.
type Interface struct {
	Name         string `json:"name,omitempty"`
	Add          string `json:"add,omitempty"`
	Peer         string `json:"peer,omitempty"`
	CreateInRoot bool   `json:"createInRoot"`
}

// Namespaces are the paths that the namespaces of the container are bound to.
type Namespaces struct {
	Cgroup string `json:"cgroup"`
	IPC    string `json:"ipc"`
	Mnt    string `json:"mnt"`
	Net    string `json:"net"`
	PID    string `json:"pid"`
	User   string `json:"user"`
	UTS    string `json:"uts"`
}

func newRuntime(r manifest.Runtime) Runtime {
	out := Runtime{
		Cgroups: notNil(r.Cgroups), Mounts: []specs.Mount{}, Mkdir: notNil(r.Mkdir), Interfaces: []Interface{},
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

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// MountRoot prepends the mounts of the container's root. dir is the folder of the bundle,
// lower that of the image's files, which entries with the same image share.
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
