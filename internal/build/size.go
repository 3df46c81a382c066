package build

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/budget"
)

// SizeRule determines the size of a disk image. The zero value is for a format without a
// disk: --size does not apply to it.
type SizeRule struct {
	Unit    int64 // the size is a multiple of it, in bytes; 0: the format has no disk
	Default int64 // minimum without --size, in bytes; 0: as large as the content
}

func (r SizeRule) applies() bool { return r.Unit > 0 }

// String describes the rule for docs/formats.md.
func (r SizeRule) String() string {
	switch {
	case !r.applies():
		return "–"
	case r.Default > 0:
		return fmt.Sprintf("%dM or more", r.Default>>20)
	}
	return "that of the content, or `--size`"
}

// resolve returns the size of a disk whose content takes so many bytes. requested is
// --size, or 0.
func (r SizeRule) resolve(requested, content int64) (int64, error) {
	roundUp := func(n int64) int64 { return (n + r.Unit - 1) / r.Unit * r.Unit }
	if requested > 0 && requested < content {
		return 0, fmt.Errorf("%w: --size: the image needs %dM, got %dM; raise --size, or omit it",
			ErrUsage, roundUp(content)>>20, requested>>20)
	}
	if requested == 0 {
		requested = max(r.Default, content)
	}
	return roundUp(requested), nil
}

// DiskFile is the file of an Output that can seek. It is in the staging folder until
// the build commits it. A host tool may write to its Name.
type DiskFile struct {
	*os.File
	rule      SizeRule
	requested int64
	budget    *budget.Budget
}

// Allocate sets the size of the file for content of so many bytes, and returns it. The
// file is sparse.
func (f *DiskFile) Allocate(content int64) (int64, error) {
	size, err := f.rule.resolve(f.requested, content)
	if err != nil {
		return 0, err
	}
	if err := f.budget.Disk(content); err != nil {
		return 0, err
	}
	return size, f.Truncate(size)
}

// sizePattern is LinuxKit's notation of a disk size.
var sizePattern = regexp.MustCompile(`^[1-9][0-9]{0,5}[MG]?$`)

// ParseSize parses --size as LinuxKit does: 512M or 2G; a number alone is in G. Both units
// are binary. It returns bytes, and 0 for the empty text.
func ParseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if !sizePattern.MatchString(text) {
		return 0, fmt.Errorf("%w: --size %q must be a number followed by M or G, such as 1024M; a number alone is in G",
			ErrUsage, text)
	}
	number, inMega := strings.CutSuffix(text, "M")
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "G"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: --size %q: %w", ErrUsage, text, err)
	}
	if inMega {
		return n << 20, nil
	}
	return n << 30, nil
}
