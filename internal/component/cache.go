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

// Cache is a content store in a directory, laid out as an OCI image layout:
// blobs/sha256/DIGEST. Unfinished downloads are in ingest, where the next run resumes them.
//
// Processes may share a cache, and be killed at any time: a blob appears whole or not at
// all. Its digest is verified whenever it is opened, and a damaged blob is fetched again.
type Cache struct{ dir string }

// staleAfter is the age at which files in ingest are removed. A running download writes to
// its file or locks it, so its file is never that old.
const staleAfter = 24 * time.Hour

// OpenCache opens the cache in dir, and creates it where it is missing.
func OpenCache(dir string) (*Cache, error) {
	c := &Cache{dir: dir}
	for _, sub := range []string{"blobs/sha256", "answers", "ingest"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cache: %w; use another directory with --cache", err)
		}
	}
	layout := filepath.Join(dir, "oci-layout")
	if _, err := os.Stat(layout); errors.Is(err, fs.ErrNotExist) {
		if err := c.writeFile(layout, []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
			return nil, fmt.Errorf("%w; use another directory with --cache", err)
		}
	}
	c.removeStale()
	return c, nil
}

// removeStale removes unfinished downloads that no run has resumed since.
func (c *Cache) removeStale() {
	entries, _ := os.ReadDir(filepath.Join(c.dir, "ingest"))
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			removeUnlocked(filepath.Join(c.dir, "ingest", e.Name()))
		}
	}
}

// removeUnlocked removes a file unless another process has locked it.
func removeUnlocked(path string) {
	f, err := openLocked(path, 0)
	if errors.Is(err, errLocked) {
		return
	}
	os.Remove(path)
	if err == nil {
		f.Close()
	}
}

func (c *Cache) blobPath(digest v1.Hash) string {
	return filepath.Join(c.dir, "blobs", digest.Algorithm, digest.Hex)
}

// openBlob returns the blob if it is in the cache and matches its descriptor. A damaged one
// stays until the download replaces it; another process may have done so by now.
func (c *Cache) openBlob(d v1.Descriptor) (*os.File, bool) {
	f, err := os.Open(c.blobPath(d.Digest))
	if err != nil {
		return nil, false
	}
	if err := verifyContent(f, d); err == nil {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			return f, true
		}
	}
	f.Close()
	return nil, false
}

// writeFile writes a file of the cache, whole or not at all.
func (c *Cache) writeFile(path string, content []byte) error {
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

// tempFile returns a file without a name, which is freed on Close.
func (c *Cache) tempFile() (*os.File, error) {
	f, err := atomicfile.Anonymous(filepath.Join(c.dir, "ingest"))
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return f, nil
}

// digestOf returns the digest of a small content.
func digestOf(content []byte) v1.Hash {
	sum := sha256.Sum256(content)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// verifyContent reads r to its end, but at most one byte beyond the size of the descriptor,
// and compares the content with the descriptor.
func verifyContent(r io.Reader, d v1.Descriptor) error {
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(r, d.Size+1))
	if err != nil {
		return err
	}
	return verifyDescriptor(d, n, hash.Sum(nil))
}

// verifyDescriptor compares size and digest with a descriptor. The error wraps ErrDigest.
func verifyDescriptor(d v1.Descriptor, size int64, sum []byte) error {
	switch got := hex.EncodeToString(sum); {
	case d.Digest.Algorithm != "sha256":
		return fmt.Errorf("%w: %s: unsupported digest algorithm; use sha256", ErrMalformed, d.Digest)
	case size > d.Size:
		return fmt.Errorf("%w: %s: more than the %d bytes of its descriptor", ErrDigest, d.Digest, d.Size)
	case size < d.Size:
		return fmt.Errorf("%w: %s: %d bytes, but %d in its descriptor", ErrDigest, d.Digest, size, d.Size)
	case got != d.Digest.Hex:
		return fmt.Errorf("%w: got sha256:%s, want %s", ErrDigest, got, d.Digest)
	}
	return nil
}
