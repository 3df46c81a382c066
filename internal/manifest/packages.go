package manifest

import (
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// initPackage is where LinuxKit's init is developed; a manifest names it to have our PID 1.
const initPackage = "github.com/linuxkit/linuxkit/pkg/init"

// Package is a part of LinuxKit that a manifest names by where it is developed.
type Package string

// DecodeYAML reads a package.
func (p *Package) DecodeYAML(n strict.Node) {
	n.Into((*string)(p))
	text := strings.TrimPrefix(string(*p), "https://")
	if text != "" && strings.TrimSuffix(text, "/") != initPackage {
		n.Problem("%q is not known; there is %s, which is the PID 1 of this program. Name other packages by their images, in init, onboot or services",
			string(*p), initPackage)
	}
}

// WantsInit reports whether the manifest asks for our PID 1 by its package.
func (m *Manifest) WantsInit() bool { return len(m.Packages) > 0 }
