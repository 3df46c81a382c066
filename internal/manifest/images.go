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

// Use is one place where the manifest names an image.
type Use struct {
	Role  string
	Index int    // within the role
	Name  string // of the entry; the kernel's and an init image's is made from the reference
	Image string // as written
	Place strict.Place
	Path  string // services[1] "web": image

	Layout bool // it is wanted as it is, not unpacked: a volume of format oci
}

// String names the use in an error.
func (u Use) String() string { return fmt.Sprintf("%s: image %s", u.Path, u.Image) }

// Images lists every use of an image, in the order in which they are assembled.
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
					Path: v.Path, Layout: v.Layout(),
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
	Numbered bool   // folders are named NNN-name, for they run in order
	Entries  []Entry
}

// Sections returns the lists of entries in the order in which ids are given out
// and the root file system is laid out.
func (m *Manifest) Sections() []Section {
	return []Section{
		{Role: RoleOnboot, Dir: "onboot", Numbered: true, Entries: m.Onboot},
		{Role: RoleOnshutdown, Dir: "onshutdown", Numbered: true, Entries: m.Onshutdown},
		{Role: RoleService, Dir: "services", Numbered: false, Entries: m.Services},
	}
}
