package tree

import (
	"archive/tar"
	"fmt"
	"strings"
)

// makeParent returns the folder of name, and the last element of name. It creates missing
// folders.
func (t *Tree) makeParent(name string, origin Origin) (*node, string, error) {
	name = Clean(name)
	if depth := strings.Count(name, "/"); len(name) > maxPathLen || depth > maxDepth {
		return nil, "", fmt.Errorf("%w: %s: path of %d bytes in %d folders; the limits are %d and %d",
			ErrTooLarge, origin, len(name), depth, maxPathLen, maxDepth)
	}
	walker := &walker{tree: t, make: true, origin: origin}
	dirs, base := cutLast(name)
	if len(base) > maxNameLen {
		return nil, "", fmt.Errorf("%w: %s: name of %d bytes; the limit is %d", ErrTooLarge, origin, len(base), maxNameLen)
	}
	dir, err := walker.descend(dirs)
	return dir, base, err
}

// lookupParent is makeParent without creating folders. It returns nil where one is missing.
func (t *Tree) lookupParent(name string) (*node, string) {
	dirs, base := cutLast(Clean(name))
	walker := &walker{tree: t}
	dir, err := walker.descend(dirs)
	if err != nil || base == "" {
		return nil, ""
	}
	return dir, base
}

// find returns the node at a path, or nil. It follows symbolic links; one at the end of the
// path only with follow.
func (t *Tree) find(name string, follow bool) *node {
	walker := &walker{tree: t}
	n, err := walker.lookup(Clean(name), follow)
	if err != nil {
		return nil
	}
	return n
}

func cutLast(name string) (dirs, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// walker resolves a path as the kernel does after chroot(2) into the tree.
type walker struct {
	tree   *Tree
	make   bool   // create missing folders
	origin Origin // of the file whose path it is
	links  int    // followed so far
}

// descend returns the folder at a path.
func (w *walker) descend(dirs string) (*node, error) {
	n, err := w.lookup(dirs, true)
	if err == nil && !n.isDir() {
		return nil, w.notFolder(dirs, n)
	}
	return n, err
}

func (w *walker) lookup(name string, followLast bool) (*node, error) {
	parents := []*node{w.tree.root} // the last is the current folder
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			parents = parents[:max(1, len(parents)-1)]
			continue
		}
		next, err := w.child(parents[len(parents)-1], element)
		if err != nil {
			return nil, err
		}
		last := len(rest) == 0
		switch {
		case next.isDir():
			parents = append(parents, next)
		case next.inode.Type == tar.TypeSymlink && (followLast || !last):
			if w.links++; w.links > maxLinks {
				return nil, fmt.Errorf("%w: %s: more than %d symbolic links in /%s", ErrConflict, w.origin, maxLinks, name)
			}
			if strings.HasPrefix(next.inode.Target, "/") {
				parents = parents[:1]
			}
			rest = append(strings.Split(next.inode.Target, "/"), rest...)
		case last:
			return next, nil
		default:
			return nil, w.notFolder(name, next)
		}
	}
	return parents[len(parents)-1], nil
}

func (w *walker) notFolder(name string, n *node) error {
	return fmt.Errorf("%w: %s: /%s needs a folder where %s has a file", ErrConflict, w.origin, name, n.inode.Origin)
}

// child returns one entry of a folder, and creates it where make is set.
func (w *walker) child(dir *node, base string) (*node, error) {
	if next, exists := dir.children[base]; exists {
		return next, nil
	}
	if !w.make {
		return nil, fmt.Errorf("%w: %s does not exist", ErrConflict, base)
	}
	if err := w.tree.add(dir, base, Folder(0o755).From(w.origin)); err != nil {
		return nil, err
	}
	return dir.children[base], nil
}
