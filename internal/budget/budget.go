// Package budget bounds the memory and the disk that the input of one run may take.
//
// Manifests and images are foreign, and a few bytes of them can stand for gigabytes. Every
// step that retains what they contain spends from the one budget of the run, whatever the
// number of images, and gets an error in time. A nil Budget has no bounds.
package budget

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Bounds of one run.
const (
	// DefaultDisk is that of --max-size, in bytes.
	DefaultDisk = 8 << 30
	// maxMemory bounds what is retained of names, attributes and small contents, in bytes.
	// The process needs about twice as much, for the garbage collector.
	maxMemory = 160 << 20
	// maxEntries bounds the entries of all archives. A LinuxKit system has some 10,000.
	maxEntries = 600_000
)

// ErrExceeded is wrapped by the errors of this package.
var ErrExceeded = errors.New("too large")

// Budget is what is left of the bounds. It is safe for concurrent use.
type Budget struct {
	maxDisk               int64
	memory, disk, entries atomic.Int64 // spent
}

// New returns the budget of one run. maxDisk is in bytes; 0 stands for DefaultDisk.
func New(maxDisk int64) *Budget {
	if maxDisk == 0 {
		maxDisk = DefaultDisk
	}
	return &Budget{maxDisk: maxDisk}
}

// Memory spends bytes of memory; a negative number returns them. The error wraps
// ErrExceeded.
func (b *Budget) Memory(bytes int64) error {
	if b == nil || b.memory.Add(bytes) <= maxMemory {
		return nil
	}
	return fmt.Errorf("%w: the manifest and its images take more than %d MiB of memory "+
		"for names, attributes and small files; use smaller images", ErrExceeded, maxMemory>>20)
}

// Disk spends bytes of disk. Holes of sparse files count, as most formats write them. The
// error wraps ErrExceeded.
func (b *Budget) Disk(bytes int64) error {
	if b == nil || b.disk.Add(bytes) <= b.maxDisk {
		return nil
	}
	return fmt.Errorf("%w: layers, files of images and outputs take more than %d MiB of disk; raise --max-size if that is intended",
		ErrExceeded, b.maxDisk>>20)
}

// Entry counts one entry of an archive. The error wraps ErrExceeded.
func (b *Budget) Entry() error {
	if b == nil || b.entries.Add(1) <= maxEntries {
		return nil
	}
	return fmt.Errorf("%w: the layers have more than %d entries", ErrExceeded, maxEntries)
}

// Writer returns a writer that spends what it writes as disk.
func (b *Budget) Writer(w io.Writer) io.Writer { return writer{budget: b, w: w} }

type writer struct {
	budget *Budget
	w      io.Writer
}

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	if err := w.budget.Disk(int64(len(p))); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}
