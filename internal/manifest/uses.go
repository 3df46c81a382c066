package manifest

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Roles of an image in the system.
const (
	RoleKernel     = "kernel"
	RoleInit       = "init"
	RoleOnboot     = "onboot"
	RoleOnshutdown = "onshutdown"
	RoleService    = "service"
	RoleVolume     = "volume"
)

// Use is one reference to an image in the manifest.
type Use struct {
	Role  string
	Index int    // within the role
	Name  string // of the entry; for kernel and init images the short name of the reference
	Image string // as in the manifest
	Place strict.Place
	Path  string // services[1] "web": image

	Layout bool // not unpacked: a volume of format oci
}

// String returns the use for an error.
func (u Use) String() string { return fmt.Sprintf("%s: image %s", u.Path, u.Image) }

// Images lists every use of an image, in the order of assembly.
func (m *Manifest) Images() []Use {
	var uses []Use
	if m.Kernel.Image != "" {
		image := string(m.Kernel.Image)
		uses = append(uses,
			Use{Role: RoleKernel, Name: shortName(image), Image: image, Place: m.Kernel.Of("image"), Path: "kernel"})
	}
	for i, init := range m.Init {
		image := string(init.Image)
		uses = append(uses,
			Use{Role: RoleInit, Index: i, Name: shortName(image), Image: image, Place: init.Place, Path: init.Path})
	}
	for i, v := range m.Volumes {
		if v.Image != "" {
			uses = append(uses,
				Use{
					Role: RoleVolume, Index: i, Name: v.Name, Image: string(v.Image), Place: v.Of("image"),
					Path: v.Path, Layout: v.IsLayout(),
				})
		}
	}
	for _, section := range m.Sections() {
		for i, e := range section.Entries {
			uses = append(uses,
				Use{Role: section.Role, Index: i, Name: e.Name, Image: string(e.Image), Place: e.Of("image"), Path: e.Path})
		}
	}
	return uses
}

// Section is one list of entries.
type Section struct {
	Role     string
	Dir      string // below /containers
	Numbered bool   // folders are named NNN-name, in the order of execution
	Entries  []Entry
}

// Sections returns the lists of entries in the order of id allocation and assembly.
func (m *Manifest) Sections() []Section {
	return []Section{
		{Role: RoleOnboot, Dir: "onboot", Numbered: true, Entries: m.Onboot},
		{Role: RoleOnshutdown, Dir: "onshutdown", Numbered: true, Entries: m.Onshutdown},
		{Role: RoleService, Dir: "services", Numbered: false, Entries: m.Services},
	}
}
