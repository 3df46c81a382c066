package build

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
)

// fixture is a registry with a few images, a folder with a manifest, and a cache.
type fixture struct {
	t     *testing.T
	host  string
	dir   string
	cache *component.Cache
}

func newFixture(t *testing.T) *fixture {
	fx := &fixture{t: t, host: image.Serve(t, nil), dir: t.TempDir()}
	runs := v1.Config{Cmd: []string{"/run"}}
	image.Push(t, image.Kernel(t), fx.host+"/kernel:1")
	image.Push(t,
		image.Make(t, v1.Config{},
			image.Layer(t, image.File("usr/bin/runc", "RUNC"), image.File("etc/hostname", "docker"), image.Dir("etc"))),
		fx.host+"/runc:1")
	image.Push(t,
		image.Make(t, v1.Config{}, image.Layer(t, image.File("init", "STOCK"), image.File("sbin/modprobe", "M"))),
		fx.host+"/init:1")
	image.Push(t,
		image.Make(t, runs, image.Layer(t, image.File("run", "#!"), image.File("etc/resolv.conf", "nameserver 1.1.1.1"))),
		fx.host+"/app:1")
	image.Push(t,
		image.Make(t, v1.Config{}, image.Layer(t, image.Symlink("lib", "usr/lib"), image.Dir("usr/lib"))),
		fx.host+"/merged:1")
	image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("lib", "a file"))), fx.host+"/odd:1")
	cache, err := component.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fx.cache = cache
	return fx
}

// assemble builds a manifest in which HOST stands for the registry.
func (fx *fixture) assemble(text string, change func(*Options)) (*artifacts.Set, error) {
	fx.t.Helper()
	verified, opts := fx.verified(text), fx.options()
	if change != nil {
		change(&opts)
	}
	return Assemble(fx.t.Context(), verified, opts)
}

func (fx *fixture) options() Options {
	return Options{
		Name: "os", Output: filepath.Join(fx.dir, "out"), Formats: []string{"kernel+initrd"}, Codec: initrd.Codec{Name: "none"},
		Init: InitAuto, Cache: fx.cache, Report: progress.Silent(),
	}
}

// verified loads and resolves a manifest.
func (fx *fixture) verified(text string) *verify.Verified {
	fx.t.Helper()
	path := filepath.Join(fx.dir, "os.yml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "HOST", fx.host)), 0o600); err != nil {
		fx.t.Fatal(err)
	}
	m, err := manifest.Load(fx.t.Context(), []string{path}, manifest.Options{})
	if err != nil {
		fx.t.Fatal(err)
	}
	silent := progress.Silent()
	set, err := component.Resolve(fx.t.Context(), m, "amd64", &component.Registry{}, silent)
	if err != nil {
		fx.t.Fatal(err)
	}
	verified, err := verify.Check(fx.t.Context(), set, nil, verify.Options{Mode: verify.Off})
	if err != nil {
		fx.t.Fatal(err)
	}
	return verified
}

const manifestText = `
kernel: {image: HOST/kernel:1, cmdline: console=ttyS0}
init: [HOST/runc:1]
onboot:
  - {name: first, image: HOST/app:1}
services:
  - {name: app, image: HOST/app:1, readonly: true}
files:
  - {path: etc/motd, contents: hello, mode: "0644", uid: first}
`

// readInitrd decodes an uncompressed initrd: name → "mode uid content".
func readInitrd(t *testing.T, set *artifacts.Set) map[string]string {
	t.Helper()
	f, _ := set.Find("kernel+initrd", artifacts.KindInitrd)
	data, err := os.ReadFile(set.Abs(f))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for len(data) > 110 {
		var fields [13]uint32
		for i := range fields {
			fmt.Sscanf(string(data[6+8*i:14+8*i]), "%08x", &fields[i])
		}
		size, nameLen := int(fields[6]), int(fields[11])
		name := string(data[110 : 110+nameLen-1])
		body := (110 + nameLen + 3) &^ 3
		out[name] = fmt.Sprintf("%o %d %s", fields[1], fields[2], data[body:body+size])
		data = data[(body+size+3)&^3:]
		if name == "TRAILER!!!" {
			break
		}
	}
	return out
}

