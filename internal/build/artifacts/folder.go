package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/org/linuxkit-action/internal/atomicfile"
	"github.com/org/linuxkit-action/internal/progress"
)

// Folder is an output folder in which files appear whole or not at all. They are
// written to a hidden folder inside it, synced, and moved at the end; the one that
// describes the others goes first and comes last, so that it never speaks of files
// which are not those beside it.
type Folder struct {
	dir, staging string
	lock         *os.File // held as long as we live, so that what a killed run left can be told
	files        []string
}

// OpenFolder makes the folder where it is missing. Abandon must be called.
func OpenFolder(dir, name string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	prefix := filepath.Join(dir, "."+name+"-making-")
	sweep(prefix)
	staging, err := os.MkdirTemp(dir, filepath.Base(prefix))
	if err != nil {
		return nil, err
	}
	lock, _ := hold(staging)
	return &Folder{dir: dir, staging: staging, lock: lock}, nil
}

// Abandon removes what was not committed.
func (f *Folder) Abandon() {
	os.RemoveAll(f.staging)
	f.lock.Close()
}

// sweep removes what runs left that were killed.
func sweep(prefix string) {
	left, err := filepath.Glob(prefix + "*")
	if err != nil {
		return // a name that is a pattern: what it left stays
	}
	for _, staging := range left {
		if lock, ours := hold(staging); ours {
			os.RemoveAll(staging)
			lock.Close()
		}
	}
}

// hold locks a hidden folder, if nobody else holds it.
func hold(staging string) (lock *os.File, ours bool) {
	lock, err := os.Open(staging)
	if err != nil {
		return nil, false
	}
	return lock, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// Add writes one file, aside, and returns its path, size and hash.
func (f *Folder) Add(ctx context.Context, base string, task progress.Task, write func(io.Writer) error) (File, error) {
	out, err := os.OpenFile(filepath.Join(f.staging, base), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return File{}, err
	}
	defer out.Close()
	m := newMeter(ctx, task)
	err = write(io.MultiWriter(m, out))
	if err == nil {
		err = out.Sync()
	}
	task.Done(err == nil)
	f.files = append(f.files, base)
	return m.file(base), err
}

// AddFile is Add for a writer that seeks, or that lets another program write to the name
// of the file. The hash is computed once the file is complete.
func (f *Folder) AddFile(ctx context.Context, base string, task progress.Task, write func(*os.File) error) (File, error) {
	out, err := os.OpenFile(filepath.Join(f.staging, base), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return File{}, err
	}
	defer out.Close()
	m := newMeter(ctx, task)
	if err = write(out); err == nil {
		err = m.hashFile(out.Name())
	}
	task.Done(err == nil)
	f.files = append(f.files, base)
	return m.file(base), err
}

// Staged returns where a file lies that was added and not yet committed.
func (f *Folder) Staged(base string) string { return filepath.Join(f.staging, base) }

// Commit moves every file to its place, the one named last at the end.
func (f *Folder) Commit(last string) error {
	if err := os.Remove(filepath.Join(f.dir, last)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(f.files), func(base string) bool { return base == last })
	for _, base := range append(others, last) {
		if err := os.Rename(filepath.Join(f.staging, base), filepath.Join(f.dir, base)); err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(f.dir)
}

// WriteFile writes one file that is of no build. It appears whole or not at all; what
// is no regular file, such as a pipe or a device, is written to as it is.
func WriteFile(ctx context.Context, path string, task progress.Task, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeInto(path, task, write)
	}
	base := filepath.Base(path)
	folder, err := OpenFolder(filepath.Dir(path), base)
	if err != nil {
		return err
	}
	defer folder.Abandon()
	if _, err := folder.Add(ctx, base, task, write); err != nil {
		return err
	}
	return folder.Commit(base)
}

func writeInto(path string, task progress.Task, write func(io.Writer) error) error {
	out, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	err = write(out)
	task.Done(err == nil)
	return err
}

// meter hashes and counts what is written to it, and fails once the run is cancelled.
type meter struct {
	cancelled func() error
	task      progress.Task
	hash      hash.Hash
	size      int64
}

func newMeter(ctx context.Context, task progress.Task) *meter {
	return &meter{cancelled: ctx.Err, task: task, hash: sha256.New()}
}

// hashFile syncs and reads a file, which another program may have replaced.
func (m *meter) hashFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	_, err = io.Copy(m, f)
	return err
}

// file describes what was metered.
func (m *meter) file(base string) File {
	return File{Path: base, SHA256: hex.EncodeToString(m.hash.Sum(nil)), Size: m.size}
}

func (m *meter) Write(p []byte) (int, error) {
	if err := m.cancelled(); err != nil {
		return 0, err
	}
	m.size += int64(len(p))
	m.task.Add(int64(len(p)))
	return m.hash.Write(p)
}
