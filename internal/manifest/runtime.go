package manifest

import "github.com/org/linuxkit-action/internal/manifest/strict"

// Runtime is what PID 1 does for a container before it starts.
type Runtime struct {
	strict.At
	Cgroups    []string    `yaml:"cgroups"`    // control groups that are made
	Mounts     []Mount     `yaml:"mounts"`     // mounts of the system; a relative destination is inside the container's root
	Mkdir      []string    `yaml:"mkdir"`      // directories that are made after the mounts; relative ones inside the container's root
	Interfaces []Interface `yaml:"interfaces"` // network interfaces that are moved or made
	BindNS     Namespaces  `yaml:"bindNS"`     // paths that the container's namespaces are bound to
	Namespace  string      `yaml:"namespace"`  // containerd's namespace, services.linuxkit by default
}

// Interface is a network interface that a container gets.
type Interface struct {
	Name         string `yaml:"name"`         // what it is called
	Add          string `yaml:"add"`          // type of a new one, such as veth; one that exists is moved where it is left out
	Peer         string `yaml:"peer"`         // other end of a veth, which stays in the system
	CreateInRoot bool   `yaml:"createInRoot"` // made in the system and then moved
}

// Namespaces are the paths that a container's namespaces are bound to.
type Namespaces struct {
	strict.At
	Cgroup string `yaml:"cgroup"` // path for the cgroup namespace
	IPC    string `yaml:"ipc"`    // path for the IPC namespace
	Mnt    string `yaml:"mnt"`    // path for the mount namespace
	Net    string `yaml:"net"`    // path for the network namespace
	PID    string `yaml:"pid"`    // path for the pid namespace
	User   string `yaml:"user"`   // path for the user namespace
	UTS    string `yaml:"uts"`    // path for the UTS namespace
}
