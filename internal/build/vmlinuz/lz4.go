package vmlinuz

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/pierrec/lz4/v4"
)

const (
	lz4Magic = 0x184c2102
	lz4Block = 8 << 20
)

// lz4Reader reads the legacy frame of lz4, the only one in kernels (lib/decompress_unlz4.c):
// blocks of up to 8 MiB, each after its compressed size. The magic number may replace a
// size any number of times. This reader skips it in a loop; lz4.Reader recurses.
type lz4Reader struct {
	r      io.Reader
	packed []byte
	plain  []byte
	rest   []byte // unread part of plain
}

func openLZ4(r io.Reader) (io.Reader, error) {
	return &lz4Reader{r: r, packed: make([]byte, lz4.CompressBlockBound(lz4Block)), plain: make([]byte, lz4Block)}, nil
}

func (l *lz4Reader) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *lz4Reader) next() error {
	var word [4]byte
	if _, err := io.ReadFull(l.r, word[:]); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint32(word[:])
	switch {
	case size == lz4Magic:
		return nil
	case int64(size) > int64(len(l.packed)):
		return fmt.Errorf("block of %d bytes exceeds the maximum of %d", size, len(l.packed))
	}
	if _, err := io.ReadFull(l.r, l.packed[:size]); err != nil {
		return io.ErrUnexpectedEOF
	}
	n, err := lz4.UncompressBlock(l.packed[:size], l.plain)
	l.rest = l.plain[:max(n, 0)]
	return err
}
