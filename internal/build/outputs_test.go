package build

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/progress"
)

// member is one file of a tar archive.
type member struct {
	*tar.Header
	content string
}

func (m member) String() string {
	return fmt.Sprintf("%c %o %s", m.Typeflag, m.Mode, m.content)
}

func members(t *testing.T, r io.Reader) (names []string, found map[string]member) {
	t.Helper()
	found = map[string]member{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names, found
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[h.Name]; twice {
			t.Errorf("duplicate member %s", h.Name)
		}
		names, found[h.Name] = append(names, h.Name), member{h, string(content)}
	}
}

func read(t *testing.T, set *artifacts.Set, format, kind string) []byte {
	t.Helper()
	f, ok := set.Find(format, kind)
	if !ok {
		t.Fatalf("no %s of %s in %+v", kind, format, set.Files)
	}
	b, err := os.ReadFile(set.Abs(f))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fullKernel pushes a kernel image with microcode, to HOST/full:1.
func fullKernel(t *testing.T, fx *fixture, kernel, ucode string) {
	t.Helper()
	modules := image.Tar(t, image.File("./lib/modules/6.1/modules.dep", "overlay.ko:\n"),
		image.File("./boot/dtb/board.dtb", "DTB"), image.File("./boot/kernel", "ignored"))
	binary := image.File("kernel", kernel)
	binary.Mode = 0o600
	image.Push(t,
		image.Make(t, v1.Config{},
			image.Layer(t, binary, image.File("kernel.tar", string(modules)), image.File("ucode.cpio", ucode))),
		fx.host+"/full:1")
}

const fullManifest = `
kernel: {image: HOST/full:1, cmdline: console=ttyS0, ucode: ucode.cpio}
init: [HOST/runc:1]
volumes:
  - {name: blank}
  - {name: seeded, image: HOST/app:1}
onboot:
  - {name: first, image: HOST/app:1}
services:
  - {name: app, image: HOST/app:1, readonly: true}
files:
  - {path: etc/deep/motd, contents: hello}
`

func formatsOf(names ...string) func(*Options) {
	return func(o *Options) { o.Formats = names }
}

// assembleTar builds fullManifest as a tar archive, and returns the registry too.
func assembleTar(t *testing.T) (set *artifacts.Set, host string) {
	t.Helper()
	fx := newFixture(t)
	fullKernel(t, fx, "KERNEL", "UCODE")
	set, err := fx.assemble(fullManifest, formatsOf("tar"))
	if err != nil {
		t.Fatal(err)
	}
	return set, fx.host
}

func TestTarContainsRootAndBoot(t *testing.T) {
	t.Parallel()
	set, _ := assembleTar(t)
	names, found := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
	if got := strings.Join(names[:6], " "); got != "boot boot/cmdline boot/dtb boot/dtb/board.dtb boot/kernel boot/ucode.cpio" {
		t.Errorf("it begins with %s", got)
	}
	for i, name := range names {
		if dir := filepath.Dir(name); dir != "." && slices.Index(names, dir) > i || strings.HasSuffix(name, "/") || strings.HasPrefix(name, ".") {
			t.Errorf("%s: its folder comes later, or its name differs from LinuxKit's notation", name)
		}
	}
	for name, want := range map[string]string{
		"boot": "5 755 ", "boot/cmdline": "0 644 console=ttyS0", "boot/kernel": "0 600 KERNEL",
		"boot/ucode.cpio": "0 644 UCODE", "boot/dtb/board.dtb": "0 644 DTB",
		"usr/bin/runc": "0 644 RUNC", "lib/modules/6.1/modules.dep": "0 644 overlay.ko:\n", "etc/deep/motd": "0 600 hello",
	} {
		if got := found[name].String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if f := set.Files[0]; len(set.Files) != 1 || f.Path != "os.tar" {
		t.Errorf("files: %+v", set.Files)
	}
}

func TestTarMembersHaveOriginRecords(t *testing.T) {
	t.Parallel()
	set, host := assembleTar(t)
	_, found := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
	from := func(m member) string {
		return m.PAXRecords["LINUXKIT.source"] + " " + m.PAXRecords["LINUXKIT.location"]
	}
	for name, m := range found {
		if source, location, _ := strings.Cut(from(m), " "); source == "" || location == "" || m.Format != tar.FormatPAX {
			t.Errorf("%s: %q, %v", name, from(m), m.Format)
		}
	}
	for name, want := range map[string]string{
		"boot/kernel": "full:1 kernel", "boot/cmdline": "full:1 kernel", "lib/modules/6.1": "full:1 kernel",
		"usr/bin": "runc:1 init[0]", "etc/hosts": "runc:1 init[0]",
		"containers/volumes/blank/lower": "empty volume[0]", "containers/volumes/blank/tmp": "linuxkit.volumes volume[0]",
		"containers/volumes/seeded/lower/run": "app:1 volume[1]", "containers/volumes/seeded/merged": "linuxkit.volumes volume[1]",
		"containers/onboot": "app:1 onboot[0]", "containers/onboot/000-first/lower/run": "app:1 onboot[0]",
		"containers/onboot/000-first/config.json": "app:1 onboot[0]",
		"containers/services/app/rootfs":          "app:1 services[0]", "containers/services/app/runtime.json": "app:1 services[0]",
		"etc/deep": "linuxkit.files files[0]", "etc/deep/motd": "linuxkit.files files[0]",
		"init": "linuxkit-action.init init", "sbin/modprobe": "linuxkit-action.init init",
	} {
		if got := strings.TrimPrefix(from(found[name]), host+"/"); got != want {
			t.Errorf("%s is from %q, want %q", name, got, want)
		}
	}
}

func TestDockerAddsADockerfileToTheTar(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	fullKernel(t, fx, "KERNEL", "UCODE")
	for text, entry := range map[string]string{
		fullManifest: `ENTRYPOINT ["/init"]`, "init: [HOST/init:1]": `ENTRYPOINT ["/bin/rc.init"]`,
	} {
		set, err := fx.assemble(text, formatsOf("tar", "docker"))
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
		names, found := members(t, bytes.NewReader(read(t, set, "docker", artifacts.KindDocker)))
		if !slices.Equal(names, append(plain, "Dockerfile")) {
			t.Errorf("members: %q", names)
		}
		if got := found["Dockerfile"].String(); got != "0 644 FROM scratch\nCOPY . /\n"+entry+"\n" {
			t.Errorf("Dockerfile: %q", got)
		}
	}
}

func TestInitrdTarContainsBootFiles(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	fullKernel(t, fx, "KERNEL", "UCODE")
	set, err := fx.assemble(fullManifest, formatsOf("kernel+initrd", "tar-kernel-initrd"))
	if err != nil {
		t.Fatal(err)
	}
	names, found := members(t, bytes.NewReader(read(t, set, "tar-kernel-initrd", artifacts.KindInitrdTar)))
	if got := strings.Join(names, " "); got != "kernel initrd.img cmdline ucode.cpio" {
		t.Errorf("members: %s", got)
	}
	for name, want := range map[string]string{"kernel": "KERNEL", "cmdline": "console=ttyS0", "ucode.cpio": "UCODE"} {
		if got := found[name].String(); got != "0 644 "+want {
			t.Errorf("%s is %q", name, got)
		}
	}
	// Microcode first, up to a multiple of four, then the same initrd.
	if loose := read(t, set, "kernel+initrd", artifacts.KindInitrd); string(loose) != "UCODE\x00\x00\x00"+found["initrd.img"].content {
		t.Errorf("os-initrd.img begins with %q", loose[:16])
	}
	if _, err := fx.assemble("init: [HOST/runc:1]", formatsOf("tar-kernel-initrd")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(fx.dir, "out", "os-initrd.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if names, _ := members(t, f); len(names) != 1 || names[0] != "initrd.img" {
		t.Errorf("without a kernel: %q", names)
	}
}

// noteRecorder records notes.
type noteRecorder struct {
	progress.Reporter
	notes []string
}

func (n *noteRecorder) Note(format string, args ...any) {
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
}

func TestMissingMicrocodeIsReported(t *testing.T) {
	t.Parallel()
	fx, recorder := newFixture(t), &noteRecorder{Reporter: progress.Silent()}
	set, err := fx.assemble("kernel: {image: HOST/kernel:1, ucode: intel-ucode.cpio}", func(o *Options) { o.Report = recorder })
	if err != nil {
		t.Fatal(err)
	}
	if data := read(t, set, "kernel+initrd", artifacts.KindInitrd); !bytes.HasPrefix(data, []byte("070701")) {
		t.Errorf("the initrd begins with %q", data[:8])
	}
	if len(recorder.notes) != 1 || !strings.Contains(recorder.notes[0], "has no microcode /intel-ucode.cpio") {
		t.Errorf("notes: %q", recorder.notes)
	}
}

func TestFormatsAreReproducible(t *testing.T) {
	t.Parallel()
	first, second := newFixture(t), newFixture(t)
	second.host = first.host
	fullKernel(t, first, "KERNEL", "UCODE")
	var sums []string
	for _, fx := range []*fixture{first, second} {
		set, err := fx.assemble(fullManifest, formatsOf("tar", "docker", "tar-kernel-initrd", "kernel+initrd"))
		if err != nil {
			t.Fatal(err)
		}
		list, err := set.JSON()
		if err != nil || len(set.Files) != 6 {
			t.Fatal(err)
		}
		sums = append(sums, string(list))
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ:\n%s\n%s", sums[0], sums[1])
	}
}

func TestManifestFilesReplaceBootFiles(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	set, err := fx.assemble("kernel: {image: HOST/kernel:1, cmdline: quiet}\n"+
		"files: [{path: boot/cmdline, contents: mine}, {path: boot/grub/grub.cfg, contents: x}]",
		formatsOf("tar", "kernel+initrd"))
	if err != nil {
		t.Fatal(err)
	}
	_, found := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
	for name, want := range map[string]string{
		"boot": "5 755 ", "boot/kernel": "0 644 KERNEL", "boot/cmdline": "0 600 mine",
		"boot/grub/grub.cfg": "0 600 x", "boot/grub": "5 700 ",
	} {
		if got := found[name].String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if text := read(t, set, "kernel+initrd", artifacts.KindCmdline); string(text) != "mine" {
		t.Errorf("os-cmdline is %q", text)
	}
	for name := range readInitrd(t, set) {
		if strings.HasPrefix(name, "boot") {
			t.Errorf("/%s is in the initrd", name)
		}
	}
}

func TestRejectsTooLongCmdline(t *testing.T) {
	t.Parallel()
	_, err := newFixture(t).assemble("files: [{path: boot/cmdline, contents: "+strings.Repeat("x", maxCmdline+1)+"}]", nil)
	if !errors.Is(err, ErrAssembly) || !strings.Contains(err.Error(), "/boot/cmdline of ") {
		t.Errorf("got %v", err)
	}
}

func TestPackageDatabasesAreMerged(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	for tag, list := range map[string]string{"a": "P:musl\n", "b": "P:busybox\n"} {
		image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File(packageDatabase, list))), fx.host+"/apk:"+tag)
	}
	for text, want := range map[string]string{
		"[HOST/apk:a, HOST/runc:1, HOST/apk:b]": "P:musl\n\n\nP:busybox\n\n\n LINUXKIT.apkinit init",
		"[HOST/apk:b, HOST/runc:1]":             "P:busybox\n HOST/apk:b init[0]",
	} {
		set, err := fx.assemble("init: "+text, formatsOf("tar"))
		if err != nil {
			t.Fatal(err)
		}
		_, found := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
		m := found[packageDatabase]
		got := m.content + " " + m.PAXRecords["LINUXKIT.source"] + " " + m.PAXRecords["LINUXKIT.location"]
		if got != strings.ReplaceAll(want, "HOST", fx.host) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestDecompressedKernelInAllFormats(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	io.WriteString(z, "KERNEL")
	z.Close()
	fullKernel(t, fx, packed.String(), "UCODE")
	set, err := fx.assemble(fullManifest, func(o *Options) {
		o.Formats, o.DecompressKernel = []string{"kernel+initrd", "tar", "tar-kernel-initrd"}, true
	})
	if err != nil {
		t.Fatal(err)
	}
	_, system := members(t, bytes.NewReader(read(t, set, "tar", artifacts.KindTar)))
	_, parts := members(t, bytes.NewReader(read(t, set, "tar-kernel-initrd", artifacts.KindInitrdTar)))
	loose := string(read(t, set, "kernel+initrd", artifacts.KindKernel))
	if loose != "KERNEL" || system["boot/kernel"].content != "KERNEL" || parts["kernel"].content != "KERNEL" {
		t.Errorf("os-kernel %q, in the tar %q, for the loader %q", loose, system["boot/kernel"].content, parts["kernel"].content)
	}
	_, err = fx.assemble("kernel: {image: HOST/kernel:1}", func(o *Options) { o.DecompressKernel = true })
	if !errors.Is(err, ErrAssembly) || !strings.Contains(err.Error(), "os.yml:1:10: kernel: image") ||
		!strings.Contains(err.Error(), "omit --decompress-kernel") {
		t.Errorf("invalid kernel: %v", err)
	}
}

func TestStreamEqualsFile(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	fullKernel(t, fx, "KERNEL", "UCODE")
	set, err := fx.assemble(fullManifest, formatsOf("docker"))
	if err != nil {
		t.Fatal(err)
	}
	var down bytes.Buffer
	opts := fx.options()
	opts.Formats = []string{"docker"}
	if err := Stream(t.Context(), fx.verified(fullManifest), &down, opts); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(down.Bytes(), read(t, set, "docker", artifacts.KindDocker)) {
		t.Errorf("%d bytes, which differ from the file", down.Len())
	}
	for _, formats := range [][]string{{"kernel+initrd"}, {"tar", "docker"}, {"floppy"}, {}} {
		opts.Formats = formats
		if err := Stream(t.Context(), fx.verified(fullManifest), io.Discard, opts); !errors.Is(err, ErrUsage) {
			t.Errorf("%v: %v", formats, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	verified := fx.verified(fullManifest)
	opts.Formats = []string{"tar"}
	err = Stream(ctx, verified, writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }), opts)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// The formats share one compressed initrd.
func TestInitrdIsCompressedOnce(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	err := withSystem(t.Context(), fx.verified(manifestText), fx.options(), func(s *System) error {
		p := &product{System: s, opts: Options{Output: t.TempDir(), Codec: initrd.Codec{Name: "none"}}}
		first, err := p.initrd(t.Context())
		if err != nil {
			return err
		}
		second, err := p.initrd(t.Context())
		if first != second {
			t.Error("compressed twice")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kernelOf returns the header of a bzImage with a release
// (kernel Documentation/arch/x86/boot.rst).
func kernelOf(release string) string {
	image := make([]byte, 2048)
	copy(image[0x1fe:], "\x55\xaa\xeb\x6aHdrS")
	copy(image[0x20e:], "\x00\x04")
	copy(image[0x600:], release+" (builder) #1 SMP")
	return string(image)
}

func TestInitrdCodecFitsTheKernel(t *testing.T) {
	t.Parallel()
	const zstd, gzip, lz4 = "\x28\xb5\x2f\xfd", "\x1f\x8b", "\x02\x21\x4c\x18"
	for name, tt := range map[string]struct {
		release string
		codec   initrd.Codec
		want    string
		warned  bool
	}{
		"current":                 {release: "6.1.0-48-cloud-amd64", codec: initrd.Codec{}, want: zstd, warned: false},
		"first release with zstd": {release: "5.9.0-linuxkit", codec: initrd.Codec{}, want: zstd, warned: false},
		"before zstd":             {release: "5.4.172-linuxkit", codec: initrd.Codec{}, want: gzip, warned: false},
		"older major version":     {release: "4.19.121-linuxkit", codec: initrd.Codec{}, want: gzip, warned: false},
		"two-digit minor version": {release: "5.10.104", codec: initrd.Codec{}, want: zstd, warned: false},
		"unknown release":         {release: "", codec: initrd.Codec{}, want: zstd, warned: false},
		"release is not a number": {release: "five.4", codec: initrd.Codec{}, want: zstd, warned: false},
		"zstd requested before zstd": {
			release: "5.4.172-linuxkit", codec: initrd.Codec{Name: "zstd", Level: 3}, want: zstd,
			warned: true,
		},
		"lz4 requested before zstd": {
			release: "5.4.172-linuxkit", codec: initrd.Codec{Name: "lz4", Level: 1}, want: lz4,
			warned: false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fx, recorder := newFixture(t), &noteRecorder{Reporter: progress.Silent()}
			fullKernel(t, fx, kernelOf(tt.release), "")
			set, err := fx.assemble("kernel: {image: HOST/full:1}", func(o *Options) { o.Codec, o.Report = tt.codec, recorder })
			if err != nil {
				t.Fatal(err)
			}
			if data := read(t, set, "kernel+initrd", artifacts.KindInitrd); !bytes.HasPrefix(data, []byte(tt.want)) {
				t.Errorf("the initrd begins with %x, want %x", data[:4], tt.want)
			}
			warned := slices.ContainsFunc(recorder.notes, func(n string) bool {
				return strings.HasPrefix(n, "kernel 5.4.172-linuxkit may not support zstd")
			})
			if warned != tt.warned {
				t.Errorf("notes: %q", recorder.notes)
			}
		})
	}
}
