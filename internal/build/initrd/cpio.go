// Package initrd writes a file tree as an initial RAM disk: a cpio archive in the newc
// format (kernel Documentation/driver-api/early-userspace/buffer-format.rst), compressed
// with a codec that the kernel supports. Same tree and codec, same bytes.
package initrd

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// ErrUnsupported is wrapped by the error for a tree that newc cannot represent.
var ErrUnsupported = errors.New("not possible in an initrd")

const (
	magic    = "070701"
	trailer  = "TRAILER!!!"
	firstIno = 721 // same as in LinuxKit
	padTo    = 512
	maxSize  = 1<<32 - 1 // newc numbers have 8 hex digits
)

// File types of st_mode (inode(7)).
var typeBits = map[byte]uint32{
	tar.TypeReg: 0o100000, tar.TypeDir: 0o040000, tar.TypeSymlink: 0o120000,
	tar.TypeChar: 0o020000, tar.TypeBlock: 0o060000, tar.TypeFifo: 0o010000,
}

// WriteCPIO writes the tree as a newc archive. It streams: contents are read while they
// are written. Extended attributes are omitted: newc cannot represent them. Errors wrap
// ErrUnsupported, or are those of reading and writing.
func WriteCPIO(w io.Writer, root *tree.Tree) error {
	links := map[*tree.Inode]int{}
	_ = root.Walk(func(_ string, inode *tree.Inode) error {
		links[inode]++
		return nil
	})
	c := &cpio{w: w, links: links, numbers: map[*tree.Inode]uint32{}, next: firstIno}
	if err := root.Walk(c.entry); err != nil {
		return err
	}
	return c.close()
}

// cpio writes one archive.
type cpio struct {
	w       io.Writer
	offset  int64
	links   map[*tree.Inode]int    // names of each inode
	numbers map[*tree.Inode]uint32 // inode numbers of the inodes already written
	next    uint32                 // inode number
}

// entry writes one name. The first name of an inode has its content. Further names have
// the same inode number and no content; the kernel makes hard links of them.
func (c *cpio) entry(name string, inode *tree.Inode) error {
	number, written := c.numbers[inode]
	if !written {
		number = c.next
		c.next++
		c.numbers[inode] = number
	}
	size := inode.Size
	if inode.Type == tar.TypeSymlink {
		size = int64(len(inode.Target))
	}
	if written {
		size = 0
	}
	if size > maxSize {
		return fmt.Errorf("%w: /%s has %d bytes, the maximum is 4 GiB; store it on a disk", ErrUnsupported, name, size)
	}
	if err := c.header(name, inode, number, size); err != nil {
		return err
	}
	if err := c.content(inode, size); err != nil {
		return fmt.Errorf("/%s: %w", name, err)
	}
	return c.pad(4)
}

func (c *cpio) header(name string, inode *tree.Inode, number uint32, size int64) error {
	bits, known := typeBits[inode.Type]
	if !known {
		return fmt.Errorf("%w: /%s has file type %q", ErrUnsupported, name, inode.Type)
	}
	nlink := c.links[inode]
	if inode.Type == tar.TypeDir {
		nlink = 2
	}
	mtime := min(max(inode.ModTime.Unix(), 0), maxSize)
	_, err := fmt.Fprintf(c, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", magic,
		number, bits|inode.Perm, inode.UID, inode.GID, nlink, mtime, size,
		3, 1, // device of the file: any constant
		inode.Major, inode.Minor, len(name)+1, 0, name)
	if err != nil {
		return err
	}
	return c.pad(4)
}

func (c *cpio) content(inode *tree.Inode, size int64) error {
	if size == 0 {
		return nil
	}
	if inode.Type == tar.TypeSymlink {
		_, err := io.WriteString(c, inode.Target)
		return err
	}
	n, err := io.Copy(c, inode.Open())
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (c *cpio) close() error {
	_, err := fmt.Fprintf(c, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", magic,
		0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(trailer)+1, 0, trailer)
	if err != nil {
		return err
	}
	return c.pad(padTo)
}

// Write counts the bytes written, for the padding.
func (c *cpio) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.offset += int64(n)
	return n, err
}

var zeros [padTo]byte

func (c *cpio) pad(to int64) error {
	_, err := c.Write(zeros[:(to-c.offset%to)%to])
	return err
}
