package manifest

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// EveryDevice is the path that stands for all devices of a type.
const EveryDevice = "all"

// Device is a device node in a container, with the right to use it.
type Device struct {
	strict.At
	Path  string `yaml:"path,required"` // in the container; "all" gives the right alone, to every device of the type
	Type  string `yaml:"type,required"` // b (block), c (character), u (unbuffered character) or p (FIFO); a (any) with path all
	Major int64  `yaml:"major"`         // number of the driver
	Minor int64  `yaml:"minor"`         // number of the device
	Mode  Octal  `yaml:"mode"`          // permissions of the node, such as "0666"
}

// deviceTypes are those of the runtime specification (config-linux.md, Devices).
var deviceTypes = []string{"b", "c", "u", "p"}

// Check finds what no runtime would take.
func (d *Device) Check() []strict.Problem {
	var problems []strict.Problem
	types := deviceTypes
	switch d.Path {
	case EveryDevice:
		types = append(slices.Clone(types), "a")
	default:
		if !d.Has("mode") {
			problems = append(problems, d.Problem("", "mode is missing: the permissions of the node, such as \"0666\""))
		}
	}
	if d.Has("type") && !slices.Contains(types, d.Type) {
		problems = append(problems, d.Problem("type", "%q must be one of %s", d.Type, strings.Join(types, ", ")))
	}
	return problems
}

// Octal is permission bits, written as an octal number in quotes: 0644 without quotes
// would be a number of another value to some readers of YAML.
type Octal string

// DecodeYAML reads the bits.
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
		return 0 // refused when it was read
	}
	return uint32(bits)
}

// FileMode returns the bits as the runtime specification wants them: their number as it is.
func (o Octal) FileMode() fs.FileMode { return fs.FileMode(o.Bits()) }
