package lock

import (
	"maps"
	"slices"
)

// Change is a reference that does not mean what it meant.
type Change struct {
	Reference string
	Old, New  *Image // nil where the lock did not know it, or does no longer
}

// Changes returns what is different in a newer lock, sorted by reference. A lock that is
// nil knows no image.
func (l *Lock) Changes(newer *Lock) []Change {
	old := map[string]Image{}
	if l != nil {
		old = l.Images
	}
	all := maps.Clone(old)
	maps.Copy(all, newer.Images)
	var changes []Change
	for _, reference := range slices.Sorted(maps.Keys(all)) {
		c := Change{reference, at(old, reference), at(newer.Images, reference)}
		if c.Old == nil || c.New == nil || !c.Old.same(c.New) {
			changes = append(changes, c)
		}
	}
	return changes
}

func at(images map[string]Image, reference string) *Image {
	if image, ok := images[reference]; ok {
		return &image
	}
	return nil
}

// same compares what is said of an image, not where it stood.
func (i *Image) same(other *Image) bool {
	return i.IndexDigest == other.IndexDigest && i.Signer == other.Signer && maps.Equal(i.Platforms, other.Platforms)
}
