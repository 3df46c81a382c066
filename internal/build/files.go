package build

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
)

// files adds the loose files, last, so that they win. Folders above them are made
// where they are missing, and are left as they are where not.
func (l *layout) files() error {
	for i, f := range l.manifest.Files {
		if err := l.file(i, f); err != nil {
			return fmt.Errorf("%s: %s: /%s: %w", f.Place, f.At.Path, f.Clean(), err)
		}
	}
	return nil
}

func (l *layout) file(i int, f manifest.File) error {
	inode, err := l.content(f)
	if inode == nil || err != nil {
		return err
	}
	inode.Perm = f.Perm()
	uid, err := l.ids.Find(f.UID)
	if err != nil {
		return err
	}
	gid, err := l.ids.Find(f.GID)
	if err != nil {
		return err
	}
	inode.UID, inode.GID = int(uid), int(gid)
	inode.Origin = tree.Origin{Source: sourceFiles, Location: location("files", i), Place: f.Place.String()}
	if old, exists := l.Root.Get(f.Clean()); exists && inode.Type != tar.TypeDir && old.Type == tar.TypeDir {
		return fmt.Errorf("is a folder of %s; a file cannot replace it", old.Origin)
	}
	if err := l.parents(f.Clean(), *inode); err != nil {
		return err
	}
	return l.Root.Put(f.Clean(), inode)
}

// parents makes the folders above a file that are missing, as LinuxKit does: its own,
// and open to those who may do anything with it.
func (l *layout) parents(name string, file tree.Inode) error {
	for at := range ancestors(name) {
		if _, exists := l.Root.Get(at); exists {
			continue
		}
		folder := tree.Folder(enterable(file.Perm & 0o777))
		folder.UID, folder.GID = file.UID, file.GID
		if perm, everybodys := systemFolders[at]; everybodys {
			folder = tree.Folder(perm) // a private file must not close /etc
		}
		folder.Origin = file.Origin
		if err := l.Root.Put(at, folder); err != nil {
			return err
		}
	}
	return nil
}

// ancestors yields the folders above a path, the highest first.
func ancestors(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, c := range name {
			if c == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// enterable adds the right to enter for whom there is any right.
func enterable(perm uint32) uint32 {
	for _, class := range []uint32{0o700, 0o070, 0o007} {
		if perm&class != 0 {
			perm |= class & 0o111
		}
	}
	return perm
}

// content returns what the file is made of, or nil where it is optional and missing.
func (l *layout) content(f manifest.File) (*tree.Inode, error) {
	switch {
	case f.Directory:
		return tree.Folder(0), nil
	case f.Symlink != "":
		return tree.Symlink(f.Symlink), nil
	case f.Metadata != "":
		text, err := l.manifest.Dump(f.Metadata)
		return tree.File(0, text), err
	case f.Source == "":
		return tree.File(0, []byte(f.Contents.Value)), nil
	}
	file, size, err := openSource(f, l.opts.AllowOutside)
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l.open = append(l.open, file)
	inode := tree.File(0, nil)
	inode.Size, inode.Data = size, io.NewSectionReader(file, 0, size)
	return inode, nil
}

// openSource opens source: relative to the manifest. Manifests come from strangers,
// so it may not lead out of the repository, not by a symbolic link either.
func openSource(f manifest.File, allowOutside bool) (*os.File, int64, error) {
	if !f.Local() {
		return nil, 0, fmt.Errorf("source %s: the manifest lies at a URL, so it has no folder to look in; give contents", f.Source)
	}
	dir := filepath.Dir(f.Place.File)
	open := os.Open
	name := atHome(f.Source)
	if allowOutside {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
	} else {
		root, inside, err := repository(dir, name)
		if err != nil {
			return nil, 0, err
		}
		defer root.Close()
		open, name = root.Open, inside
	}
	file, err := open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; make it, or say optional: true", fs.ErrNotExist)
		}
		return nil, 0, fmt.Errorf("source %s: %w", f.Source, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("source %s is no regular file", f.Source)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// atHome replaces ~ as LinuxKit does.
func atHome(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return name
}

// repository opens the root of the git repository around dir, or dir itself where
// there is none, and returns the path of source inside it.
func repository(dir, source string) (*os.Root, string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, "", err
	}
	top := dir
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			top = at
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	target := source
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, source)
	}
	inside, err := filepath.Rel(top, target)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, "", fmt.Errorf("%s is outside the repository; move it there, or use --allow-outside", source)
	}
	root, err := os.OpenRoot(top)
	return root, inside, err
}
