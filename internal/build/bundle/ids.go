package bundle

import (
	"errors"
	"fmt"

	"github.com/org/linuxkit-action/internal/manifest"
)

// firstID is the same as in LinuxKit.
const firstID = 100

// ErrUnknownID is wrapped by the error for an id that names no entry.
var ErrUnknownID = errors.New("unknown id")

// IDs maps the name of an entry to its user id, which is its group id too.
type IDs map[string]uint32

// Allocate assigns one id to each entry, from 100 up, in the order of the sections. Of two
// entries with one name the last one has it.
func Allocate(m *manifest.Manifest) IDs {
	ids := IDs{}
	next := uint32(firstID)
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			ids[e.Name] = next
			next++
		}
	}
	ids["root"], ids[""] = 0, 0
	return ids
}

// Lookup returns the number of an id of the manifest. Errors wrap ErrUnknownID.
func (ids IDs) Lookup(id manifest.ID) (uint32, error) {
	if id.Name == "" {
		return id.Number, nil
	}
	number, ok := ids[id.Name]
	if !ok {
		return 0, fmt.Errorf("%w: no entry is named %q; use a number or the name of an entry", ErrUnknownID, id.Name)
	}
	return number, nil
}
