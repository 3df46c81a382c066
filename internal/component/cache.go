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
)

// Cache keeps blobs in a folder as an OCI image layout does: blobs/sha256/DIGEST.
// A blob appears there whole or not at all, and is hashed again whenever it is
// opened, so several runs may share a cache, and a damaged one heals.
type Cache struct{ dir string }

// staleAfter is when what a killed run left half-fetched is swept.
const staleAfter = 24 * time.Hour

// OpenCache makes the folder where it is missing.
func OpenCache(dir string) (*Cache, error) {
	c := &Cache{dir}
	for _, sub := range []string{"blobs/sha256", "ingest"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cache: %w; name another folder with --cache", err)
		}
	}
	layout := filepath.Join(dir, "oci-layout")
	if _, err := os.Stat(layout); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(layout, []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
			return nil, fmt.Errorf("cache: %w; name another folder with --cache", err)
		}
	}
	c.sweep()
	return c, nil
}

// sweep removes what killed runs left.
func (c *Cache) sweep() {
	entries, _ := os.ReadDir(filepath.Join(c.dir, "ingest"))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			os.Remove(filepath.Join(c.dir, "ingest", e.Name()))
		}
	}
}

func (c *Cache) path(digest v1.Hash) string {
	return filepath.Join(c.dir, "blobs", digest.Algorithm, digest.Hex)
}

// open returns the blob if it is there and what its digest says. A damaged one is
// taken out.
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
	os.Remove(c.path(d.Digest))
	return nil, false
}

// add stores a blob from r and returns it, open. The error wraps ErrDigest where
// the bytes are not what the descriptor says; then nothing is stored.
func (c *Cache) add(d v1.Descriptor, r io.Reader) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "ingest"), d.Digest.Hex+"-")
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it has its final name
	if err := c.fill(f, d, r); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (c *Cache) fill(f *os.File, d v1.Descriptor, r io.Reader) error {
	if err := check(io.TeeReader(r, f), d); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	if err := os.Rename(f.Name(), c.path(d.Digest)); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// spool returns a nameless file: it is gone when it is closed, or we are killed.
func (c *Cache) spool() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "ingest"), "spool-")
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return f, os.Remove(f.Name())
}

// check reads r to its end and compares what came with the descriptor. It reads at
// most one byte more than promised.
func check(r io.Reader, d v1.Descriptor) error {
	if d.Digest.Algorithm != "sha256" {
		return fmt.Errorf("%w: %s: only sha256 is understood", ErrMalformed, d.Digest)
	}
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(r, d.Size+1))
	if err != nil {
		return err
	}
	if n > d.Size {
		return fmt.Errorf("%w: %s has more than the %d bytes its image says", ErrDigest, d.Digest, d.Size)
	}
	if n < d.Size {
		return fmt.Errorf("%w: %s has %d bytes, its image says %d", ErrDigest, d.Digest, n, d.Size)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != d.Digest.Hex {
		return fmt.Errorf("%w: the bytes of %s hash to sha256:%s", ErrDigest, d.Digest, got)
	}
	return nil
}
