package component

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// StoreFunc stores the content of a file and returns a reader for it.
type StoreFunc func(h *tar.Header, content io.Reader) (io.ReaderAt, error)

// Untar unpacks an archive into a tree. store keeps the contents; source is the origin of
// the files in errors and records.
func Untar(ctx context.Context, into *tree.Tree, r io.Reader, store StoreFunc, source string) error {
	return (&unpacker{into: into, store: store, source: source}).unpack(ctx, r)
}

// unpacker unpacks one archive. Where layer is not nil the archive is a layer: a whiteout
// removes files of lower layers, but none of those in layer.
type unpacker struct {
	into   *tree.Tree
	store  StoreFunc
	source string
	layer  map[*tree.Inode]bool // inodes of this layer
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
		if u.layer != nil && u.whiteout(header.Name) {
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
		u.into.Prune(dir, u.layer)
	case !strings.HasPrefix(hidden, ".wh."): // other names with .wh..wh. are metadata of AUFS
		if found, exists := u.into.Get(dir + hidden); exists && !u.layer[found] {
			u.into.Remove(dir + hidden)
		}
	}
	return true
}

func (u *unpacker) add(h *tar.Header, content io.Reader) error {
	if h.Uid < 0 || h.Gid < 0 || int64(h.Uid) > maxID || int64(h.Gid) > maxID {
		return fmt.Errorf("%w: owner %d:%d is out of range", ErrMalformed, h.Uid, h.Gid)
	}
	inode := &tree.Inode{
		Type: h.Typeflag, Perm: uint32(h.Mode) & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime,
		Target: h.Linkname, Major: h.Devmajor, Minor: h.Devminor, Xattrs: xattrs(h),
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
	if u.layer != nil {
		u.layer[inode] = true
	}
	return u.into.Put(name, inode)
}

func xattrs(h *tar.Header) map[string]string {
	var found map[string]string
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if found == nil {
				found = map[string]string{}
			}
			found[name] = value
		}
	}
	return found
}
