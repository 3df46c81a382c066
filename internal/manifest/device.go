package manifest

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// AllDevices is the path for all devices of a type.
const AllDevices = "all"

// Device is a device node in a container, with permission to use it.
type Device struct {
	strict.At
	Path  string `yaml:"path,required"` // in the container; "all" permits every device of the type and creates no node
	Type  string `yaml:"type,required"` // b (block), c (character), u (unbuffered character) or p (FIFO); a (any) with path all
	Major int64  `yaml:"major"`         // major number: the driver
	Minor int64  `yaml:"minor"`         // minor number: the device
	Mode  Octal  `yaml:"mode"`          // permissions of the node, such as "0666"
}

// deviceTypes lists the types of the OCI runtime specification (config-linux.md, Devices).
var deviceTypes = []string{"b", "c", "u", "p"}

// Check finds errors that a runtime would report only at boot.
func (d *Device) Check() []strict.Problem {
	var problems []strict.Problem
	types := deviceTypes
	switch d.Path {
	case AllDevices:
		types = append(slices.Clone(types), "a")
	default:
		if !d.Has("mode") {
			problems = append(problems, d.Problem("", "mode is missing; set the permissions of the node, such as \"0666\""))
		}
	}
	if d.Has("type") && !slices.Contains(types, d.Type) {
		problems = append(problems, d.Problem("type", "%q must be one of %s", d.Type, strings.Join(types, ", ")))
	}
	return problems
}

// Octal is permission bits as a quoted octal number. Some YAML parsers read an unquoted
// 0644 as decimal.
type Octal string

// DecodeYAML decodes the bits.
func (o *Octal) DecodeYAML(n strict.Node) {
	n.Into((*string)(o))
	if _, err := strconv.ParseUint(string(*o), 8, 12); err != nil && *o != "" {
		n.Problem("%q must be octal, such as \"0644\"", string(*o))
	}
}

// Bits returns the low 12 bits of st_mode (inode(7)).
func (o Octal) Bits() uint32 {
	bits, err := strconv.ParseUint(string(o), 8, 12)
	if err != nil {
		return 0 // DecodeYAML rejects it
	}
	return uint32(bits)
}

// FileMode returns the bits unchanged, as the OCI runtime specification requires.
func (o Octal) FileMode() fs.FileMode { return fs.FileMode(o.Bits()) }
