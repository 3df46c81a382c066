// Package tree is an in-memory file system whose contents stay on disk.
//
// Layers are unpacked into a tree, trees are overlaid to make the root file system, and an
// output format is written by a walk over the result. Memory grows with the number of paths,
// which is bounded, and not with the contents. Paths are resolved within the tree: neither
// ".." nor a symbolic link leads out of it.
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

	"github.com/org/linuxkit-action/internal/budget"
)

// Bounds of one tree.
const (
	MaxPaths   = 500_000  // a LinuxKit system has some 10,000
	maxPathLen = 4095     // PATH_MAX without its NUL (linux/limits.h)
	maxNameLen = 255      // NAME_MAX
	maxDepth   = 256      // folders
	maxLinks   = 40       // symbolic links in one path, as in the kernel (MAXSYMLINKS)
	maxText    = 64 << 20 // bytes of names, link targets and attributes
)

// Errors by kind.
var (
	// ErrConflict: a file and a folder, or a link, at the same path.
	ErrConflict = errors.New("conflict")
	// ErrTooLarge: a bound is exceeded.
	ErrTooLarge = errors.New("too large")
)

// Epoch is the modification time of files that are not from an image, as LinuxKit sets it:
// 2017-04-18T16:30:00Z.
var Epoch = time.Unix(1492533000, 0).UTC()

// Inode is a file, folder, link or device without its name. Hard links share one.
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
	Layer        int // of the image, from 1, for whiteouts; 0 for none
}

// inodeBytes is the memory of a node with its inode and its entry in the folder.
const inodeBytes = 512

// text returns the bytes of target and attributes.
func (i *Inode) text() int {
	text := len(i.Target)
	for key, value := range i.Xattrs {
		text += len(key) + len(value)
	}
	return text
}

// memory returns the bytes that an inode at a name retains. Content counts if it is in
// memory.
func (i *Inode) memory(base string) int64 {
	bytes := int64(inodeBytes + len(base) + i.text())
	if _, ok := i.Data.(*strings.Reader); ok {
		bytes += i.Size
	}
	return bytes
}

// Origin is the part of the manifest that a file comes from.
type Origin struct {
	Source   string // reference of the image in LinuxKit's form, else for example linuxkit.files
	Location string // entry of the manifest: kernel, init[0], services[1]
	Place    string // position in the manifest where there is no image: os.yml:3:5
}

// String returns the origin for errors.
func (o Origin) String() string { return cmp.Or(o.Place, o.Source) }

// From sets the origin and returns the inode.
func (i *Inode) From(o Origin) *Inode {
	i.Origin = o
	return i
}

// Open returns a reader of the content.
func (i *Inode) Open() io.Reader { return io.NewSectionReader(i.Data, 0, i.Size) }

// node is one name in a folder.
type node struct {
	inode    *Inode
	children map[string]*node // by name, where the inode is a folder
}

func (n *node) isDir() bool { return n.inode.Type == tar.TypeDir }

// Tree is a file system. The zero value is not usable; see New.
type Tree struct {
	root  *node
	paths int // without the root
	text  int // bytes, see maxText

	budget *budget.Budget // of the run; nil for none
}

// New returns a tree with an empty root folder.
func New() *Tree { return Within(nil) }

// Within returns an empty tree that spends the memory it retains from a budget.
func Within(b *budget.Budget) *Tree {
	return &Tree{root: &node{inode: Folder(0o755)}, budget: b}
}

// Folder returns a folder of root with the given permissions.
func Folder(perm uint32) *Inode { return &Inode{Type: tar.TypeDir, Perm: perm, ModTime: Epoch} }

// Symlink returns a symbolic link of root.
func Symlink(target string) *Inode {
	return &Inode{Type: tar.TypeSymlink, Perm: 0o777, ModTime: Epoch, Target: target}
}

// CharDevice returns a character device of root.
func CharDevice(perm uint32, major, minor int64) *Inode {
	return &Inode{Type: tar.TypeChar, Perm: perm, ModTime: Epoch, Major: major, Minor: minor}
}

// File returns a regular file of root with the given content.
func File(perm uint32, content []byte) *Inode {
	return &Inode{Type: tar.TypeReg, Perm: perm, ModTime: Epoch, Size: int64(len(content)), Data: strings.NewReader(string(content))}
}

// Len returns the number of paths without the root.
func (t *Tree) Len() int { return t.paths }

