package artifacts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/workspace"
)

// Folder is an output folder whose files are replaced together. They are written to a
// hidden staging folder inside it, synced, and renamed by Commit. The file that describes
// the others is removed first and renamed last, so it never describes old files.
type Folder struct {
	dir, staging *os.Root
	name         string   // of the staging folder in dir
	lock         *os.File // locked until the process ends: an unlocked staging folder is stale
	files        []string
}

// OpenFolder creates the folder if it does not exist, and removes stale staging folders of
// the same name. No symbolic link is followed. The caller must call Abandon, also after
// Commit.
func OpenFolder(path, name string) (_ *Folder, err error) {
	dir, err := workspace.OpenDir(path)
	if err != nil {
		return nil, err
	}
	prefix := "." + name + "-making-"
	removeStale(dir, prefix)
	f := &Folder{dir: dir, name: prefix + rand.Text()}
	if err = dir.Mkdir(f.name, 0o700); err == nil {
		f.staging, err = dir.OpenRoot(f.name)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	f.lock, _ = lockFolder(f.staging) // a file system without locks has no stale folders to detect
	return f, nil
}

// Abandon removes the files that are not committed.
func (f *Folder) Abandon() {
	f.dir.RemoveAll(f.name)
	f.lock.Close()
	f.staging.Close()
	f.dir.Close()
}

// removeStale removes the staging folders of processes that were killed.
func removeStale(dir *os.Root, prefix string) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return // the folders remain; creating a file will report the fault
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		staging, err := dir.OpenRoot(e.Name())
		if err != nil {
			continue
		}
		if lock, err := lockFolder(staging); err == nil {
			dir.RemoveAll(e.Name())
			lock.Close()
		}
		staging.Close()
	}
}

// lockFolder locks a staging folder. It fails if another process has locked it. Closing
// the file unlocks it.
func lockFolder(staging *os.Root) (*os.File, error) {
	f, err := staging.Open(".")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", staging.Name(), err)
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
		return m.hashFile(f.staging, base)
	})
}

func (f *Folder) add(
	ctx context.Context, base string, task progress.Task, write func(*os.File, *meter) error,
) (File, error) {
	out, err := f.staging.OpenFile(base, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
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
func (f *Folder) Staged(base string) string { return filepath.Join(f.dir.Name(), f.name, base) }

// Commit renames every file to its place, and the one named last at the end.
func (f *Folder) Commit(last string) error {
	for _, base := range f.files {
		if err := workspace.Replaceable(f.dir, base); err != nil {
			return err
		}
	}
	if err := f.dir.Remove(last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(f.files), func(base string) bool { return base == last })
	for _, base := range append(others, last) {
		if err := f.dir.Rename(path.Join(f.name, base), base); err != nil {
			return err
		}
	}
	return workspace.Sync(f.dir)
}

// WriteFile writes one file that belongs to no build, atomically. A FIFO or a device
// outside the repository is written directly; a symbolic link is rejected.
func WriteFile(ctx context.Context, name string, task progress.Task, write func(io.Writer) error) error {
	if f, err := workspace.OpenDevice(name); err != nil || f != nil {
		return writeDevice(f, err, task, write)
	}
	base := filepath.Base(name)
	folder, err := OpenFolder(filepath.Dir(name), base)
	if err != nil {
		return err
	}
	defer folder.Abandon()
	if _, err := folder.Add(ctx, base, task, write); err != nil {
		return err
	}
	return folder.Commit(base)
}

func writeDevice(out *os.File, err error, task progress.Task, write func(io.Writer) error) error {
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
func (m *meter) hashFile(dir *os.Root, base string) error {
	f, err := dir.Open(base)
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
