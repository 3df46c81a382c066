package manifest

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// ID is a user or group id: a number, or the name of an entry of the manifest, each of
// which has an id of its own.
type ID struct {
	Number uint32
	Name   string
	place  strict.Place
	path   string
}

// DecodeYAML reads an id.
func (id *ID) DecodeYAML(n strict.Node) {
	id.place, id.path = n.Place(), n.Path()
	switch {
	case n.IsNumber():
		n.Into(&id.Number)
	case n.IsText():
		n.Into(&id.Name)
	default:
		n.Problem("must be a number, or the name of an entry")
	}
}

// EncodeYAML returns the id as it is written.
func (id ID) EncodeYAML() any {
	if id.Name != "" {
		return id.Name
	}
	return id.Number
}

// String returns the id for a person.
func (id ID) String() string {
	if id.Name != "" {
		return id.Name
	}
	return strconv.FormatUint(uint64(id.Number), 10)
}

// IDMapping is a range of ids of a user namespace.
type IDMapping struct {
	HostID      uint32 `yaml:"hostID"`      // first id in the system
	ContainerID uint32 `yaml:"containerID"` // first id in the container
	Size        uint32 `yaml:"size"`        // how many
}

func mappings(list []IDMapping) []specs.LinuxIDMapping {
	var out []specs.LinuxIDMapping
	for _, m := range list {
		out = append(out, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return out
}
