package lock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// digest makes one of a repeated digit.
func digest(digit string) Digest {
	return Digest{v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)}}
}

func reference(t *testing.T, image string) name.Reference {
	t.Helper()
	parsed, err := manifest.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["docker.io/library/alpine"] = Image{IndexDigest: digest("a"), Platforms: map[string]Digest{"linux/arm/v7": digest("c"), "linux/amd64": digest("b")}, Signer: "key sha256:1"}
	l.Images["ghcr.io/acme/web:1"] = Image{IndexDigest: digest("d")}
	path := filepath.Join(t.TempDir(), "linuxkit.lock")
	for range 2 { // over the first as well
		if err := l.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	read, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if changes := l.Changes(read); len(changes) != 0 {
		t.Errorf("changes %+v", changes)
	}
	first, err := l.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := read.YAML(); err != nil || string(second) != string(first) {
		t.Errorf("%v, got\n%s\nwant\n%s", err, second, first)
	}
}

func TestFindKnowsEveryFormOfAReference(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["docker.io/library/alpine"] = Image{IndexDigest: digest("a")}
	for image, want := range map[string]bool{
		"alpine": true, "alpine:latest": true, "docker.io/library/alpine": true, "index.docker.io/library/alpine:latest": true,
		"alpine:3": false, "linuxkit/alpine": false, "alpine@" + digest("a").String(): false,
	} {
		if _, ok := l.Find(reference(t, image)); ok != want {
			t.Errorf("%s: %v", image, ok)
		}
	}
	var none *Lock
	if _, ok := none.Find(reference(t, "alpine")); ok {
		t.Error("there is no lock, and it knows an image")
	}
	l.Forget("alpine:latest")
	if len(l.Images) != 0 {
		t.Errorf("not forgotten: %v", l.Images)
	}
}

func TestMistakesAreTold(t *testing.T) {
	t.Parallel()
	good := "{digest: " + digest("a").String() + "}"
	for in, want := range map[string]string{
		"images: {}":                                     "version is missing",
		"version: 2\nimages: {}":                         "l.lock:1:1: version: is 2, and this program knows 1",
		"version: 1":                                     "images is missing",
		"version: 1\nimages: {alpine: {}}":               "images: alpine: digest is missing",
		"version: 1\nimages: {alpine: null}":             `"alpine" has no digest`,
		"version: 1\nimages: {alpine: {digest: latest}}": `"latest" must be a digest: sha256: and 64`,
		"version: 1\nimages: {alpine: {digest: 'sha512:" + strings.Repeat("a", 128) + "'}}":                                 "must be a digest: sha256:",
		"version: 1\nimages: {'A B': " + good + "}":                                                                         "images: A B: not an image reference",
		"version: 1\nimages:\n  alpine: " + good + "\n  alpine:latest: " + good:                                             `l.lock:4:18: images: alpine:latest: is the same image as "alpine"`,
		"version: 1\nimages: {'a/b@" + digest("b").String() + "': " + good + "}":                                            "digest: must be the one in the reference",
		"version: 1\nimages: {a: {digest: " + digest("a").String() + ", platforms: {amd64: " + digest("a").String() + "}}}": `"amd64" must be a platform, such as linux/amd64`,
		"version: 1\nimages: {a: {digst: x}}":                                                                               `unknown key "digst"; did you mean "digest"?`,
		"<<<<<<< HEAD\nversion: 1\n=======\n":                                                                               "not YAML",
		"version: 1\nimages: {}\n---\nversion: 1\n":                                                                         "a second document",
	} {
		if _, err := Parse("l.lock", []byte(in)); !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", in, err, want)
		}
	}
}

func TestNothingUnreadableIsWritten(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["alpine"] = Image{IndexDigest: digest("a"), Platforms: map[string]Digest{"linux/a b": digest("a")}}
	path := filepath.Join(t.TempDir(), "linuxkit.lock")
	if err := l.Write(path); !errors.Is(err, strict.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("written")
	}
	if err := New().Write(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("written to nowhere")
	}
}

// TestLoadWithoutAName runs alone: it looks in the working directory.
func TestLoadWithoutAName(t *testing.T) {
	t.Chdir(t.TempDir())
	if l, err := Load(""); l != nil || err != nil {
		t.Errorf("none there: %v, %v", l, err)
	}
	if _, err := Load("other.lock"); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "linuxkit-action lock writes one") {
		t.Errorf("asked for: %v", err)
	}
	if err := New().Write(DefaultFile); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(""); l == nil || err != nil {
		t.Errorf("there: %v, %v", l, err)
	}
	if err := os.WriteFile(DefaultFile, []byte(strings.Repeat("#", strict.MaxBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(""); !errors.Is(err, strict.ErrInvalid) {
		t.Errorf("too large: %v", err)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	old, newer := New(), New()
	for reference, digits := range map[string][2]string{"stays": {"a", "a"}, "moves": {"a", "b"}, "goes": {"a", ""}, "comes": {"", "a"}} {
		if digits[0] != "" {
			old.Images[reference] = Image{IndexDigest: digest(digits[0])}
		}
		if digits[1] != "" {
			newer.Images[reference] = Image{IndexDigest: digest(digits[1])}
		}
	}
	old.Images["signed"], newer.Images["signed"] = Image{IndexDigest: digest("a")}, Image{IndexDigest: digest("a"), Signer: "key"}
	var got []string
	for _, c := range old.Changes(newer) {
		got = append(got, c.Reference)
	}
	if text := strings.Join(got, " "); text != "comes goes moves signed" {
		t.Errorf("got %s", text)
	}
	var none *Lock
	if changes := none.Changes(newer); len(changes) != 4 || changes[0].Old != nil {
		t.Errorf("from nothing: %+v", changes)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("version: 1\nimages: {alpine: {digest: " + digest("a").String() + ", platforms: {linux/amd64: " + digest("b").String() + "}, signer: x}}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := Parse("l.lock", in)
		if err != nil {
			if !errors.Is(err, strict.ErrInvalid) {
				t.Errorf("no kind: %v", err)
			}
			return
		}
		if _, err := l.YAML(); err != nil {
			t.Errorf("read, and cannot be written: %v", err)
		}
	})
}
