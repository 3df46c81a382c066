package manifest

import "github.com/org/linuxkit-action/internal/manifest/strict"

// Runtime is what PID 1 does for a container before it starts.
type Runtime struct {
	strict.At
	Cgroups    []string    `yaml:"cgroups"`    // control groups to create
	Mounts     []Mount     `yaml:"mounts"`     // host mounts; a relative destination is in the container's root
	Mkdir      []string    `yaml:"mkdir"`      // directories to create after the mounts; relative ones in the container's root
	Interfaces []Interface `yaml:"interfaces"` // network interfaces to move or create
	BindNS     Namespaces  `yaml:"bindNS"`     // paths to bind the container's namespaces to
	Namespace  string      `yaml:"namespace"`  // containerd namespace; default services.linuxkit
}

// Interface is a network interface of a container.
type Interface struct {
	Name         string `yaml:"name"`         // name of the interface
	Add          string `yaml:"add"`          // type of a new interface, such as veth; without it an existing interface is moved
	Peer         string `yaml:"peer"`         // other end of a veth, on the host
	CreateInRoot bool   `yaml:"createInRoot"` // create it on the host, then move it
}

// Namespaces are paths to bind the namespaces of a container to.
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
