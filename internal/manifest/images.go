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
)

// Use is one place where the manifest names an image.
type Use struct {
	Role  string
	Index int    // within the role
	Name  string // of the entry; the kernel's and an init image's is made from the reference
	Image string // as written
	Place strict.Place
	Path  string // services[1] "web": image
}

// String names the use in an error.
func (u Use) String() string { return fmt.Sprintf("%s: image %s", u.Path, u.Image) }

// Images lists every use of an image, in the order in which they are assembled.
func (m *Manifest) Images() []Use {
	var uses []Use
	if m.Kernel.Image != "" {
		uses = append(uses, Use{RoleKernel, 0, shortName(m.Kernel.Image), m.Kernel.Image, m.Kernel.Of("image"), "kernel"})
	}
	for i, image := range m.Init {
		uses = append(uses, Use{RoleInit, i, shortName(image.Image), image.Image, image.Place, image.Path})
	}
	for _, section := range m.Sections() {
		for i, e := range section.Entries {
			uses = append(uses, Use{section.Role, i, e.Name, e.Image, e.Of("image"), e.Path})
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
		{RoleOnboot, "onboot", true, m.Onboot},
		{RoleOnshutdown, "onshutdown", true, m.Onshutdown},
		{RoleService, "services", false, m.Services},
	}
}
