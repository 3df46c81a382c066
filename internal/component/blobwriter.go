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

// blobWriter writes one blob into the cache, like content.Writer of containerd. It hashes
// what it writes. After an interruption the file stays, and the next run that needs the
// blob resumes it.
type blobWriter struct {
	cache  *Cache
	desc   v1.Descriptor
	file   *os.File
	hash   hash.Hash
	offset int64 // bytes so far
	named  bool  // the file is locked, and has the name that other runs look for
	resume bool  // the file has content of an earlier run
}

// newWriter opens the unfinished download of a blob. Where another process has it locked,
// or it cannot be used, the writer gets a file of its own, so no process waits for another.
func (c *Cache) newWriter(d v1.Descriptor) (*blobWriter, error) {
	w := &blobWriter{cache: c, desc: d, hash: sha256.New()}
	ingest := filepath.Join(c.dir, "ingest")
	var err error
	if w.file, err = openLocked(filepath.Join(ingest, d.Digest.Hex+".partial"), os.O_CREATE); err == nil {
		w.named = true
		if err = w.hashExisting(); err != nil {
			w.abort(err)
			return nil, err
		}
		return w, nil
	}
	if w.file, err = os.CreateTemp(ingest, d.Digest.Hex+"-"); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return w, nil
}

// hashExisting hashes the content of an earlier run. It drops what cannot be read, or is
// longer than the blob.
func (w *blobWriter) hashExisting() error {
	n, err := io.Copy(w.hash, io.LimitReader(w.file, w.desc.Size+1))
	if err != nil || n > w.desc.Size {
		return w.reset()
	}
	w.offset, w.resume = n, n > 0
	return nil
}

// readFrom writes what r has, but at most one byte beyond the size of the blob.
func (w *blobWriter) readFrom(r io.Reader) error {
	n, err := io.Copy(io.MultiWriter(w.file, w.hash), io.LimitReader(r, w.desc.Size-w.offset+1))
	w.offset += n
	return err
}

// reset drops the content.
func (w *blobWriter) reset() error {
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("cache: %w", err)
	}
	w.hash.Reset()
	w.offset, w.resume = 0, false
	return w.file.Truncate(0)
}

// commit verifies the content, moves it to its place in the cache, and returns it open. The
// caller closes it. The error wraps ErrDigest where the descriptor does not match.
func (w *blobWriter) commit() (*os.File, error) {
	if err := verifyDescriptor(w.desc, w.offset, w.hash.Sum(nil)); err != nil {
		return nil, err
	}
	if err := w.file.Sync(); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	if err := os.Rename(w.file.Name(), w.cache.blobPath(w.desc.Digest)); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return w.file, nil
}

// abort closes the file because of err. The content stays where the next run can resume it.
func (w *blobWriter) abort(err error) {
	if !w.named || w.offset == 0 || !resumable(err) {
		os.Remove(w.file.Name()) // while it is locked: later the name may belong to another run
	}
	w.file.Close()
}

// resumable reports whether a download failed for a reason outside its content.
func resumable(err error) bool {
	for _, kind := range []error{ErrUnavailable, ErrOffline, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
