package manifest

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// ID is a user or group id: a number, or the name of an entry, which has a unique id.
type ID struct {
	Number uint32
	Name   string
	place  strict.Place
	path   string
}

// DecodeYAML decodes an id.
func (id *ID) DecodeYAML(n strict.Node) {
	id.place, id.path = n.Place(), n.Path()
	switch {
	case n.IsNumber():
		n.Into(&id.Number)
	case n.IsText():
		n.Into(&id.Name)
	default:
		n.Problem("must be a number or the name of an entry")
	}
}

// EncodeYAML returns the id as in the manifest.
func (id ID) EncodeYAML() any {
	if id.Name != "" {
		return id.Name
	}
	return id.Number
}

// String returns the name or the number.
func (id ID) String() string {
	if id.Name != "" {
		return id.Name
	}
	return strconv.FormatUint(uint64(id.Number), 10)
}

// IDMapping is a range of ids of a user namespace.
type IDMapping struct {
	HostID      uint32 `yaml:"hostID"`      // first id on the host
	ContainerID uint32 `yaml:"containerID"` // first id in the container
	Size        uint32 `yaml:"size"`        // number of ids
}

func mappings(list []IDMapping) []specs.LinuxIDMapping {
	var out []specs.LinuxIDMapping
	for _, m := range list {
		out = append(out, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return out
}
