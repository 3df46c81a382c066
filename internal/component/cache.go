package component

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/atomicfile"
)

// Cache keeps blobs in a folder as an OCI image layout does: blobs/sha256/DIGEST.
// A blob appears there whole or not at all, and is hashed again whenever it is
// opened, so several runs may share a cache, any of them may be killed at any moment,
// and a damaged blob heals. What a killed run had fetched of a blob lies in ingest, for
// the next run to go on with.
type Cache struct{ dir string }

// staleAfter is when what a killed run left half-fetched is swept. A download that
// lives writes to its file, so it is never that old, or holds it.
const staleAfter = 24 * time.Hour

// OpenCache makes the folder where it is missing.
func OpenCache(dir string) (*Cache, error) {
	c := &Cache{dir}
	for _, sub := range []string{"blobs/sha256", "answers", "ingest"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cache: %w; name another folder with --cache", err)
		}
	}
	layout := filepath.Join(dir, "oci-layout")
	if _, err := os.Stat(layout); errors.Is(err, fs.ErrNotExist) {
		if err := c.write(layout, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
			return nil, fmt.Errorf("%w; name another folder with --cache", err)
		}
	}
	c.sweep()
	return c, nil
}

// sweep removes what killed runs left and nobody has gone on with since.
func (c *Cache) sweep() {
	entries, _ := os.ReadDir(filepath.Join(c.dir, "ingest"))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			drop(filepath.Join(c.dir, "ingest", e.Name()))
		}
	}
}

// drop removes a file, unless a run has begun to go on with it.
func drop(path string) {
	f, err := hold(path, 0)
	if errors.Is(err, errHeld) {
		return
	}
	os.Remove(path)
	if err == nil {
		f.Close()
	}
}

func (c *Cache) path(digest v1.Hash) string {
	return filepath.Join(c.dir, "blobs", digest.Algorithm, digest.Hex)
}

// open returns the blob if it is there and what its digest says. A damaged one is left
// where it is: what is fetched instead takes its place, and by now another run may have
// put a good one there.
func (c *Cache) open(d v1.Descriptor) (*os.File, bool) {
	f, err := os.Open(c.path(d.Digest))
	if err != nil {
		return nil, false
	}
	if err := check(f, d); err == nil {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			return f, true
		}
	}
	f.Close()
	return nil, false
}

// write puts a small file into the cache, whole or not at all.
func (c *Cache) write(path string, content []byte) error {
	f, err := atomicfile.CreateIn(filepath.Join(c.dir, "ingest"), path, 0o600)
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	defer f.Close()
	if _, err = f.Write(content); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	return nil
}

// spool returns a nameless file: it is gone when it is closed, or we are killed.
func (c *Cache) spool() (*os.File, error) {
	f, err := atomicfile.Anonymous(filepath.Join(c.dir, "ingest"))
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return f, nil
}

// check reads r to its end and compares what came with the descriptor. It reads at
// most one byte more than promised.
func check(r io.Reader, d v1.Descriptor) error {
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(r, d.Size+1))
	if err != nil {
		return err
	}
	return compare(d, n, hash.Sum(nil))
}

// compare holds what came against the descriptor. The error wraps ErrDigest.
func compare(d v1.Descriptor, size int64, sum []byte) error {
	switch got := hex.EncodeToString(sum); {
	case d.Digest.Algorithm != "sha256":
		return fmt.Errorf("%w: %s: only sha256 is understood", ErrMalformed, d.Digest)
	case size > d.Size:
		return fmt.Errorf("%w: %s has more than the %d bytes its image says", ErrDigest, d.Digest, d.Size)
	case size < d.Size:
		return fmt.Errorf("%w: %s has %d bytes, its image says %d", ErrDigest, d.Digest, size, d.Size)
	case got != d.Digest.Hex:
		return fmt.Errorf("%w: the bytes of %s hash to sha256:%s", ErrDigest, d.Digest, got)
	}
	return nil
}
