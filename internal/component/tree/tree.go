// Package tree is a file system as an index: every path with its owner, mode and
// links in memory, every content where it already lies on disk.
//
// Images flatten to a tree, trees are laid over each other to make the root file
// system, and every output format is a walk over the result. So memory grows with
// the number of paths, which is bounded, and never with their content.
package tree

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Bounds of one tree.
const (
	MaxPaths   = 500_000  // a LinuxKit system has some 10,000
	maxPathLen = 4095     // PATH_MAX without its NUL (linux/limits.h)
	maxNameLen = 255      // NAME_MAX
	maxDepth   = 256      // folders
	maxHops    = 40       // symbolic links in one path, as the kernel (MAXSYMLINKS)
	maxText    = 64 << 20 // bytes of names, link targets and attributes
)

// ErrConflict is wrapped by the error for two things that want the same path and
// cannot both have it. ErrTooLarge is wrapped where a bound is passed.
var (
	ErrConflict = errors.New("conflict")
	ErrTooLarge = errors.New("too large")
)

// Epoch is the modification time of everything that no image brought: LinuxKit's
// 2017-04-18T16:30:00Z.
var Epoch = time.Unix(1492533000, 0).UTC()

// Inode is a file without its name. Hard links share one.
type Inode struct {
	Type         byte   // tar.TypeReg, TypeDir, TypeSymlink, TypeChar, TypeBlock or TypeFifo
	Perm         uint32 // the low 12 bits of st_mode
	UID, GID     int
	ModTime      time.Time
	Target       string // of a symbolic link
	Major, Minor int64  // of a device node
	Xattrs       map[string]string
	Size         int64       // bytes of content
	Data         io.ReaderAt // the content, from offset 0
	Origin       Origin
}

// Origin says who brought a file.
type Origin struct {
	Source   string // reference of the image, as LinuxKit records it, or what else made it: linuxkit.files
	Location string // what it is of in the manifest: kernel, init[0], services[1]
	Place    string // where a person finds it, if no image brought it: os.yml:3:5
}

// String names the origin in an error.
func (o Origin) String() string { return cmp.Or(o.Place, o.Source) }

// From sets the origin of a new inode and returns it.
func (i *Inode) From(o Origin) *Inode {
	i.Origin = o
	return i
}

// Open returns the content.
func (i *Inode) Open() io.Reader { return io.NewSectionReader(i.Data, 0, i.Size) }

// node is one name in a folder. It is a folder itself where its inode is one.
type node struct {
	inode    *Inode
	children map[string]*node
}

func (n *node) isDir() bool { return n.inode.Type == tar.TypeDir }

// Tree is a file system. The zero value is not usable; see New.
type Tree struct {
	root  *node
	paths int
	text  int
}

// New returns a tree that holds the root folder alone.
func New() *Tree {
	return &Tree{root: &node{inode: Folder(0o755)}}
}

// Folder returns a folder of root's with these permissions.
func Folder(perm uint32) *Inode { return &Inode{Type: tar.TypeDir, Perm: perm, ModTime: Epoch} }

// Symlink returns a symbolic link of root's.
func Symlink(target string) *Inode {
	return &Inode{Type: tar.TypeSymlink, Perm: 0o777, ModTime: Epoch, Target: target}
}

// CharDevice returns a character device of root's.
func CharDevice(perm uint32, major, minor int64) *Inode {
	return &Inode{Type: tar.TypeChar, Perm: perm, ModTime: Epoch, Major: major, Minor: minor}
}

// File returns a file of root's with the given content.
func File(perm uint32, content []byte) *Inode {
	return &Inode{Type: tar.TypeReg, Perm: perm, ModTime: Epoch, Size: int64(len(content)), Data: strings.NewReader(string(content))}
}

// Len returns the number of paths, the root not counted.
func (t *Tree) Len() int { return t.paths }

// Put sets a path as unpacking a layer would: what is there is replaced, but a
// folder over a folder keeps its content. Missing folders above it are made, and
// symbolic links in the path are followed within the tree.
func (t *Tree) Put(name string, inode *Inode) error {
	dir, base, err := t.parent(name, inode.Origin)
	if err != nil {
		return err
	}
	if base == "" {
		if inode.Type == tar.TypeDir {
			t.root.inode = inode
		}
		return nil
	}
	if old, exists := dir.children[base]; exists {
		if old.isDir() && inode.Type == tar.TypeDir {
			old.inode = inode
			return nil
		}
		t.drop(dir, base)
	}
	return t.add(dir, base, inode)
}