// Put sets a path as unpacking a layer does: it replaces what exists, but a folder over a
// folder keeps its content. It creates missing parents, and follows symbolic links in the
// path.
func (t *Tree) Put(name string, inode *Inode) error {
	dir, base, err := t.makeParent(name, inode.Origin)
	if err != nil {
		return err
	}
	if base == "" {
		if inode.Type != tar.TypeDir {
			return nil
		}
		return t.replace(t.root, base, inode)
	}
	if old, exists := dir.children[base]; exists {
		if old.isDir() && inode.Type == tar.TypeDir {
			return t.replace(old, base, inode)
		}
		t.drop(dir, base)
	}
	return t.add(dir, base, inode)
}

// replace replaces the inode of a folder that keeps its content.
func (t *Tree) replace(n *node, base string, inode *Inode) error {
	t.text += inode.text() - n.inode.text()
	spent := inode.memory(base) - n.inode.memory(base)
	n.inode = inode
	if t.text > maxText {
		return tooMuchText(inode)
	}
	return t.budget.Memory(spent)
}

func tooMuchText(inode *Inode) error {
	return fmt.Errorf("%w: %s: more than %d MiB of names, link targets and attributes", ErrTooLarge, inode.Origin, maxText>>20)
}

// Link makes name a hard link to the file at target.
func (t *Tree) Link(name, target, source string) error {
	found := t.find(target, false)
	if found == nil || found.isDir() {
		return fmt.Errorf("%w: %s: %s is a hard link to %s, which is not a file", ErrConflict, source, name, target)
	}
	return t.Put(name, found.inode)
}

// Remove removes a path and everything below it, if it exists.
func (t *Tree) Remove(name string) {
	if dir, base := t.lookupParent(name); dir != nil {
		t.drop(dir, base)
	}
}

// Cut removes a folder and returns its content as a tree; an empty one where there is no
// such folder.
func (t *Tree) Cut(name string) *Tree {
	out := New()
	dir, base := t.lookupParent(name)
	if dir == nil || dir.children[base] == nil {
		return out
	}
	found := dir.children[base]
	if !found.isDir() {
		t.drop(dir, base)
		return out
	}
	out.root, out.paths, out.text, out.budget = found, count(found)-1, t.text, t.budget
	t.paths -= count(found)
	delete(dir.children, base)
	return out
}

// Prune removes everything below a folder except the inodes to keep and their parents.
func (t *Tree) Prune(name string, keep func(*Inode) bool) {
	if n := t.find(name, true); n != nil {
		t.prune(n, keep)
	}
}

// prune reports whether an inode to keep is below n.
func (t *Tree) prune(n *node, keep func(*Inode) bool) bool {
	found := false
	for base, child := range n.children {
		if below := t.prune(child, keep); below || keep(child.inode) {
			found = true
			continue
		}
		t.drop(n, base)
	}
	return found
}

// Get returns the inode at a path. It follows symbolic links but not one at the end of the
// path.
func (t *Tree) Get(name string) (*Inode, bool) {
	n := t.find(name, false)
	if n == nil {
		return nil, false
	}
	return n.inode, true
}

// Resolve returns the inode at a path. It follows all symbolic links.
func (t *Tree) Resolve(name string) (*Inode, bool) {
	n := t.find(name, true)
	if n == nil {
		return nil, false
	}
	return n.inode, true
}

// Names returns the names in a folder, sorted.
func (t *Tree) Names(name string) []string {
	n := t.find(name, true)
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.children))
}

// Walk calls visit for every path below the root in byte order, a folder before its
// content. Paths have no leading slash.
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

// Size returns the bytes of all contents. Hard links count once.
func (t *Tree) Size() int64 {
	var size int64
	seen := map[*Inode]bool{}
	_ = t.Walk(func(_ string, inode *Inode) error {
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
		return fmt.Errorf("%w: %s: more than %d paths", ErrTooLarge, inode.Origin, MaxPaths)
	}
	t.text += len(base) + inode.text()
	if t.text > maxText || len(inode.Target) > maxPathLen {
		return tooMuchText(inode)
	}
	if err := t.budget.Memory(inode.memory(base)); err != nil {
		return fmt.Errorf("%s: %w", inode.Origin, err)
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
		t.release(old, base)
		delete(dir.children, base)
	}
}

// release returns the memory of a node and everything below it.
func (t *Tree) release(n *node, base string) {
	t.text -= len(base) + n.inode.text()
	_ = t.budget.Memory(-n.inode.memory(base)) // it returns memory; an excess was reported before
	for name, child := range n.children {
		t.release(child, name)
	}
}

func count(n *node) int {
	total := 1
	for _, child := range n.children {
		total += count(child)
	}
	return total
}

// Clean returns a path of an archive as a path of the tree: without leading slash, "." and
// "..", and never above the root, which is "".
func Clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
