package cli

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
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
)

// maxResident is the memory within which hostile input is rejected, in KiB.
const maxResident = 512 << 10

// zstdLayer returns a layer whose archive write makes. It is compressed as it is written.
func zstdLayer(t *testing.T, write func(w *tar.Writer) error) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	compressed, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(compressed)
	if err := errors.Join(write(archive), archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return static.NewLayer(out.Bytes(), types.OCILayerZStd)
}

func repeatedEntries(n int, name func(i int) string) func(w *tar.Writer) error {
	return func(w *tar.Writer) error {
		for i := range n {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name(i), Mode: 0o755}); err != nil {
				return err
			}
		}
		return nil
	}
}

func largeXattrs(w *tar.Writer) error {
	value := strings.Repeat("x", 1_000_000)
	for range 300 {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: "d/", PAXRecords: map[string]string{"SCHILY.xattr.user.a": value}}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	return nil
}

// sparseArchive returns an archive of files without data, whose size is that of a hole
// (GNU tar manual, "Old GNU Format").
func sparseArchive(files int, size int64) []byte {
	var out bytes.Buffer
	for i := range files {
		h := make([]byte, 512)
		copy(h, fmt.Sprintf("hole%d", i))
		copy(h[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00        S")
		copy(h[257:], "ustar  \x00")
		copy(h[386:], fmt.Sprintf("%011o\x0000000000000\x00", size))
		copy(h[483:], fmt.Sprintf("%011o\x00", size))
		sum := 0
		for _, b := range h {
			sum += int(b)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		out.Write(h)
	}
	out.Write(make([]byte, 1024))
	return out.Bytes()
}

// hostileInput is a manifest, with a policy where cue is set, and how it is rejected.
type hostileInput struct {
	manifest, cue string
	code          int
	want          string
}

func hostileInputs(t *testing.T) map[string]hostileInput {
	t.Helper()
	host := image.Serve(t, nil)
	push := func(name string, layer v1.Layer) string {
		reference := host + "/acme/" + name + ":1"
		image.Push(t, image.Make(t, v1.Config{}, layer), reference)
		return "{name: " + name + ", image: '" + reference + "'}"
	}
	service := func(name string, layer v1.Layer) string { return "services: [" + push(name, layer) + "]" }
	numbered := func(i int) string { return fmt.Sprintf("folder%d/", i) }
	paths := zstdLayer(t, repeatedEntries(130_000, numbered))
	several := "services:\n"
	for i := range 4 {
		several += "- " + push(fmt.Sprintf("paths%d", i), paths) + "\n"
	}
	small := service("small", image.Layer(t, image.File("a", "1")))
	return map[string]hostileInput{
		"folders with xattrs of 1 MB": {
			manifest: service("xattrs", zstdLayer(t, largeXattrs)), code: exitAssembly, want: "extended attributes of 1000006 bytes",
		},
		"entries for one folder": {
			manifest: service("entries", zstdLayer(t, repeatedEntries(700_000, func(int) string { return "d/" }))),
			code:     exitAssembly, want: "more than 600000 entries",
		},
		"paths in one image": {
			manifest: service("paths", zstdLayer(t, repeatedEntries(400_000, numbered))), code: exitAssembly, want: "MiB of memory",
		},
		"paths in several images": {manifest: several, code: exitAssembly, want: "MiB of memory"},
		"sparse files of 12 GB": {
			manifest: service("sparse", image.RawLayer(t, sparseArchive(3, 4<<30-1))), code: exitAssembly, want: "raise --max-size",
		},
		"anchor of 1 MB, 3,000 times": {
			manifest: small + "\nfiles:\n- {path: /a, contents: &big " + strings.Repeat("x", 1<<20) + "}\n" +
				strings.Repeat("- {path: /b, contents: *big}\n", 3000),
			code: exitUsage, want: "aliases expanded",
		},
		"20 GB of text in CUE": {
			manifest: small, cue: `import "strings", predicate: id: strings.Repeat("x", 20000000000)`,
			code: exitUsage, want: "MiB of memory",
		},
	}
}

// TestRejectsHostileInputWithinMemory runs the command, and measures its peak memory. A
// process begins with that of its parent.
func TestRejectsHostileInputWithinMemory(t *testing.T) {
	keys := t.TempDir()
	if err := registry.NewKey(keys); err != nil {
		t.Fatal(err)
	}
	for name, tt := range hostileInputs(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "os.yml"), tt.manifest)
			if tt.cue != "" {
				rule := "rules: [{match: '**', key: cosign.pub, attestations: [{type: vuln, cue: '" + tt.cue + "'}]}]"
				dir = keys
				write(t, filepath.Join(dir, "os.yml"), tt.manifest)
				write(t, filepath.Join(dir, "linuxkit.policy.yml"), rule)
			}
			start := time.Now()
			text, state := runCommand(t, dir, "build", "--format", "tar", "--cache", t.TempDir(), "os.yml")
			peak := state.SysUsage().(*syscall.Rusage).Maxrss
			t.Logf("exit %d in %v, peak memory %d MiB: %.300s", state.ExitCode(), time.Since(start), peak>>10, text)
			if state.ExitCode() != tt.code || !strings.Contains(text, tt.want) {
				t.Errorf("want exit %d and %q", tt.code, tt.want)
			}
			if peak > maxResident {
				t.Errorf("peak memory is %d KiB, the limit is %d", peak, maxResident)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runCommand runs linuxkit-action in a folder, as a process, and returns its output.
func runCommand(t *testing.T, dir string, args ...string) (string, *os.ProcessState) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command := exec.CommandContext(t.Context(), self)
	command.Args = append([]string{"linuxkit-action"}, args...)
	command.Dir = dir
	command.Stdout, command.Stderr = io.Discard, &out
	_ = command.Run() // the caller checks the exit code
	if command.ProcessState == nil {
		t.Fatal("the command did not start")
	}
	return out.String(), command.ProcessState
}
