package tree

import (
	"archive/tar"
	"fmt"
	"strings"
)

// parent returns the folder that holds name, and the last element of name. It
// makes the folders that are missing.
func (t *Tree) parent(name string, origin Origin) (*node, string, error) {
	name = Clean(name)
	if len(name) > maxPathLen || strings.Count(name, "/") > maxDepth {
		return nil, "", fmt.Errorf("%w: %s brings a path of %d bytes, %d folders deep", ErrTooLarge, origin, len(name), strings.Count(name, "/"))
	}
	walker := &walker{tree: t, make: true, origin: origin}
	dirs, base := cutLast(name)
	if len(base) > maxNameLen {
		return nil, "", fmt.Errorf("%w: %s brings a name of %d bytes", ErrTooLarge, origin, len(base))
	}
	dir, err := walker.descend(dirs)
	return dir, base, err
}

// split is parent without making anything: nil where a folder is missing.
func (t *Tree) split(name string) (*node, string) {
	dirs, base := cutLast(Clean(name))
	walker := &walker{tree: t}
	dir, err := walker.descend(dirs)
	if err != nil || base == "" {
		return nil, ""
	}
	return dir, base
}

// find returns the node at a path, or nil. Links in the folders above it are
// followed; one at its end only where follow says so.
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

// walker goes down a path of folders as the kernel would with the tree as its
// root: symbolic links are followed, and ".." never leaves the root.
type walker struct {
	tree   *Tree
	make   bool   // missing folders
	origin Origin // of what needs them
	hops   int
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
	trail := []*node{w.tree.root}
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			trail = trail[:max(1, len(trail)-1)]
			continue
		}
		next, err := w.child(trail[len(trail)-1], element)
		if err != nil {
			return nil, err
		}
		last := len(rest) == 0
		switch {
		case next.isDir():
			trail = append(trail, next)
		case next.inode.Type == tar.TypeSymlink && (followLast || !last):
			if w.hops++; w.hops > maxHops {
				return nil, fmt.Errorf("%w: %s: too many symbolic links at /%s", ErrConflict, w.origin, name)
			}
			if strings.HasPrefix(next.inode.Target, "/") {
				trail = trail[:1]
			}
			rest = append(strings.Split(next.inode.Target, "/"), rest...)
		case last:
			return next, nil
		default:
			return nil, w.notFolder(name, next)
		}
	}
	return trail[len(trail)-1], nil
}

func (w *walker) notFolder(name string, n *node) error {
	return fmt.Errorf("%w: %s needs a folder on the way to /%s, where %s brings a file", ErrConflict, w.origin, name, n.inode.Origin)
}

// child returns one name in a folder, made where it is missing and wanted.
func (w *walker) child(dir *node, base string) (*node, error) {
	if next, exists := dir.children[base]; exists {
		return next, nil
	}
	if !w.make {
		return nil, fmt.Errorf("%w: %s is not there", ErrConflict, base)
	}
	if err := w.tree.add(dir, base, Folder(0o755).From(w.origin)); err != nil {
		return nil, err
	}
	return dir.children[base], nil
}