func TestAssembleRootFileSystem(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	set, err := fx.assemble(manifestText, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := readInitrd(t, set)
	for name, want := range map[string]string{
		"usr/bin/runc":                          "100644 0 RUNC",
		"lib/modules/6.1/modules.dep":           "100644 0 overlay.ko:\n",
		"sbin/modprobe":                         "120777 0 /init",
		"dev/null":                              "20666 0 ",
		"etc/motd":                              "100644 100 hello",
		"etc/resolv.conf":                       "120777 0 /run/resolvconf/resolv.conf",
		"etc/hosts":                             "100644 0 " + hosts,
		"tmp":                                   "41777 0 ",
		"containers/onboot/000-first/lower/run": "100644 0 #!",
		"containers/onboot/000-first/tmp":       "40755 0 ",
		"containers/onboot/000-first/rootfs":    "40755 0 ",
		"containers/services/app/rootfs":        "40755 0 ",
		"containers/onboot/000-first/lower/etc/resolv.conf": "100644 0 " + emptyResolver,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{
		"etc/hostname", "boot", "boot/dtb", "containers/services/app/lower",
		"containers/services/app/rootfs/run",
	} {
		if _, there := got[name]; there {
			t.Errorf("%s exists", name)
		}
	}
	if !strings.Contains(got["containers/services/app/runtime.json"], `"source": "/containers/onboot/000-first/lower"`) {
		t.Errorf("two containers of one image do not share its files: %s",
			got["containers/services/app/runtime.json"])
	}
	if len(got["init"]) < 1<<20 || set.Init != "builtin" {
		t.Errorf("PID 1 is %q with %d bytes", set.Init, len(got["init"]))
	}
}

func TestAssembleWritesArtifacts(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	if _, err := fx.assemble(manifestText, nil); err != nil {
		t.Fatal(err)
	}
	set, err := artifacts.Load(filepath.Join(fx.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	var files, roles []string
	for _, f := range set.Files {
		files = append(files, f.Kind+" "+f.Path)
		if info, err := os.Stat(set.Abs(f)); err != nil || info.Size() != f.Size || len(f.SHA256) != 64 {
			t.Errorf("%s: %v, %v", f.Path, info, err)
		}
	}
	for _, c := range set.Components {
		roles = append(roles, c.Role+" "+c.Name)
		if !strings.HasPrefix(c.IndexDigest, "sha256:") || c.Bytes == 0 {
			t.Errorf("component %+v", c)
		}
	}
	if got, want := strings.Join(files, ", "), "kernel os-kernel, initrd os-initrd.img, cmdline os-cmdline"; got != want {
		t.Errorf("files: %s", got)
	}
	if got, want := strings.Join(roles, ", "), "kernel kernel, init runc, onboot first, service app"; got != want {
		t.Errorf("components: %s", got)
	}
	if left, _ := os.ReadDir(filepath.Join(fx.dir, "out")); len(left) != 4 {
		t.Errorf("the folder holds %v", left)
	}
}

func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	first, second := newFixture(t), newFixture(t)
	second.host = first.host // same registry, another folder and an empty cache
	for _, codec := range []string{"zstd", "gzip", "lz4", "none"} {
		var sums []string
		for _, fx := range []*fixture{first, second, first} {
			set, err := fx.assemble(manifestText, func(o *Options) { o.Codec, _ = initrd.ParseCodec(codec) })
			if err != nil {
				t.Fatal(err)
			}
			list, err := os.ReadFile(filepath.Join(fx.dir, "out", "os-artifacts.json"))
			if err != nil || len(set.Files) != 3 {
				t.Fatal(err)
			}
			sums = append(sums, string(list))
		}
		if sums[0] != sums[1] || sums[0] != sums[2] {
			t.Errorf("%s: three builds differ", codec)
		}
	}
}

func TestInitChoice(t *testing.T) {
	t.Parallel()
	const stock = "init: [HOST/init:1]"
	for name, tt := range map[string]struct{ text, choice, want string }{
		"auto without init in the manifest":    {text: "init: [HOST/runc:1]", choice: InitAuto, want: "builtin"},
		"auto with init in the manifest":       {text: stock, choice: InitAuto, want: "init:1"},
		"builtin replaces the manifest's init": {text: stock, choice: InitBuiltin, want: "builtin"},
		"manifest":                             {text: stock, choice: InitManifest, want: "init:1"},
		"manifest without init":                {text: "init: [HOST/runc:1]", choice: InitManifest, want: "no init image contains /init"},
		"init from files": {
			text: "files: [{path: init, contents: x, mode: '0755'}]", choice: InitAuto, want: "os.yml",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := newFixture(t).assemble(tt.text, func(o *Options) { o.Init = tt.choice })
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Error(err)
				}
				return
			}
			if !strings.Contains(set.Init, tt.want) {
				t.Errorf("init is %q", set.Init)
			}
			if modprobe := readInitrd(t, set)["sbin/modprobe"]; tt.choice == InitBuiltin && !strings.HasSuffix(modprobe, "/init") {
				t.Errorf("modprobe is %q", modprobe)
			}
		})
	}
}

