package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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

// Folder is an output folder whose files are replaced together. They are written to a
// hidden staging folder inside it, synced, and renamed by Commit. The file that describes
// the others is removed first and renamed last, so it never describes old files.
type Folder struct {
	dir, staging string
	lock         *os.File // locked until the process ends: an unlocked staging folder is stale
	files        []string
}

// OpenFolder creates the folder if it does not exist, and removes stale staging folders of
// the same name. The caller must call Abandon, also after Commit.
func OpenFolder(dir, name string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	prefix := filepath.Join(dir, "."+name+"-making-")
	removeStale(prefix)
	staging, err := os.MkdirTemp(dir, filepath.Base(prefix))
	if err != nil {
		return nil, err
	}
	lock, _ := lockFolder(staging) // a file system without locks has no stale folders to detect
	return &Folder{dir: dir, staging: staging, lock: lock}, nil
}

// Abandon removes the files that are not committed.
func (f *Folder) Abandon() {
	os.RemoveAll(f.staging)
	f.lock.Close()
}

// removeStale removes the staging folders of processes that were killed.
func removeStale(prefix string) {
	folders, err := filepath.Glob(prefix + "*")
	if err != nil {
		return // the name is not a valid pattern; its stale folders remain
	}
	for _, staging := range folders {
		if lock, err := lockFolder(staging); err == nil {
			os.RemoveAll(staging)
			lock.Close()
		}
	}
}

// lockFolder locks a staging folder. It fails if another process has locked it. Closing
// the file unlocks it.
func lockFolder(staging string) (*os.File, error) {
	f, err := os.Open(staging)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", staging, err)
	}
	return f, nil
}

// Add writes one file to the staging folder as a stream, and returns its path, size and
// hash.
func (f *Folder) Add(ctx context.Context, base string, task progress.Task, write func(io.Writer) error) (File, error) {
	return f.add(ctx, base, task, func(out *os.File, m *meter) error {
		if err := write(io.MultiWriter(m, out)); err != nil {
			return err
		}
		return out.Sync()
	})
}

// AddFile is Add for a writer that seeks, or that lets another program write to the name
// of the file. The hash is computed once the file is complete.
func (f *Folder) AddFile(ctx context.Context, base string, task progress.Task, write func(*os.File) error) (File, error) {
	return f.add(ctx, base, task, func(out *os.File, m *meter) error {
		if err := write(out); err != nil {
			return err
		}
		return m.hashFile(out.Name())
	})
}

func (f *Folder) add(
	ctx context.Context, base string, task progress.Task, write func(*os.File, *meter) error,
) (File, error) {
	out, err := os.OpenFile(filepath.Join(f.staging, base), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return File{}, err
	}
	defer out.Close()
	m := &meter{cancelled: ctx.Err, task: task, hash: sha256.New()}
	err = write(out, m)
	task.Done(err == nil)
	f.files = append(f.files, base)
	return File{Path: base, SHA256: hex.EncodeToString(m.hash.Sum(nil)), Size: m.size}, err
}

// Staged returns the path of a file that is not committed yet.
func (f *Folder) Staged(base string) string { return filepath.Join(f.staging, base) }

// Commit renames every file to its place, and the one named last at the end.
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

// WriteFile writes one file that belongs to no build, atomically. A symbolic link is
// followed. A file that is not regular, such as a pipe or a device, is written directly.
func WriteFile(ctx context.Context, path string, task progress.Task, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeDirectly(path, task, write)
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

func writeDirectly(path string, task progress.Task, write func(io.Writer) error) error {
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

func (m *meter) Write(p []byte) (int, error) {
	if err := m.cancelled(); err != nil {
		return 0, err
	}
	m.size += int64(len(p))
	m.task.Add(int64(len(p)))
	return m.hash.Write(p)
}
