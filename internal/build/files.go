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
	"github.com/org/linuxkit-action/internal/workspace"
)

// addFiles adds the files of the manifest. It is the last step, so they replace files of
// images. Missing folders above a file are created; existing ones are not changed.
func (a *assembler) addFiles() error {
	for i, f := range a.manifest.Files {
		if err := a.addFile(i, f); err != nil {
			return fmt.Errorf("%s: %s: /%s: %w", f.Place, f.At.Path, f.Clean(), err)
		}
	}
	return nil
}

func (a *assembler) addFile(i int, f manifest.File) error {
	inode, err := a.newInode(f)
	if inode == nil || err != nil {
		return err
	}
	inode.Perm = f.Perm()
	uid, err := a.ids.Lookup(f.UID)
	if err != nil {
		return err
	}
	gid, err := a.ids.Lookup(f.GID)
	if err != nil {
		return err
	}
	inode.UID, inode.GID = int(uid), int(gid)
	inode.Origin = tree.Origin{Source: sourceFiles, Location: location("files", i), Place: f.Place.String()}
	if old, exists := a.Root.Get(f.Clean()); exists && inode.Type != tar.TypeDir && old.Type == tar.TypeDir {
		return fmt.Errorf("is a folder of %s; a file cannot replace it", old.Origin)
	}
	if err := a.addParents(f.Clean(), *inode); err != nil {
		return err
	}
	return a.Root.Put(f.Clean(), inode)
}

// addParents creates the missing folders above a file as LinuxKit does: with the owner of
// the file, and with search permission for each class that has any permission on it.
func (a *assembler) addParents(name string, file tree.Inode) error {
	for at := range ancestors(name) {
		if _, exists := a.Root.Get(at); exists {
			continue
		}
		folder := tree.Folder(withSearch(file.Perm & 0o777))
		folder.UID, folder.GID = file.UID, file.GID
		if perm, shared := systemFolders[at]; shared {
			folder = tree.Folder(perm) // a private file must not make /etc private
		}
		folder.Origin = file.Origin
		if err := a.Root.Put(at, folder); err != nil {
			return err
		}
	}
	return nil
}

// ancestors yields the folders above a path, from the root down.
func ancestors(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, c := range name {
			if c == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// withSearch adds search permission for each class that has any permission.
func withSearch(perm uint32) uint32 {
	for _, class := range []uint32{0o700, 0o070, 0o007} {
		if perm&class != 0 {
			perm |= class & 0o111
		}
	}
	return perm
}

// newInode returns the content of a file, or nil if it is optional and missing.
func (a *assembler) newInode(f manifest.File) (*tree.Inode, error) {
	switch {
	case f.Directory:
		return tree.Folder(0), nil
	case f.Symlink != "":
		return tree.Symlink(f.Symlink), nil
	case f.Metadata != "":
		text, err := a.manifest.Dump(f.Metadata)
		return tree.File(0, text), err
	case f.Source == "":
		return tree.File(0, []byte(f.Contents.Value)), nil
	}
	file, size, err := openSource(f, a.opts.AllowOutside)
	if errors.Is(err, fs.ErrNotExist) && f.Optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.open = append(a.open, file)
	inode := tree.File(0, nil)
	inode.Size, inode.Data = size, io.NewSectionReader(file, 0, size)
	return inode, nil
}

// openSource opens the source of a file, relative to the manifest, and returns its size.
// A manifest may come from a pull request, so the path must not leave the repository,
// also not by a symbolic link, and files with credentials of the job are rejected.
func openSource(f manifest.File, allowOutside bool) (*os.File, int64, error) {
	if !f.Local() {
		return nil, 0, fmt.Errorf("source %q: the manifest is at a URL and has no folder; use contents", f.Source)
	}
	name := expandHome(f.Source)
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(f.Place.File), name)
	}
	file, err := openRegular(f.Place.File, name, allowOutside)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; create it, or set optional: true", fs.ErrNotExist)
		}
		return nil, 0, fmt.Errorf("source %q: %w", f.Source, err)
	}
	info, err := file.Stat()
	if err := errors.Join(err, workspace.CheckSecret(file)); err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("source %q: %w", f.Source, err)
	}
	return file, info.Size(), nil
}

// openRegular opens a file in the repository of the manifest, or anywhere.
func openRegular(manifestFile, name string, allowOutside bool) (*os.File, error) {
	if allowOutside {
		return workspace.OpenOutside(name)
	}
	root, _, err := workspace.Root(manifestFile)
	if err != nil {
		return nil, err
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	inside, err := filepath.Rel(root, full)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, fmt.Errorf("%w %s; move the file there, or use --allow-outside", workspace.ErrOutside, root)
	}
	return workspace.OpenIn(root, inside)
}

// expandHome replaces a leading ~ as LinuxKit does.
func expandHome(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return name
}