// Link makes name another name of the file at target.
func (t *Tree) Link(name, target, source string) error {
	found := t.find(target, false)
	if found == nil || found.isDir() {
		return fmt.Errorf("%w: %s: %s is a hard link to %s, which is no file there", ErrConflict, source, name, target)
	}
	return t.Put(name, found.inode)
}

// Remove takes a path and all below it out. A path that is not there is no error.
func (t *Tree) Remove(name string) {
	if dir, base := t.split(name); dir != nil {
		t.drop(dir, base)
	}
}

// Cut takes a folder out and returns what was in it as a tree of its own; an empty
// one where there is no such folder.
func (t *Tree) Cut(name string) *Tree {
	out := New()
	dir, base := t.split(name)
	if dir == nil || dir.children[base] == nil {
		return out
	}
	if found := dir.children[base]; found.isDir() {
		out.root, out.paths, out.text = found, count(found)-1, t.text
	}
	t.drop(dir, base)
	return out
}

// Prune takes out all below a folder but what is in keep, and the folders that
// lead there.
func (t *Tree) Prune(name string, keep map[*Inode]bool) {
	if n := t.find(name, true); n != nil {
		t.prune(n, keep)
	}
}

// prune reports whether anything of keep is left below n.
func (t *Tree) prune(n *node, keep map[*Inode]bool) bool {
	left := false
	for base, child := range n.children {
		if below := t.prune(child, keep); below || keep[child.inode] {
			left = true
			continue
		}
		t.drop(n, base)
	}
	return left
}

// Get returns what lies at a path; links in the folders above it are followed, a
// link at its end is not.
func (t *Tree) Get(name string) (*Inode, bool) {
	n := t.find(name, false)
	if n == nil {
		return nil, false
	}
	return n.inode, true
}

// Resolve returns what lies at a path, with all links followed within the tree.
func (t *Tree) Resolve(name string) (*Inode, bool) {
	n := t.find(name, true)
	if n == nil {
		return nil, false
	}
	return n.inode, true
}

// Names returns the sorted names in a folder.
func (t *Tree) Names(name string) []string {
	n := t.find(name, true)
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.children))
}

// Walk calls visit for every path below the root, folders before what is in them,
// names in byte order. Paths have no leading slash.
func (t *Tree) Walk(visit func(name string, inode *Inode) error) error {
	return walk(t.root, "", visit)
}

func walk(n *node, prefix string, visit func(string, *Inode) error) error {
	for _, base := range slices.Sorted(maps.Keys(n.children)) {
		child := n.children[base]
		name := prefix + base
		if err := visit(name, child.inode); err != nil {
			return err
		}
		if err := walk(child, name+"/", visit); err != nil {
			return err
		}
	}
	return nil
}

// Size returns the bytes of content, each file counted once.
func (t *Tree) Size() int64 {
	var size int64
	seen := map[*Inode]bool{}
	t.Walk(func(_ string, inode *Inode) error {
		if !seen[inode] {
			seen[inode] = true
			size += inode.Size
		}
		return nil
	})
	return size
}

func (t *Tree) add(dir *node, base string, inode *Inode) error {
	if t.paths++; t.paths > MaxPaths {
		return fmt.Errorf("%w: %s brings more than %d paths", ErrTooLarge, inode.Origin, MaxPaths)
	}
	t.text += len(base) + len(inode.Target)
	for key, value := range inode.Xattrs {
		t.text += len(key) + len(value)
	}
	if t.text > maxText || len(inode.Target) > maxPathLen {
		return fmt.Errorf("%w: %s brings more than %d MiB of names, links and attributes", ErrTooLarge, inode.Origin, maxText>>20)
	}
	if dir.children == nil {
		dir.children = map[string]*node{}
	}
	dir.children[base] = &node{inode: inode}
	return nil
}

func (t *Tree) drop(dir *node, base string) {
	if old, exists := dir.children[base]; exists {
		t.paths -= count(old)
		delete(dir.children, base)
	}
}

func count(n *node) int {
	total := 1
	for _, child := range n.children {
		total += count(child)
	}
	return total
}

// Clean returns a path of an archive as a path in the tree: no leading slash, no
// dots, and never above the root. The root itself is "".
func Clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
