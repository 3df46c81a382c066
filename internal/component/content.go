package component

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// contentFile holds the contents of an image's files, one after the other. Blocks of zeros
// are holes.
type contentFile struct {
	file   *os.File
	size   int64
	budget *budget.Budget
}

// store appends the content of one file. It implements StoreFunc.
func (s *contentFile) store(h *tar.Header, content io.Reader) (io.ReaderAt, error) {
	if h.Size > maxFileBytes {
		return nil, fmt.Errorf("%w: a file of %d bytes; the limit is 4 GiB", tree.ErrTooLarge, h.Size)
	}
	if err := s.budget.Disk(h.Size); err != nil {
		return nil, err
	}
	w := &sparseWriter{file: s.file, offset: s.size}
	_, err := io.CopyBuffer(w, struct{ io.Reader }{content}, make([]byte, 64<<10))
	if err == nil {
		err = w.close()
	}
	stored := io.NewSectionReader(s.file, s.size, w.offset-s.size)
	s.size = w.offset
	var disk *fs.PathError // a failed write, not a fault of the image
	if err != nil && !errors.As(err, &disk) {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return stored, err
}

// sparseWriter writes to a file from an offset on, and leaves holes for zeros.
type sparseWriter struct {
	file   *os.File
	offset int64
	hole   bool // the last bytes are one, which may be beyond the end of the file
}

// holeBytes is the unit of holes, the block size of common file systems.
const holeBytes = 4096

var zeros [holeBytes]byte

// Write implements io.Writer.
func (w *sparseWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n, hole := run(p)
		if !hole {
			if _, err := w.file.WriteAt(p[:n], w.offset); err != nil {
				return written, err
			}
		}
		w.hole = hole
		w.offset += int64(n)
		written += n
		p = p[n:]
	}
	return written, nil
}

// run returns the length of the first blocks of p that are all zeros, or all are not.
func run(p []byte) (n int, hole bool) {
	for n < len(p) {
		block := p[n:min(n+holeBytes, len(p))]
		zero := len(block) == holeBytes && bytes.Equal(block, zeros[:])
		if n == 0 {
			hole = zero
		}
		if zero != hole {
			break
		}
		n += len(block)
	}
	return n, hole
}

// close extends the file where it ends in a hole.
func (w *sparseWriter) close() error {
	if !w.hole {
		return nil
	}
	info, err := w.file.Stat()
	if err != nil || info.Size() >= w.offset {
		return err
	}
	return w.file.Truncate(w.offset)
}
