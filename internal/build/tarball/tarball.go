// Package tarball writes file trees as a tar archive in the PAX format (POSIX.1-2017,
// pax, Extended Header), which supports long names, large files and extended attributes.
//
// As in LinuxKit's archives, two records of each member name its origin: LINUXKIT.source
// and LINUXKIT.location. Same trees, same bytes.
package tarball

import (
	"archive/tar"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// Records of the extended header. xattrPrefix is defined by star; GNU tar and libarchive
// read it too.
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
	return &Writer{out: tar.NewWriter(w), names: map[*tree.Inode]string{}}
}

// Tree writes all paths of a tree, each folder before its content. It streams: contents
// are read while they are written.
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
		if value != "" { // in PAX an empty value deletes a record
			found[key] = value
		}
	}
	return found
}

// File writes a file under a name of its own, without records.
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

// Close ends the archive and leaves the underlying writer open.
func (w *Writer) Close() error { return w.out.Close() }
