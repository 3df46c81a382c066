package lock

import (
	"maps"
	"slices"
)

// Change is a reference whose entry differs between two locks.
type Change struct {
	Reference string
	Old, New  *Image // nil where the lock has no entry
}

// Changes returns the differences to a newer lock, sorted by reference.
func (l *Lock) Changes(newer *Lock) []Change {
	old := map[string]Image{}
	if l != nil {
		old = l.Images
	}
	all := maps.Clone(old)
	maps.Copy(all, newer.Images)
	var changes []Change
	for _, reference := range slices.Sorted(maps.Keys(all)) {
		c := Change{Reference: reference, Old: entry(old, reference), New: entry(newer.Images, reference)}
		if c.Old == nil || c.New == nil || !c.Old.equal(c.New) {
			changes = append(changes, c)
		}
	}
	return changes
}

func entry(images map[string]Image, reference string) *Image {
	if image, ok := images[reference]; ok {
		return &image
	}
	return nil
}

// equal ignores the position in the file.
func (i *Image) equal(other *Image) bool {
	return i.IndexDigest == other.IndexDigest && i.Signer == other.Signer && maps.Equal(i.Platforms, other.Platforms)
}
