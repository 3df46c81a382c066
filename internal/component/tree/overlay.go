package tree

import (
	"archive/tar"
	"fmt"
)

// Overlay applies another tree to the folder at prefix: files replace files, folders are
// merged. A folder over a link to a folder is merged into the target, so that a merged /usr
// (/lib → usr/lib) works. A file over a folder, or a folder over a file, would break one of
// the two components; the error wraps ErrConflict and names both.
//
// Inodes are copied, as one image may be used several times; hard links share a copy. The
// copies get the given origin unless it is zero.
func (t *Tree) Overlay(prefix string, other *Tree, origin Origin) error {
	if prefix != "" {
		if err := t.MkdirAll(prefix, origin); err != nil {
			return err
		}
	}
	copies := map[*Inode]*Inode{}
	return other.Walk(func(name string, original *Inode) error {
		inode := copies[original]
		if inode == nil {
			duplicate := *original
			if origin != (Origin{}) {
				duplicate.Origin = origin
			}
			inode = &duplicate
			copies[original] = inode
		}
		full := Clean(prefix + "/" + name)
		if inode.Type == tar.TypeDir {
			return t.mergeFolder(full, inode)
		}
		if old := t.find(full, false); old != nil && t.replacesFolder(full, old, inode) {
			return conflict(full, inode, old.inode)
		}
		return t.Put(full, inode)
	})
}

// replacesFolder reports whether a file over old would replace a folder, or a link to one. A
// link may replace a link.
func (t *Tree) replacesFolder(full string, old *node, inode *Inode) bool {
	if old.isDir() || inode.Type == tar.TypeSymlink {
		return old.isDir()
	}
	target := t.find(full, true)
	return target != nil && target.isDir()
}

// mergeFolder puts a folder at a path with none, a folder, or a link to one.
func (t *Tree) mergeFolder(full string, inode *Inode) error {
	old := t.find(full, false)
	switch {
	case old == nil || old.isDir():
		return t.Put(full, inode)
	case old.inode.Type == tar.TypeSymlink:
		if target := t.find(full, true); target != nil && target.isDir() {
			return nil
		}
	}
	return conflict(full, inode, old.inode)
}

func conflict(full string, later, earlier *Inode) error {
	return fmt.Errorf("%w: /%s is a %s in %s and a %s in %s; remove one of them, or change its image",
		ErrConflict, full, kind(earlier), earlier.Origin, kind(later), later.Origin)
}

func kind(i *Inode) string {
	switch i.Type {
	case tar.TypeDir:
		return "folder"
	case tar.TypeSymlink:
		return "link to " + i.Target
	}
	return "file"
}

// MkdirAll creates a folder with its parents, where they are missing.
func (t *Tree) MkdirAll(name string, origin Origin) error {
	walker := &walker{tree: t, make: true, origin: origin}
	_, err := walker.descend(Clean(name))
	return err
}
