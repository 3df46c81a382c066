package manifest

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Entry is one container: of onboot, onshutdown or services.
type Entry struct {
	strict.At
	Name  string `yaml:"name,required"`  // folder, cgroup and container id
	Image Image  `yaml:"image,required"` // reference of its image
	Settings
}

// Settings are the fields of an entry that an image's label
// org.mobyproject.config may give as well.
type Settings struct {
	Capabilities      Capabilities      `yaml:"capabilities"`      // exact names, or all; none by default
	CapabilitiesAdd   Capabilities      `yaml:"capabilities.add"`  // added to those of the image's label
	Ambient           Capabilities      `yaml:"ambient"`           // capabilities that survive execve(2) for users other than root
	Mounts            []Mount           `yaml:"mounts"`            // mounts in full
	Binds             []Bind            `yaml:"binds"`             // source:destination[:options], in place of those of the image's label; rw,rbind,rshared by default
	BindsAdd          []Bind            `yaml:"binds.add"`         // added to those of the image's label
	Tmpfs             []Tmpfs           `yaml:"tmpfs"`             // destination[:options]
	Devices           []Device          `yaml:"devices"`           // device nodes, with the right to use them
	Command           []string          `yaml:"command"`           // program and arguments, in place of the image's entry point and command
	Env               []Variable        `yaml:"env"`               // NAME=VALUE, in place of the image's
	Cwd               string            `yaml:"cwd"`               // working directory
	Net               NetNamespace      `yaml:"net"`               // network namespace: host (default), new, none or a path
	IPC               Namespace         `yaml:"ipc"`               // IPC namespace: host (default), new or a path
	UTS               Namespace         `yaml:"uts"`               // UTS namespace: host (default), new or a path
	PID               Namespace         `yaml:"pid"`               // pid namespace: new (default), host or a path
	Userns            Namespace         `yaml:"userns"`            // user namespace: host (default), new or a path
	Readonly          bool              `yaml:"readonly"`          // root file system that cannot be written to
	MaskedPaths       []string          `yaml:"maskedPaths"`       // paths that cannot be read
	ReadonlyPaths     []string          `yaml:"readonlyPaths"`     // paths that cannot be written to
	UID               ID                `yaml:"uid"`               // user: a number or the name of an entry
	GID               ID                `yaml:"gid"`               // group: a number or the name of an entry
	AdditionalGids    []ID              `yaml:"additionalGids"`    // further groups
	NoNewPrivileges   bool              `yaml:"noNewPrivileges"`   // no program gains rights by execve(2)
	Hostname          string            `yaml:"hostname"`          // needs uts: new
	OOMScoreAdj       *int              `yaml:"oomScoreAdj"`       // -1000 (spared) to 1000 (first) when memory runs out
	RootfsPropagation Propagation       `yaml:"rootfsPropagation"` // shared, slave, private or unbindable
	CgroupsPath       string            `yaml:"cgroupsPath"`       // path of its cgroup
	Resources         Resources         `yaml:"resources"`         // limits of its cgroup
	Sysctl            map[string]string `yaml:"sysctl"`            // kernel parameters of its namespaces
	Rlimits           []Rlimit          `yaml:"rlimits"`           // name,soft,hard
	UIDMappings       []IDMapping       `yaml:"uidMappings"`       // user ids of its user namespace
	GIDMappings       []IDMapping       `yaml:"gidMappings"`       // group ids of its user namespace
	Annotations       map[string]string `yaml:"annotations"`       // for the runtime and whoever reads its state
	Runtime           Runtime           `yaml:"runtime"`           // what PID 1 does before it starts
}

// entryName is what an entry may be called. The name becomes a folder, a cgroup
// and a container id (runc: [\w+-.]), and stands in PID 1's records.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$`)

// Check finds contradictions within the entry.
func (e *Entry) Check() []strict.Problem {
	var problems []strict.Problem
	if e.Name != "" && !entryName.MatchString(e.Name) {
		problems = append(problems,
			e.Problem("name", "%q must be letters, digits and _.+- (64 at most), starting with a letter or digit", e.Name))
	}
	return append(problems, e.Settings.CheckAt(e.At)...)
}

// CheckAt finds contradictions within settings that stood at a place.
func (s Settings) CheckAt(at strict.At) []strict.Problem {
	var problems []strict.Problem
	for _, m := range s.Mounts {
		problems = append(problems, m.check()...)
	}
	if s.Cwd != "" && !path.IsAbs(s.Cwd) {
		problems = append(problems, at.Problem("cwd", "%q must be a path from /", s.Cwd))
	}
	if adj := s.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		problems = append(problems, at.Problem("oomScoreAdj", "%d must be from -1000 to 1000 (proc(5))", *adj))
	}
	if len(s.Command) > 0 && s.Command[0] == "" {
		problems = append(problems, at.Problem("command", "the program is missing: its first word is empty"))
	}
	return problems
}

// Variable is one of the environment, NAME=VALUE.
type Variable string

// DecodeYAML reads a variable.
func (v *Variable) DecodeYAML(n strict.Node) {
	n.Into((*string)(v))
	if name, _, ok := strings.Cut(string(*v), "="); !ok && *v != "" || ok && name == "" {
		n.Problem("%q must be NAME=VALUE", string(*v))
	}
}

// Propagation is how mounts in a container's root and in the system reach each other
// (mount_namespaces(7)).
type Propagation string

var propagations = []string{"shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable"}

// DecodeYAML reads a propagation.
func (p *Propagation) DecodeYAML(n strict.Node) {
	n.Into((*string)(p))
	if text := string(*p); text != "" && !slices.Contains(propagations, text) {
		n.Problem("%q must be one of %s%s", text, strings.Join(propagations, ", "), meant(text, propagations))
	}
}
