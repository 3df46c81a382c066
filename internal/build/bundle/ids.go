package bundle

import (
	"errors"
	"fmt"

	"github.com/org/linuxkit-action/internal/manifest"
)

// firstID is LinuxKit's.
const firstID = 100

// ErrUnknownID is wrapped by the error for an id that is the name of nobody.
var ErrUnknownID = errors.New("unknown id")

// IDs are the user ids, which are group ids too, that names of entries stand for.
type IDs map[string]uint32

// Allocate gives one id to each entry, from 100 up, in the order of the sections.
// Where a name comes twice, the last one has it.
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

// Find returns the number of an id of the manifest.
func (ids IDs) Find(id manifest.ID) (uint32, error) {
	if id.Name == "" {
		return id.Number, nil
	}
	number, ok := ids[id.Name]
	if !ok {
		return 0, fmt.Errorf("%w: no entry is called %q, so it has no id; write a number", ErrUnknownID, id.Name)
	}
	return number, nil
}
