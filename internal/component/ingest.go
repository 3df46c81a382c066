package component

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ingest is a blob on its way into the cache. What has come of it stays when the
// connection breaks, hashed as it came, and when the run is killed: then the next run
// that wants the blob goes on where this one was.
type ingest struct {
	cache     *Cache
	d         v1.Descriptor
	file      *os.File
	hash      hash.Hash
	size      int64 // so far
	named     bool  // the file has the name where another run looks for it, and is held
	inherited bool  // an earlier run has fetched some of it
}

// ingest takes over what an earlier run has left of a blob. Where another run is at it
// now, or what lies there is of no use, it begins a file of its own, so nobody waits.
func (c *Cache) ingest(d v1.Descriptor) (*ingest, error) {
	i := &ingest{cache: c, d: d, hash: sha256.New()}
	var err error
	if i.file, err = hold(filepath.Join(c.dir, "ingest", d.Digest.Hex+".partial"), os.O_CREATE); err == nil {
		i.named = true
		if err = i.inherit(); err != nil {
			i.leave(err)
			return nil, err
		}
		return i, nil
	}
	if i.file, err = os.CreateTemp(filepath.Join(c.dir, "ingest"), d.Digest.Hex+"-"); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return i, nil
}

// inherit hashes what is there. What cannot be read, or is more than the blob may have,
// is forgotten.
func (i *ingest) inherit() error {
	n, err := io.Copy(i.hash, io.LimitReader(i.file, i.d.Size+1))
	if err != nil || n > i.d.Size {
		return i.restart()
	}
	i.size, i.inherited = n, n > 0
	return nil
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
	i.size, i.inherited = 0, false
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
	if _, err := i.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if err := os.Rename(i.file.Name(), i.cache.path(i.d.Digest)); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return i.file, nil
}

// leave ends it without the blob, because of err. What has come stays for the next run
// where that may go on with it.
func (i *ingest) leave(err error) {
	if !i.named || i.size == 0 || !resumable(err) {
		os.Remove(i.file.Name()) // while it is held: after that the name may be another's
	}
	i.file.Close()
}

// resumable reports whether a download ended for want of time or an answer, which tells
// nothing against what had come.
func resumable(err error) bool {
	for _, kind := range []error{ErrUnavailable, ErrOffline, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
