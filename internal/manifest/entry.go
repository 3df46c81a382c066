package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Entry is one container of onboot, onshutdown or services.
type Entry struct {
	strict.At
	Name  string `yaml:"name,required"`  // folder, cgroup and container id
	Image Image  `yaml:"image,required"` // reference of its image
	Settings
}

// Settings are the fields of an entry that the image label org.mobyproject.config may set
// too.
type Settings struct {
	Capabilities      Capabilities      `yaml:"capabilities"`      // exact names, or all; none by default
	CapabilitiesAdd   Capabilities      `yaml:"capabilities.add"`  // in addition to those of the image's label
	Ambient           Capabilities      `yaml:"ambient"`           // capabilities that survive execve(2) for users other than root
	Mounts            []Mount           `yaml:"mounts"`            // mounts with all their fields
	Binds             []Bind            `yaml:"binds"`             // source:destination[:options]; default options rw,rbind,rshared
	BindsAdd          []Bind            `yaml:"binds.add"`         // in addition to those of the image's label
	Tmpfs             []Tmpfs           `yaml:"tmpfs"`             // destination[:options]
	Devices           []Device          `yaml:"devices"`           // device nodes, with permission to use them
	Command           []string          `yaml:"command"`           // program and arguments, replaces the image's entrypoint and command
	Env               []Variable        `yaml:"env"`               // NAME=VALUE, replaces those of the image
	Cwd               string            `yaml:"cwd"`               // working directory
	Net               NetNamespace      `yaml:"net"`               // network namespace: host (default), new, none or a path
	IPC               Namespace         `yaml:"ipc"`               // IPC namespace: host (default), new or a path
	UTS               Namespace         `yaml:"uts"`               // UTS namespace: host (default), new or a path
	PID               Namespace         `yaml:"pid"`               // pid namespace: new (default), host or a path
	Userns            Namespace         `yaml:"userns"`            // user namespace: host (default), new or a path
	Readonly          bool              `yaml:"readonly"`          // read-only root file system
	MaskedPaths       []string          `yaml:"maskedPaths"`       // unreadable paths
	ReadonlyPaths     []string          `yaml:"readonlyPaths"`     // read-only paths
	UID               ID                `yaml:"uid"`               // user: a number or the name of an entry
	GID               ID                `yaml:"gid"`               // group: a number or the name of an entry
	AdditionalGids    []ID              `yaml:"additionalGids"`    // supplementary groups
	NoNewPrivileges   bool              `yaml:"noNewPrivileges"`   // execve(2) does not grant privileges
	Hostname          string            `yaml:"hostname"`          // requires uts: new
	OOMScoreAdj       *int              `yaml:"oomScoreAdj"`       // -1000 (never killed) to 1000 (killed first) when memory runs out
	RootfsPropagation Propagation       `yaml:"rootfsPropagation"` // shared, slave, private or unbindable
	CgroupsPath       string            `yaml:"cgroupsPath"`       // cgroup path
	Resources         Resources         `yaml:"resources"`         // cgroup limits
	Sysctl            map[string]string `yaml:"sysctl"`            // namespaced kernel parameters
	Rlimits           []Rlimit          `yaml:"rlimits"`           // name,soft,hard
	UIDMappings       []IDMapping       `yaml:"uidMappings"`       // user ids of the user namespace
	GIDMappings       []IDMapping       `yaml:"gidMappings"`       // group ids of the user namespace
	Annotations       map[string]string `yaml:"annotations"`       // for the runtime and programs that read its state
	Runtime           Runtime           `yaml:"runtime"`           // what PID 1 does before the container starts
}

// entryName matches valid names of entries. The name becomes a folder, a cgroup and a
// container id (runc: [\w+-.]), and is part of PID 1's records.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$`)

// Check finds errors in the entry.
func (e *Entry) Check() []strict.Problem {
	var problems []strict.Problem
	if e.Name != "" && !entryName.MatchString(e.Name) {
		problems = append(problems,
			e.Problem("name", "%q must be letters, digits and _.+- (64 at most), starting with a letter or digit", e.Name))
	}
	return append(problems, e.Settings.CheckAt(e.At)...)
}

// CheckAt finds errors in settings that were decoded at a place.
func (s Settings) CheckAt(at strict.At) []strict.Problem {
	var problems []strict.Problem
	for _, m := range s.Mounts {
		problems = append(problems, m.check()...)
	}
	if s.Cwd != "" && !path.IsAbs(s.Cwd) {
		problems = append(problems, at.Problem("cwd", "%q must be an absolute path", s.Cwd))
	}
	if adj := s.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		problems = append(problems, at.Problem("oomScoreAdj", "%d must be from -1000 to 1000 (proc(5))", *adj))
	}
	if len(s.Command) > 0 && s.Command[0] == "" {
		problems = append(problems, at.Problem("command", "the program is missing; the first element is empty"))
	}
	return problems
}

// Variable is an environment variable, NAME=VALUE.
type Variable string

// DecodeYAML decodes a variable.
func (v *Variable) DecodeYAML(n strict.Node) {
	n.Into((*string)(v))
	if name, _, ok := strings.Cut(string(*v), "="); !ok && *v != "" || ok && name == "" {
		n.Problem("%q must be NAME=VALUE", string(*v))
	}
}

// Propagation is the mount propagation of a container's root (mount_namespaces(7)).
type Propagation string

var propagations = []string{"shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"}

// DecodeYAML decodes a propagation.
func (p *Propagation) DecodeYAML(n strict.Node) {
	n.Into((*string)(p))
	if text := string(*p); text != "" && !slices.Contains(propagations, text) {
		n.Problem("%q must be one of %s%s", text, strings.Join(propagations, ", "), suggest(text, propagations))
	}
}
