package tree

import (
	"archive/tar"
	"fmt"
)

// Overlay lays another tree over the folder at prefix, as unpacking a second
// archive there would: files replace files, folders join. A folder over a link to
// a folder joins what the link leads to, so that a merged /usr (/lib → usr/lib)
// stays whole. Where a file would replace a folder, or a folder a file, neither
// component would work as built: that is ErrConflict, and both are named.
//
// What is laid over has the origin given from then on, unless that is the zero value:
// one image may be used at several places. So its inodes are copied; hard links share
// one copy.
func (t *Tree) Overlay(prefix string, other *Tree, origin Origin) error {
	if prefix != "" {
		if err := t.MkdirAll(prefix, origin); err != nil {
			return err
		}
	}
	copies := map[*Inode]*Inode{}
	return other.Walk(func(name string, theirs *Inode) error {
		inode := copies[theirs]
		if inode == nil {
			own := *theirs
			if origin != (Origin{}) {
				own.Origin = origin
			}
			inode = &own
			copies[theirs] = inode
		}
		full := Clean(prefix + "/" + name)
		if inode.Type == tar.TypeDir {
			return t.join(full, inode)
		}
		if old := t.find(full, false); old != nil && t.holdsFolder(full, old, inode) {
			return conflict(full, inode, old.inode)
		}
		return t.Put(full, inode)
	})
}

// holdsFolder reports whether a file put over old would take a folder away: one that
// stands there, or one that old leads to. A link may replace a link.
func (t *Tree) holdsFolder(full string, old *node, inode *Inode) bool {
	if old.isDir() || inode.Type == tar.TypeSymlink {
		return old.isDir()
	}
	target := t.find(full, true)
	return target != nil && target.isDir()
}

// join puts a folder where there may be one, or a link to one.
func (t *Tree) join(full string, inode *Inode) error {
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
	return fmt.Errorf("%w: /%s is a %s in %s and a %s in %s; leave one of them out, or change its image",
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

// MkdirAll makes a folder and those above it, where they are missing.
func (t *Tree) MkdirAll(name string, origin Origin) error {
	walker := &walker{tree: t, make: true, origin: origin}
	_, err := walker.descend(Clean(name))
	return err
}
