package component

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/org/linuxkit-action/internal/budget"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// StoreFunc stores the content of a file and returns a reader for it.
type StoreFunc func(h *tar.Header, content io.Reader) (io.ReaderAt, error)

// Untar unpacks an archive into a tree. store keeps the contents; source is the origin of
// the files in errors and records.
func Untar(ctx context.Context, into *tree.Tree, r io.Reader, store StoreFunc, source string, b *budget.Budget) error {
	return (&unpacker{into: into, store: store, source: source, budget: b}).unpack(ctx, r)
}

// unpacker unpacks one archive. Where layer is not 0 the archive is a layer: a whiteout
// removes files of lower layers, but none of its own.
type unpacker struct {
	into   *tree.Tree
	store  StoreFunc
	source string
	layer  int // number of the layer, from 1
	budget *budget.Budget
}

func (u *unpacker) unpack(ctx context.Context, r io.Reader) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if err := u.budget.Entry(); err != nil {
			return err
		}
		if u.layer != 0 && u.whiteout(header.Name) {
			continue
		}
		if err := u.add(header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// whiteout applies a whiteout (OCI image specification, layer.md, Whiteouts) and reports
// whether the name is one.
func (u *unpacker) whiteout(name string) bool {
	dir, base := path.Split(tree.Clean(name))
	hidden, ok := strings.CutPrefix(base, ".wh.")
	switch {
	case !ok:
		return false
	case hidden == ".wh..opq":
		u.into.Prune(dir, func(i *tree.Inode) bool { return i.Layer == u.layer })
	case !strings.HasPrefix(hidden, ".wh."): // other names with .wh..wh. are metadata of AUFS
		if found, exists := u.into.Get(dir + hidden); exists && found.Layer != u.layer {
			u.into.Remove(dir + hidden)
		}
	}
	return true
}

func (u *unpacker) add(h *tar.Header, content io.Reader) error {
	if h.Uid < 0 || h.Gid < 0 || int64(h.Uid) > maxID || int64(h.Gid) > maxID {
		return fmt.Errorf("%w: owner %d:%d is out of range", ErrMalformed, h.Uid, h.Gid)
	}
	attributes, err := xattrs(h)
	if err != nil {
		return err
	}
	inode := &tree.Inode{
		Type: h.Typeflag, Perm: uint32(h.Mode) & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime,
		Target: h.Linkname, Major: h.Devmajor, Minor: h.Devminor, Xattrs: attributes,
		Origin: tree.Origin{Source: u.source},
	}
	switch h.Typeflag {
	case tar.TypeLink:
		return u.into.Link(h.Name, h.Linkname, u.source)
	case tar.TypeDir, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return u.put(h.Name, inode)
	case tar.TypeReg, tar.TypeGNUSparse:
		data, err := u.store(h, content)
		if err != nil {
			return err
		}
		inode.Type, inode.Size, inode.Data, inode.Target = tar.TypeReg, h.Size, data, ""
		return u.put(h.Name, inode)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("%w: unknown entry type %q", ErrMalformed, h.Typeflag)
}

func (u *unpacker) put(name string, inode *tree.Inode) error {
	inode.Layer = u.layer
	return u.into.Put(name, inode)
}

// maxXattrs bounds the attributes of one file, in bytes. The kernel's limit is 64 KiB for
// the names, and for each value (XATTR_LIST_MAX, XATTR_SIZE_MAX in linux/limits.h).
const maxXattrs = 256 << 10

// xattrs returns the extended attributes of an entry. The error wraps ErrMalformed.
func xattrs(h *tar.Header) (map[string]string, error) {
	var found map[string]string
	size := 0
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok {
			continue
		}
		if found == nil {
			found = map[string]string{}
		}
		found[name] = value
		size += len(name) + len(value)
	}
	if size > maxXattrs {
		return nil, fmt.Errorf("%w: extended attributes of %d bytes; the limit is %d", ErrMalformed, size, maxXattrs)
	}
	return found, nil
}