func TestAssembleErrors(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	os.WriteFile(filepath.Join(fx.dir, "inside"), []byte("x"), 0o600)
	os.Symlink("/etc/passwd", filepath.Join(fx.dir, "link"))
	for name, tt := range map[string]struct{ text, want string }{
		"missing kernel":                         {"kernel: {image: HOST/app:1}", `os.yml:1:10: kernel: image`},
		"missing modules":                        {"kernel: {image: HOST/kernel:1, tar: mods.tar}", `no file /mods.tar`},
		"modules are no tar archive":             {"kernel: {image: HOST/kernel:1, tar: System.map}", `/System.map: malformed image`},
		"file replaces a linked folder":          {"init: [HOST/merged:1, HOST/odd:1]", "/lib is a link to usr/lib"},
		"file replaces a folder":                 {"init: [HOST/runc:1]\nfiles: [{path: etc, contents: x}]", "a file cannot replace it"},
		"source outside the repository":          {"files: [{path: a, source: ../../../../../../etc/passwd}]", "outside the repository /"},
		"absolute source outside the repository": {"files: [{path: a, source: /etc/passwd}]", "outside the repository /"},
		"source is a link out of the repository": {"files: [{path: a, source: link}]", "leads out of"},
		"missing source":                         {"files: [{path: a, source: none}]", `source "none": file does not exist`},
		"source is a folder":                     {"files: [{path: a, source: .}]", "not a regular file; it is a folder"},
		"container without a command":            {"services: [{name: a, image: HOST/merged:1}]", "no command in the manifest or the image"},
	} {
		_, err := fx.assemble(tt.text, nil)
		if !errors.Is(err, ErrAssembly) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v\nwant %s", name, err, tt.want)
		}
		if left, _ := os.ReadDir(filepath.Join(fx.dir, "out")); len(left) != 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestFilesAreReadFromTheRepository(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	os.MkdirAll(filepath.Join(fx.dir, ".git"), 0o755)
	os.WriteFile(filepath.Join(fx.dir, "conf"), []byte("CONF"), 0o600)
	set, err := fx.assemble(`
files:
  - {path: etc/deep/conf, source: ./conf}
  - {path: etc/none, source: missing, optional: true}
  - {path: etc/dir, directory: true}
  - {path: etc/link, symlink: ../conf}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := readInitrd(t, set)
	for name, want := range map[string]string{
		"etc": "40755 0 ", "etc/deep": "40700 0 ", "etc/deep/conf": "100600 0 CONF",
		"etc/dir": "40700 0 ", "etc/none": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if _, err := fx.assemble("files: [{path: a, source: /etc/hostname}]", func(o *Options) { o.AllowOutside = true }); err != nil {
		t.Errorf("--allow-outside: %v", err)
	}
}

func TestRejectsUnknownFormat(t *testing.T) {
	t.Parallel()
	_, err := newFixture(t).assemble(manifestText, func(o *Options) { o.Formats = []string{"floppy"} })
	if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "kernel+initrd") {
		t.Errorf("got %v", err)
	}
}

func TestDetectsSparseFiles(t *testing.T) {
	t.Parallel()
	for _, h := range []*tar.Header{{Typeflag: tar.TypeGNUSparse}, {PAXRecords: map[string]string{"GNU.sparse.major": "1"}}} {
		if !isSparse(h) {
			t.Errorf("%+v", h)
		}
	}
}

func TestCancelLeavesNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &System{Root: tree.New(), Kernel: tree.File(0o644, bytes.Repeat([]byte("k"), 1<<20))}
	_, err := writeOutputs(ctx, s, formats, sboms{},
		Options{Name: "os", Output: dir, Codec: initrd.Codec{Name: "none"}, Report: progress.Silent()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
