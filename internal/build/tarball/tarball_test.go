package tarball

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// sampleTree returns a tree with all file types.
func sampleTree(t *testing.T) *tree.Tree {
	t.Helper()
	root := tree.New()
	from := tree.Origin{Source: "docker.io/library/a:1", Location: "init[0]"}
	for name, inode := range map[string]*tree.Inode{
		"bin": tree.Folder(0o755),
		"bin/busybox": {
			Type: tar.TypeReg, Perm: 0o4755, UID: 1, GID: 2, ModTime: time.Unix(86400, 500), Size: 7,
			Data: strings.NewReader("BUSYBOX"),
		},
		"bin/sh":   tree.Symlink("/bin/busybox"),
		"dev/null": {Type: tar.TypeChar, Perm: 0o666, ModTime: tree.Epoch, Major: 1, Minor: 3},
		"dev/vda":  {Type: tar.TypeBlock, Perm: 0o660, GID: 6, ModTime: tree.Epoch, Major: 254, Minor: 1 << 19},
		"run/pipe": {Type: tar.TypeFifo, Perm: 0o600, ModTime: tree.Epoch},
		"sbin/ping": {
			Type: tar.TypeReg, Perm: 0o755, ModTime: tree.Epoch,
			Xattrs: map[string]string{"security.capability": "\x01\x00\x00\x02"},
		},
		"tmp":           tree.Folder(0o1777),
		"var/big":       {Type: tar.TypeReg, Perm: 0o600, UID: 1<<32 - 2, GID: 1<<32 - 2, ModTime: tree.Epoch},
		"var/ümläut €5": tree.File(0o644, []byte("x")),
		"var/" + strings.Repeat("long/", 60) + "name": tree.File(0o644, nil),
	} {
		if err := root.Put(name, inode.From(from)); err != nil {
			t.Fatal(err)
		}
	}
	if err := root.Link("sbin/halt", "bin/busybox", "image"); err != nil {
		t.Fatal(err)
	}
	return root
}

func archive(t *testing.T, root *tree.Tree) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := errors.Join(w.Tree(root), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive(t, sampleTree(t)))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Format != tar.FormatPAX || h.PAXRecords["LINUXKIT.source"] != "docker.io/library/a:1" ||
			h.PAXRecords["LINUXKIT.location"] != "init[0]" {
			t.Errorf("%s: %v, records %q", h.Name, h.Format, h.PAXRecords)
		}
		if parent := h.Name[:max(0, strings.LastIndexByte(h.Name, '/'))]; parent != "" && got[parent] == "" {
			t.Errorf("%s comes before its folder", h.Name)
		}
		got[h.Name] = fmt.Sprintf("%c %o %d:%d %d,%d %q %s %q", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Devmajor,
			h.Devminor, h.Linkname, content, h.PAXRecords["SCHILY.xattr.security.capability"])
	}
	for name, want := range map[string]string{
		"bin":           `5 755 0:0 0,0 ""  ""`,
		"bin/busybox":   `0 4755 1:2 0,0 "" BUSYBOX ""`,
		"bin/sh":        `2 777 0:0 0,0 "/bin/busybox"  ""`,
		"dev/null":      `3 666 0:0 1,3 ""  ""`,
		"dev/vda":       `4 660 0:6 254,524288 ""  ""`,
		"run/pipe":      `6 600 0:0 0,0 ""  ""`,
		"sbin/halt":     `1 4755 1:2 0,0 "bin/busybox"  ""`,
		"sbin/ping":     `0 755 0:0 0,0 ""  "\x01\x00\x00\x02"`,
		"tmp":           `5 1777 0:0 0,0 ""  ""`,
		"var/big":       `0 600 4294967294:4294967294 0,0 ""  ""`,
		"var/ümläut €5": `0 644 0:0 0,0 "" x ""`,
		"var/" + strings.Repeat("long/", 60) + "name": `0 644 0:0 0,0 ""  ""`,
	} {
		if got[name] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got[name], want)
		}
	}
}

func TestArchiveIsReproducible(t *testing.T) {
	t.Parallel()
	if first := archive(t, sampleTree(t)); !bytes.Equal(first, archive(t, sampleTree(t))) {
		t.Error("two archives of one tree differ")
	}
}

func TestGNUTarReadsIt(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("tar", "-tvf", "-")
	cmd.Stdin = bytes.NewReader(archive(t, sampleTree(t)))
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"-rwsr-xr-x 1/2", "1970-01-02 00:00 bin/busybox\n", "sbin/halt link to bin/busybox\n",
		"crw-rw-rw- 0/0", "drwxrwxrwt 0/0", "prw-------", "bin/sh -> /bin/busybox\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// failingReader fails on the first read, after the header is written.
type failingReader struct{}

var errDisk = errors.New("disk")

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestLargeFileSize(t *testing.T) {
	t.Parallel()
	root := tree.New()
	root.Put("disk", &tree.Inode{Type: tar.TypeReg, Size: 9 << 30, Data: failingReader{}})
	var out bytes.Buffer
	err := NewWriter(&out).Tree(root)
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "/disk") {
		t.Errorf("got %v", err)
	}
	if h, err := tar.NewReader(&out).Next(); err != nil || h.Size != 9<<30 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestErrorsNameThePath(t *testing.T) {
	t.Parallel()
	for name, inode := range map[string]*tree.Inode{
		"shrank": {Type: tar.TypeReg, Size: 10, Data: strings.NewReader("short")},
		"device": {Type: tar.TypeChar, Major: 1 << 40},
		"n\x00l": tree.File(0o644, nil),
	} {
		root := tree.New()
		root.Put("var/"+name, inode)
		if err := NewWriter(io.Discard).Tree(root); err == nil || !strings.Contains(err.Error(), "/var/"+name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFileHasNoRecords(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := errors.Join(w.File("Dockerfile", tree.File(0o644, []byte("FROM"))), w.Close()); err != nil {
		t.Fatal(err)
	}
	h, err := tar.NewReader(&out).Next()
	if err != nil || h.Name != "Dockerfile" || h.Mode != 0o644 || h.Size != 4 || len(h.PAXRecords) != 0 || !h.ModTime.Equal(tree.Epoch) {
		t.Errorf("%+v, %v", h, err)
	}
}
