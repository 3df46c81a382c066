package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/progress"
)

func TestFormatTableIsConsistent(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, f := range Formats() {
		if names[f.Name] || f.Summary == "" || len(f.Outputs) == 0 {
			t.Errorf("%s: duplicate, without a summary, or without outputs", f.Name)
		}
		names[f.Name] = true
		if f.Pipe && (len(f.Outputs) != 1 || f.Outputs[0].Stream == nil) {
			t.Errorf("%s: --o needs exactly one output, written as a stream", f.Name)
		}
		for _, o := range f.Outputs {
			if (o.Stream == nil) == (o.File == nil) {
				t.Errorf("%s: %s needs either Stream or File", f.Name, o.Kind)
			}
			if o.File == nil && f.Size.applies() {
				t.Errorf("%s: %s has a size rule, and cannot seek", f.Name, o.Kind)
			}
		}
	}
}

func TestFormatsShareEqualFiles(t *testing.T) {
	t.Parallel()
	kernelInitrd, _ := LookupFormat("kernel+initrd")
	other := Format{Name: "other", Outputs: kernelInitrd.Outputs[:1]}
	if err := checkConflicts([]Format{kernelInitrd, other}); err != nil {
		t.Fatal(err)
	}
	s := &System{Root: tree.New(), Kernel: tree.File(0o644, []byte("kernel"))}
	opts := Options{Name: "os", Output: t.TempDir(), Codec: initrd.Codec{Name: "none"}, Report: progress.Silent()}
	set, err := writeOutputs(t.Context(), s, []Format{kernelInitrd, other}, sboms{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := set.Find("kernel+initrd", artifacts.KindKernel)
	second, found := set.Find("other", artifacts.KindKernel)
	if !found || first.Path != second.Path || first.SHA256 != second.SHA256 {
		t.Errorf("got %+v and %+v", first, second)
	}
}

func TestRejectsFormatsWithDifferentFilesOfOneName(t *testing.T) {
	t.Parallel()
	tarFormat, _ := LookupFormat("tar")
	other := Format{Name: "other", Outputs: []Output{{Kind: "other", Suffix: ".tar"}}}
	err := checkConflicts([]Format{tarFormat, other})
	if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "formats tar and other both write NAME.tar") {
		t.Errorf("got %v", err)
	}
}

func TestManifestFormatsHasNoDuplicates(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, name := range ManifestFormats() {
		if seen[name] {
			t.Errorf("%s is listed twice", name)
		}
		seen[name] = true
	}
	if !seen["kernel+initrd"] || !seen["iso-bios"] {
		t.Errorf("got %v", ManifestFormats())
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"": 0, "1M": 1 << 20, "512M": 512 << 20, "2G": 2 << 30, "3": 3 << 30} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "1T", "-1M", "1.5G", "M", "1234567M", "1m", " 1M"} {
		if _, err := ParseSize(text); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestSizeRule(t *testing.T) {
	t.Parallel()
	computed, fixed := SizeRule{Unit: 1 << 20}, SizeRule{Unit: 1 << 30, Default: 1 << 30}
	for _, tt := range []struct {
		name               string
		rule               SizeRule
		requested, content int64
		want               int64
		err                string
	}{
		{name: "rounds the content up", rule: computed, content: 1<<20 + 1, want: 2 << 20},
		{name: "default is a minimum", rule: fixed, content: 5, want: 1 << 30},
		{name: "default grows with the content", rule: fixed, content: 1<<30 + 1, want: 2 << 30},
		{name: "requested size is rounded up", rule: fixed, requested: 1<<30 + 1<<20, content: 5, want: 2 << 30},
		{name: "requested size replaces the default", rule: computed, requested: 9 << 20, content: 5, want: 9 << 20},
		{name: "too small", rule: computed, requested: 1 << 20, content: 3<<20 - 1, err: "the image needs 3M, got 1M"},
	} {
		got, err := tt.rule.resolve(tt.requested, tt.content)
		if tt.err == "" && (err != nil || got != tt.want) {
			t.Errorf("%s: got %d, %v; want %d", tt.name, got, err, tt.want)
		}
		if tt.err != "" && (!errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// diskFormat is a format as a disk image is one: it seeks, and leaves holes.
func diskFormat(write func(*DiskFile) error) Format {
	return Format{
		Name: "disk", Size: SizeRule{Unit: 1 << 20},
		Outputs: []Output{{
			Kind: "disk", Suffix: ".img", Needs: []Part{PartUKI},
			File: func(_ context.Context, f *DiskFile, _ *product) error { return write(f) },
		}},
	}
}

// writeEnds allocates a disk and writes its last byte before its first.
func writeEnds(f *DiskFile) error {
	size, err := f.Allocate(3<<20 - 1)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("E"), size-1)
	_, firstErr := f.WriteAt([]byte("B"), 0)
	return errors.Join(err, firstErr)
}

func TestFileOutputSeeks(t *testing.T) {
	t.Parallel()
	s := &System{Root: tree.New(), Kernel: tree.File(0o644, []byte("kernel"))}
	opts := Options{Name: "os", Output: t.TempDir(), Size: 4 << 20, Report: progress.Silent()}
	set, err := writeOutputs(t.Context(), s, []Format{diskFormat(writeEnds)}, sboms{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := set.Find("disk", "disk")
	content := read(t, set, "disk", "disk")
	if f.Size != 4<<20 || len(content) != 4<<20 || content[0] != 'B' || content[4<<20-1] != 'E' {
		t.Errorf("got %+v, %d bytes", f, len(content))
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(content)); f.SHA256 != want {
		t.Errorf("got sha256 %s, want %s", f.SHA256, want)
	}
}

func TestFailedFileOutputLeavesNothing(t *testing.T) {
	t.Parallel()
	kernel := tree.File(0o644, []byte("kernel"))
	for _, tt := range []struct {
		name   string
		kernel *tree.Inode
		size   int64
		write  func(*DiskFile) error
		want   string
	}{
		{name: "no kernel", write: writeEnds, want: "os.img: the system has no UKI; add a kernel to the manifest"},
		{name: "too small", kernel: kernel, size: 1 << 20, write: writeEnds, want: "the image needs 3M, got 1M"},
		{
			name: "writer fails", kernel: kernel,
			write: func(*DiskFile) error { return fmt.Errorf("disk full") },
			want:  "disk: os.img: disk full",
		},
	} {
		opts := Options{Name: "os", Output: t.TempDir(), Size: tt.size, Report: progress.Silent()}
		_, err := writeOutputs(t.Context(), &System{Root: tree.New(), Kernel: tt.kernel},
			[]Format{diskFormat(tt.write)}, sboms{}, opts)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
		if left, _ := os.ReadDir(opts.Output); len(left) != 0 {
			t.Errorf("%s: left %v", tt.name, left)
		}
	}
}

// docsFile lists the formats for users. UPDATE=1 go test ./internal/build writes it.
const docsFile = "../../docs/formats.md"

const docsHead = `# Output formats

<!-- Generated from the format table (internal/build/format.go) by UPDATE=1 go test ./internal/build. -->

` + "`--format`" + ` selects formats; it may be repeated, or list several separated by commas.
` + "`NAME`" + ` is ` + "`--name`" + `, by default the file name of the manifest without its extension.

| Format | Files | Contains | Boots with | Size | Architectures |
|---|---|---|---|---|---|
`

func formatsMarkdown() string {
	var out strings.Builder
	out.WriteString(docsHead)
	for _, f := range Formats() {
		files, boots := []string{}, []string{}
		for _, o := range f.Outputs {
			files = append(files, "`NAME"+o.Suffix+"`")
		}
		for _, b := range f.Boots {
			boots = append(boots, b.String())
		}
		arches := "all"
		if f.Arches != nil {
			arches = strings.Join(f.Arches, ", ")
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s |\n",
			f.Name, strings.Join(files, ", "), f.Summary, orDash(strings.Join(boots, ", ")), f.Size, arches)
	}
	fmt.Fprintf(&out, "\n`--o FILE|-` writes one of %s as a single file or to standard output.\n",
		strings.Join(PipeFormats(), ", "))
	return out.String()
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func TestDocumentationListsTheFormatTable(t *testing.T) {
	t.Parallel()
	want := formatsMarkdown()
	if os.Getenv("UPDATE") != "" {
		if err := errors.Join(os.MkdirAll(filepath.Dir(docsFile), 0o755),
			os.WriteFile(docsFile, []byte(want), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsFile)
	if err != nil || string(got) != want {
		t.Errorf("%s differs from the format table (%v); run UPDATE=1 go test ./internal/build", docsFile, err)
	}
}
