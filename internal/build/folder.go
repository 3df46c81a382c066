package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
)

// folder is an output folder in which files appear whole or not at all: they are
// written to a hidden folder inside it, synced, and moved at the end. The artifacts
// file goes first and comes last, so that it never speaks of files that are not
// those beside it.
type folder struct {
	dir, staging string
	name         string
	files        []string
}

func openFolder(dir, name string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	staging, err := os.MkdirTemp(dir, "."+name+"-building-")
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, staging: staging, name: name}, nil
}

// abandon removes what was not published.
func (f *folder) abandon() { os.RemoveAll(f.staging) }

// add writes one file, aside.
func (f *folder) add(ctx context.Context, base string, report progress.Reporter, write func(io.Writer) error) (artifacts.File, error) {
	out, err := os.OpenFile(filepath.Join(f.staging, base), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return artifacts.File{}, err
	}
	defer out.Close()
	task := report.Begin(base, 0)
	sum := &sizedHash{ctx: ctx, task: task, hash: sha256.New()}
	err = write(io.MultiWriter(sum, out))
	if err == nil {
		err = out.Sync()
	}
	task.Done(err == nil)
	f.files = append(f.files, base)
	return artifacts.File{Path: base, SHA256: hex.EncodeToString(sum.hash.Sum(nil)), Size: sum.size}, err
}

// publish moves everything to its place.
func (f *folder) publish(set *artifacts.Set) error {
	list := f.name + artifacts.Suffix
	if err := f.writeList(list, set); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(f.dir, list)); err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, base := range append(f.files, list) {
		if err := os.Rename(filepath.Join(f.staging, base), filepath.Join(f.dir, base)); err != nil {
			return err
		}
	}
	return syncFolder(f.dir)
}

func (f *folder) writeList(base string, set *artifacts.Set) error {
	content, err := set.JSON()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(f.staging, base), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(content); err != nil {
		return err
	}
	return out.Sync()
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// sizedHash hashes and counts, and stops when the run is cancelled.
type sizedHash struct {
	ctx  context.Context
	task progress.Task
	hash interface {
		io.Writer
		Sum([]byte) []byte
	}
	size int64
}

func (s *sizedHash) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	s.size += int64(len(p))
	s.task.Add(int64(len(p)))
	return s.hash.Write(p)
}
