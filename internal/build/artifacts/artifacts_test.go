package artifacts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"github.com/org/linuxkit-action/internal/workspace"
)

var validList = `{"version":1,"name":"os","arch":"amd64","init":"builtin","files":[
	{"format":"kernel+initrd","kind":"kernel","path":"os-kernel","sha256":"` + strings.Repeat("a", 64) + `","size":3},
	{"format":"kernel+initrd","kind":"initrd","path":"os-initrd.img","sha256":"` + strings.Repeat("b", 64) + `","size":4},
	{"format":"tar","kind":"tar","path":"os.tar","sha256":"` + strings.Repeat("c", 64) + `","size":5}],
	"components":[{"role":"service","name":"web"},{"role":"onboot","name":"dhcp"},{"role":"service","name":"db"}]}`

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadAcceptsFolderListOrFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"os-artifacts.json": validList, "os-kernel": "", "os.tar": ""})
	for path, formats := range map[string]string{
		"": "kernel+initrd tar", "os-artifacts.json": "kernel+initrd tar",
		"os-kernel": "kernel+initrd", "os.tar": "tar",
	} {
		set, err := Load(filepath.Join(dir, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got := strings.Join(set.Formats(), " "); got != formats {
			t.Errorf("%s: formats %s, want %s", path, got, formats)
		}
		if names := set.Names("service"); !slices.Equal(names, []string{"web", "db"}) || set.Dir() != dir {
			t.Errorf("%s: services %v in %s", path, names, set.Dir())
		}
		if f, ok := set.Find("tar", "tar"); ok && set.Abs(f) != filepath.Join(dir, "os.tar") {
			t.Errorf("%s: %s", path, set.Abs(f))
		}
	}
}

// The JSON keys are a contract with users.
func TestJSONFormat(t *testing.T) {
	t.Parallel()
	set := New(t.TempDir(), "os")
	set.Arch, set.Init = "amd64", "builtin"
	set.Files = []File{
		{Format: "tar", Kind: KindTar, Path: "os.tar", SHA256: strings.Repeat("a", 64), Size: 3},
		{Format: "spdx", Kind: KindSBOM, Path: "os-sbom-init-runc.intoto.json", SHA256: strings.Repeat("b", 64), Size: 4},
	}
	set.Components = []Component{
		{Role: "kernel", Name: "kernel", Reference: "r", IndexDigest: "sha256:1", Bytes: 5},
		{Role: "init", Name: "runc", Reference: "s", IndexDigest: "sha256:2", Signer: "me", Bytes: 6, Rule: "rule 1 (**)", Verdict: report.Signed,
			Signatures: []signer.Signature{{Signer: "me", Certificate: "cc", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}},
	}
	set.SetSBOMs("s", []string{"os-sbom-init-runc.intoto.json"})
	text, err := set.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, text); err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"name":"os","arch":"amd64","init":"builtin","files":[` +
		`{"format":"tar","kind":"tar","path":"os.tar","sha256":"` + strings.Repeat("a", 64) + `","size":3},` +
		`{"format":"spdx","kind":"sbom","path":"os-sbom-init-runc.intoto.json","sha256":"` + strings.Repeat("b", 64) +
		`","size":4}],"components":[` +
		`{"role":"kernel","name":"kernel","reference":"r","digest":"sha256:1","bytes":5},` +
		`{"role":"init","name":"runc","reference":"s","digest":"sha256:2","signer":"me","bytes":6,` +
		`"rule":"rule 1 (**)","verdict":"signed","signatures":[{"signer":"me","certificate":"cc","time":"2026-01-02T03:04:05Z"}],` +
		`"sboms":["os-sbom-init-runc.intoto.json"]}]}`
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", got.String(), want)
	}
	path := filepath.Join(set.Dir(), "os-artifacts.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := Load(path)
	if err != nil || !reflect.DeepEqual(read, set) {
		t.Errorf("read back: %+v, %v", read, err)
	}
	if formats := read.Formats(); !slices.Equal(formats, []string{"tar"}) {
		t.Errorf("formats of the image: %v", formats)
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		path  string
		want  string
	}{
		"missing path": {files: nil, path: "none", want: "no such file"},
		"empty folder": {files: nil, path: "", want: "has no *-artifacts.json; run linuxkit-action build"},
		"several builds": {
			files: map[string]string{"a-artifacts.json": validList, "b-artifacts.json": validList}, path: "",
			want: "contains several builds (a-artifacts.json, b-artifacts.json",
		},
		"unsupported version": {files: map[string]string{"a-artifacts.json": `{"version":9}`}, path: "", want: "has version 9"},
		"invalid JSON":        {files: map[string]string{"a-artifacts.json": `{`}, path: "", want: "unexpected end"},
		"unlisted file": {
			files: map[string]string{"a-artifacts.json": validList, "stray": ""}, path: "stray",
			want: "no *-artifacts.json lists",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(filepath.Join(folder(t, tt.files), tt.path))
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func add(t *testing.T, f *Folder, base, content string) {
	t.Helper()
	_, err := f.Add(t.Context(), base, progress.Silent().Begin(base, 0), func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestCommitReplacesFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"list": "old", "a": "old"})
	f, err := OpenFolder(dir, "os")
	if err != nil {
		t.Fatal(err)
	}
	add(t, f, "a", "new")
	add(t, f, "list", "new list")
	if b, _ := os.ReadFile(filepath.Join(dir, "a")); string(b) != "old" {
		t.Errorf("before Commit a is %q", b)
	}
	if err := f.Commit("list"); err != nil {
		t.Fatal(err)
	}
	f.Abandon()
	if got := names(t, dir); !slices.Equal(got, []string{"a", "list"}) {
		t.Errorf("the folder holds %v", got)
	}
	for name, want := range map[string]string{"a": "new", "list": "new list"} {
		if b, _ := os.ReadFile(filepath.Join(dir, name)); string(b) != want {
			t.Errorf("%s is %q", name, b)
		}
	}
}

func TestAbandonKeepsOldFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"list": "old"})
	f, err := OpenFolder(dir, "os")
	if err != nil {
		t.Fatal(err)
	}
	add(t, f, "list", "new")
	f.Abandon()
	if got := names(t, dir); !slices.Equal(got, []string{"list"}) {
		t.Errorf("the folder holds %v", got)
	}
}

func TestStaleStagingFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".os-making-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := OpenFolder(dir, "os")
	if err != nil {
		t.Fatal(err)
	}
	second, err := OpenFolder(dir, "os") // the first is still in use
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 2 || slices.Contains(got, ".os-making-1") {
		t.Errorf("the folder holds %v", got)
	}
	first.Abandon()
	second.Abandon()
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %v", got)
	}
}

func TestAddHashesAndStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	f, err := OpenFolder(t.TempDir(), "os")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abandon()
	write := func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err }
	got, err := f.Add(t.Context(), "a", progress.Silent().Begin("a", 0), write)
	if err != nil || got.Size != 3 || got.SHA256 != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("got %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Add(ctx, "b", progress.Silent().Begin("b", 0), write); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWriteFileIsAtomic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "made", "os.tar")
	task := progress.Silent().Begin("", 0)
	writer := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, writeErr := io.WriteString(w, text)
			return errors.Join(writeErr, err)
		}
	}
	if err := WriteFile(t.Context(), path, task, writer("first", nil)); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := WriteFile(t.Context(), path, task, writer("half", broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Errorf("left %q", b)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(t.Context(), link, task, writer("through", nil)); !errors.Is(err, workspace.ErrLink) {
		t.Errorf("through a link: error %v, want %v", err, workspace.ErrLink)
	}
	if b, _ := os.ReadFile(path); string(b) != "first" {
		t.Errorf("written through a link: %q", b)
	}
}

func TestWriteFileWritesToPipes(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		b, _ := os.ReadFile(pipe)
		got <- string(b)
	}()
	err := WriteFile(t.Context(), pipe, progress.Silent().Begin("", 0), func(w io.Writer) error {
		_, err := io.WriteString(w, "bytes")
		return err
	})
	if info, statErr := os.Stat(pipe); err != nil || statErr != nil || info.Mode().IsRegular() {
		t.Fatalf("%v, %v, %v", err, info, statErr)
	}
	if text := <-got; text != "bytes" {
		t.Errorf("the reader got %q", text)
	}
}
