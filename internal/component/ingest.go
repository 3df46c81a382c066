package component

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ingest is a blob on its way into the cache. What has come of it stays when the
// connection breaks, hashed as it came.
type ingest struct {
	cache *Cache
	d     v1.Descriptor
	file  *os.File
	hash  hash.Hash
	size  int64 // so far
}

func (c *Cache) ingest(d v1.Descriptor) (*ingest, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "ingest"), d.Digest.Hex+"-")
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &ingest{cache: c, d: d, file: f, hash: sha256.New()}, nil
}

// take reads what follows, to its end, but at most one byte more than the blob may have.
func (i *ingest) take(r io.Reader) error {
	n, err := io.Copy(io.MultiWriter(i.file, i.hash), io.LimitReader(r, i.d.Size-i.size+1))
	i.size += n
	return err
}

// restart forgets what has come.
func (i *ingest) restart() error {
	if _, err := i.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	i.hash.Reset()
	i.size = 0
	return i.file.Truncate(0)
}

// commit gives the blob its place and returns it, open, which the caller closes. The
// error wraps ErrDigest where the bytes are not what the descriptor says.
func (i *ingest) commit() (*os.File, error) {
	if err := compare(i.d, i.size, i.hash.Sum(nil)); err != nil {
		return nil, err
	}
	if err := i.file.Sync(); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if err := os.Rename(i.file.Name(), i.cache.path(i.d.Digest)); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if _, err := i.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return i.file, nil
}

// abort leaves nothing.
func (i *ingest) abort() {
	i.file.Close()
	os.Remove(i.file.Name())
}
