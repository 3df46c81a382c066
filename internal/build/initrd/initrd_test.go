package initrd

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/pierrec/lz4/v4"
)

// sample returns a tree with all file types that an initrd supports.
func sample(t *testing.T) *tree.Tree {
	t.Helper()
	root := tree.New()
	put := func(name string, inode *tree.Inode) {
		if err := root.Put(name, inode); err != nil {
			t.Fatal(err)
		}
	}
	put("bin/busybox", tree.File(0o4755, []byte("BUSYBOX")))
	put("bin/sh", tree.Symlink("busybox"))
	put("tmp", tree.Folder(0o1777))
	put("empty", tree.File(0o600, nil))
	put("dev/fifo", &tree.Inode{Type: tar.TypeFifo, Perm: 0o600, ModTime: tree.Epoch})
	put("dev/null", &tree.Inode{Type: tar.TypeChar, Perm: 0o666, Major: 1, Minor: 3, ModTime: tree.Epoch})
	if err := root.Link("bin/cat", "bin/busybox", "test"); err != nil {
		t.Fatal(err)
	}
	return root
}

// GNU cpio lists and unpacks the archive.
func TestGNUCPIOReadsIt(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	if err := WriteCPIO(&archive, sample(t)); err != nil {
		t.Fatal(err)
	}
	if archive.Len()%512 != 0 {
		t.Errorf("%d bytes are not a multiple of 512", archive.Len())
	}
	listing := runCPIO(t, t.TempDir(), archive.Bytes(), "-itvn")
	want := []string{
		"-rwsr-xr-x   2 0        0               7", "bin/busybox", "bin/cat", "bin/sh -> busybox",
		"crw-rw-rw-   1 0        0          1,   3", "prw-------", "drwxrwxrwt   2", "Apr 18  2017",
	}
	for _, line := range want {
		if !strings.Contains(listing, line) {
			t.Errorf("no %q in\n%s", line, listing)
		}
	}
	dir := t.TempDir()
	runCPIO(t, dir, archive.Bytes(), "-idm", "--no-absolute-filenames", "bin/*", "empty")
	for _, name := range []string{"bin/busybox", "bin/cat", "bin/sh"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "BUSYBOX" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if a, b := stat(t, dir, "bin/busybox"), stat(t, dir, "bin/cat"); !os.SameFile(a, b) {
		t.Error("the hard link became a copy")
	}
}

func runCPIO(t *testing.T, dir string, archive []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("cpio", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(archive)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cpio %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func stat(t *testing.T, dir, name string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestRejectsUnsupportedFiles(t *testing.T) {
	t.Parallel()
	for name, inode := range map[string]*tree.Inode{
		"too large":    {Type: tar.TypeReg, Size: 1 << 32, Data: bytes.NewReader(nil)},
		"unknown type": {Type: 's'},
	} {
		root := tree.New()
		root.Put("var/"+name, inode)
		err := WriteCPIO(io.Discard, root)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "/var/"+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRejectsTruncatedContent(t *testing.T) {
	t.Parallel()
	root := tree.New()
	root.Put("f", &tree.Inode{Type: tar.TypeReg, Size: 10, Data: strings.NewReader("short")})
	if err := WriteCPIO(io.Discard, root); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestCodecsRoundTripReproducibly(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("some text that repeats, and some that does not: ", 50_000))
	for _, name := range []string{"zstd", "zstd:1", "zstd:19", "gzip", "gzip:9", "lz4", "lz4:9", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			codec, err := ParseCodec(name)
			if err != nil {
				t.Fatal(err)
			}
			first, second := compress(t, codec, text), compress(t, codec, text)
			if !bytes.Equal(first, second) {
				t.Error("two runs differ")
			}
			if got := decompress(t, codec, first); !bytes.Equal(got, text) {
				t.Errorf("%d bytes came back as %d", len(text), len(got))
			}
		})
	}
}

func compress(t *testing.T, codec Codec, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := codec.Writer(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func decompress(t *testing.T, codec Codec, data []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	var err error
	switch codec.Name {
	case "zstd":
		r, err = zstd.NewReader(r)
	case "gzip":
		r, err = gzip.NewReader(r)
	case "lz4":
		r = lz4.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseCodecErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"brotli": "use zstd, gzip, lz4 or none", "": "unknown codec",
		"zstd:0": "1 to 19", "zstd:20": "1 to 19", "gzip:x": "1 to 9", "none:3": "0 to 0",
	} {
		if _, err := ParseCodec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func BenchmarkWriteCPIO(b *testing.B) {
	root := tree.New()
	content := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for i := range 1000 {
		root.Put(fmt.Sprintf("lib/file%d", i), tree.File(0o644, content))
	}
	b.SetBytes(1000 * int64(len(content)))
	for b.Loop() {
		if err := WriteCPIO(io.Discard, root); err != nil {
			b.Fatal(err)
		}
	}
}
