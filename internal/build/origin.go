package build

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// Sources of what no image brought. All but ours are LinuxKit's.
const (
	sourceFiles    = "linuxkit.files"
	sourceVolumes  = "linuxkit.volumes"
	sourceEmpty    = "empty" // of a volume without an image
	sourcePackages = "LINUXKIT.apkinit"
	sourceInit     = "linuxkit-action.init"
)

// brought is the origin of what the image at index i of a section brings.
func brought(image manifest.Image, section string, i int) tree.Origin {
	return tree.Origin{Source: manifest.Canonical(string(image)), Location: location(section, i)}
}

// location names one of a section as LinuxKit does.
func location(section string, i int) string { return fmt.Sprintf("%s[%d]", section, i) }
