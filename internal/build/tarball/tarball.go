// Package tarball writes file trees as a tar archive in the PAX format (POSIX.1-2017,
// pax, Extended Header), which holds whatever a file system does: long names, large
// files, extended attributes.
//
// As in LinuxKit's archives, each member says in two records of its own where it came
// from: LINUXKIT.source and LINUXKIT.location.
package tarball

import (
	"archive/tar"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// Records of the extended header. xattrPrefix is that of star, which GNU tar and
// libarchive read too.
const (
	recordSource   = "LINUXKIT.source"
	recordLocation = "LINUXKIT.location"
	xattrPrefix    = "SCHILY.xattr."
)

// Writer writes one archive.
type Writer struct {
	out   *tar.Writer
	names map[*tree.Inode]string // first name of each file, for hard links
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{tar.NewWriter(w), map[*tree.Inode]string{}}
}

// Tree writes all paths of a tree, folders before what is in them. It streams: content
// is read as it is written.
func (w *Writer) Tree(t *tree.Tree) error {
	return t.Walk(func(name string, inode *tree.Inode) error {
		if err := w.member(name, inode); err != nil {
			return fmt.Errorf("/%s: %w", name, err)
		}
		return nil
	})
}

func (w *Writer) member(name string, inode *tree.Inode) error {
	h := &tar.Header{
		Typeflag: inode.Type, Name: name, Linkname: inode.Target, Mode: int64(inode.Perm),
		Uid: inode.UID, Gid: inode.GID, ModTime: inode.ModTime, Devmajor: inode.Major, Devminor: inode.Minor,
		Size: inode.Size, Format: tar.FormatPAX, PAXRecords: records(inode),
	}
	if first, written := w.names[inode]; written {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
	} else {
		w.names[inode] = name
	}
	return w.write(h, inode)
}

func records(inode *tree.Inode) map[string]string {
	found := map[string]string{}
	for key, value := range inode.Xattrs {
		found[xattrPrefix+key] = value
	}
	for key, value := range map[string]string{recordSource: inode.Origin.Source, recordLocation: inode.Origin.Location} {
		if value != "" { // an empty one would delete a record
			found[key] = value
		}
	}
	return found
}

// File writes a file that is of no tree, under a name of its own, without records.
func (w *Writer) File(name string, inode *tree.Inode) error {
	return w.write(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(inode.Perm), Size: inode.Size, ModTime: inode.ModTime, Format: tar.FormatPAX,
	}, inode)
}

func (w *Writer) write(h *tar.Header, inode *tree.Inode) error {
	if err := w.out.WriteHeader(h); err != nil || h.Size == 0 {
		return err
	}
	n, err := io.Copy(w.out, inode.Open())
	if err == nil && n != h.Size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the archive; what it is written to stays open.
func (w *Writer) Close() error { return w.out.Close() }
