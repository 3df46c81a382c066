package manifest

import (
	"bytes"
	"encoding/json"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Entry is one container: of onboot, onshutdown or services.
type Entry struct {
	strict.At
	Name  string `yaml:"name,required"`
	Image string `yaml:"image,required"`
	Settings
}

// Settings are the fields of an entry that an image's label
// org.mobyproject.config may give as well.
type Settings struct {
	Capabilities      []string          `yaml:"capabilities"`
	CapabilitiesAdd   []string          `yaml:"capabilities.add"`
	Ambient           []string          `yaml:"ambient"`
	Mounts            []Mount           `yaml:"mounts"`
	Binds             []string          `yaml:"binds"`
	BindsAdd          []string          `yaml:"binds.add"`
	Tmpfs             []string          `yaml:"tmpfs"`
	Devices           []Device          `yaml:"devices"`
	Command           []string          `yaml:"command"`
	Env               []string          `yaml:"env"`
	Cwd               string            `yaml:"cwd"`
	Net               string            `yaml:"net"`
	IPC               string            `yaml:"ipc"`
	UTS               string            `yaml:"uts"`
	PID               string            `yaml:"pid"`
	Userns            string            `yaml:"userns"`
	Readonly          bool              `yaml:"readonly"`
	MaskedPaths       []string          `yaml:"maskedPaths"`
	ReadonlyPaths     []string          `yaml:"readonlyPaths"`
	UID               ID                `yaml:"uid"`
	GID               ID                `yaml:"gid"`
	AdditionalGids    []ID              `yaml:"additionalGids"`
	NoNewPrivileges   bool              `yaml:"noNewPrivileges"`
	Hostname          string            `yaml:"hostname"`
	OOMScoreAdj       *int              `yaml:"oomScoreAdj"`
	RootfsPropagation string            `yaml:"rootfsPropagation"`
	CgroupsPath       string            `yaml:"cgroupsPath"`
	Resources         Resources         `yaml:"resources"`
	Sysctl            map[string]string `yaml:"sysctl"`
	Rlimits           []string          `yaml:"rlimits"`
	UIDMappings       []IDMapping       `yaml:"uidMappings"`
	GIDMappings       []IDMapping       `yaml:"gidMappings"`
	Annotations       map[string]string `yaml:"annotations"`
	Runtime           Runtime           `yaml:"runtime"`
}

// Mount is a mount inside a container, or one that is made before it starts.
type Mount struct {
	Type        string   `yaml:"type"`
	Source      string   `yaml:"source"`
	Destination string   `yaml:"destination"`
	Options     []string `yaml:"options"`
}

// Device is a device node in a container, with the right to use it.
type Device struct {
	strict.At
	Path  string `yaml:"path,required"` // "all" for the right alone, to every device of the type
	Type  string `yaml:"type,required"`
	Major int64  `yaml:"major"`
	Minor int64  `yaml:"minor"`
	Mode  string `yaml:"mode,required"` // octal
}

// IDMapping is a range of ids of a user namespace.
type IDMapping struct {
	HostID      uint32 `yaml:"hostID"`
	ContainerID uint32 `yaml:"containerID"`
	Size        uint32 `yaml:"size"`
}

// Runtime is what PID 1 does for a container before it starts.
type Runtime struct {
	strict.At
	Cgroups    []string          `yaml:"cgroups"`
	Mounts     []Mount           `yaml:"mounts"`
	Mkdir      []string          `yaml:"mkdir"`
	Interfaces []Interface       `yaml:"interfaces"`
	BindNS     map[string]string `yaml:"bindNS"`
	Namespace  string            `yaml:"namespace"`
}

// Interface is a network interface that a container gets.
type Interface struct {
	Name         string `yaml:"name"`
	Add          string `yaml:"add"`
	Peer         string `yaml:"peer"`
	CreateInRoot bool   `yaml:"createInRoot"`
}

// ID is a user or group id: a number, or the name of an entry of the manifest.
type ID struct {
	Number uint32
	Name   string
}

// DecodeYAML reads an id.
func (id *ID) DecodeYAML(n strict.Node) {
	switch {
	case n.IsNumber():
		n.Into(&id.Number)
	case n.IsText():
		n.Into(&id.Name)
	default:
		n.Problem("must be a number, or the name of an entry")
	}
}

// Resources are the limits of a container's cgroup, with the names and the
// meaning of the OCI runtime specification (config-linux.md, Control groups).
type Resources struct{ OCI *specs.LinuxResources }

// DecodeYAML reads the limits.
func (r *Resources) DecodeYAML(n strict.Node) {
	data, err := n.JSON()
	if err != nil {
		n.Problem("%v", err)
		return
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	r.OCI = &specs.LinuxResources{}
	if err := dec.Decode(r.OCI); err != nil {
		n.Problem("is not what the OCI runtime specification has: %v", err)
	}
}
