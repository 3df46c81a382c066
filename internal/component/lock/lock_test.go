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
	"github.com/org/linuxkit-action/internal/workspace"
)

// digest returns a digest of one repeated digit.
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

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["docker.io/library/alpine"] = Image{
		IndexDigest: digest("a"),
		Platforms:   map[string]Digest{"linux/arm/v7": digest("c"), "linux/amd64": digest("b")},
		Signer:      "key sha256:1",
	}
	l.Images["ghcr.io/acme/web:1"] = Image{IndexDigest: digest("d")}
	path := filepath.Join(t.TempDir(), "linuxkit.lock")
	for range 2 { // the second replaces the file
		if err := l.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("directory: %v, %v", entries, err)
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

func TestFindsEveryFormOfReference(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["docker.io/library/alpine"] = Image{IndexDigest: digest("a")}
	for image, want := range map[string]bool{
		"alpine": true, "alpine:latest": true, "docker.io/library/alpine": true, "index.docker.io/library/alpine:latest": true,
		"alpine:3": false, "linuxkit/alpine": false, "alpine@" + digest("a").String(): false,
	} {
		if _, ok := l.ByReference()[reference(t, image).Name()]; ok != want {
			t.Errorf("%s: %v", image, ok)
		}
	}
	var none *Lock
	if _, ok := none.ByReference()[reference(t, "alpine").Name()]; ok {
		t.Error("a nil lock has an image")
	}
	l.Remove("alpine:latest")
	if len(l.Images) != 0 {
		t.Errorf("not removed: %v", l.Images)
	}
}

func TestReportsProblems(t *testing.T) {
	t.Parallel()
	a, b, sha512 := digest("a").String(), digest("b").String(), "sha512:"+strings.Repeat("a", 128)
	for name, tt := range map[string]struct{ in, want string }{
		"no version":     {in: "images: {}", want: "version is missing"},
		"newer version":  {in: "version: 2\nimages: {}", want: "l.lock:1:1: version: 2 is not supported, only 1"},
		"empty":          {in: "null", want: "l.lock: is empty; remove it, or run linuxkit-action lock"},
		"not YAML":       {in: "<<<<<<< HEAD\nversion: 1\n=======\n", want: "not YAML"},
		"two documents":  {in: "version: 1\nimages: {}\n---\nversion: 1\n", want: "a second document"},
		"no images":      {in: "version: 1", want: "images is missing"},
		"no digest":      {in: image("alpine", "{}"), want: "images: alpine: digest is missing"},
		"null":           {in: image("alpine", "null"), want: `"alpine" has no digest`},
		"tag as digest":  {in: image("alpine", "{digest: latest}"), want: `"latest" must be a digest: sha256: and 64`},
		"sha512":         {in: image("alpine", "{digest: '"+sha512+"'}"), want: "must be a digest: sha256:"},
		"bad reference":  {in: image("'A B'", "{digest: "+a+"}"), want: "images: A B: not an image reference"},
		"other digest":   {in: image("'a/b@"+b+"'", "{digest: "+a+"}"), want: "digest: must be the one in the reference"},
		"bad platform":   {in: image("a", "{digest: "+a+", platforms: {amd64: "+a+"}}"), want: `"amd64" must be a platform, such as`},
		"misspelled key": {in: image("a", "{digst: x}"), want: `unknown key "digst"; did you mean "digest"?`},
		"same image twice": {
			in:   "version: 1\nimages:\n  alpine: {digest: " + a + "}\n  alpine:latest: {digest: " + a + "}",
			want: `l.lock:4:18: images: alpine:latest: is the same image as "alpine"`,
		},
	} {
		_, err := Parse("l.lock", []byte(tt.in))
		if !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, tt.want)
		}
	}
}

// image returns a lock with one entry.
func image(reference, entry string) string {
	return "version: 1\nimages: {" + reference + ": " + entry + "}"
}

func TestRejectsInvalidLockOnWrite(t *testing.T) {
	t.Parallel()
	l := New()
	l.Images["alpine"] = Image{IndexDigest: digest("a"), Platforms: map[string]Digest{"linux/a b": digest("a")}}
	path := filepath.Join(t.TempDir(), "linuxkit.lock")
	if err := l.Write(path); !errors.Is(err, strict.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an invalid lock was written")
	}
	outside := filepath.Join(t.TempDir(), "netrc")
	if err := errors.Join(os.WriteFile(outside, nil, 0o600), os.Symlink(outside, path)); err != nil {
		t.Fatal(err)
	}
	if err := New().Write(path); !errors.Is(err, workspace.ErrLink) {
		t.Errorf("through a link: error %v, want %v", err, workspace.ErrLink)
	}
}

// TestLoadDefaultFile is not parallel: it changes the working directory.
func TestLoadDefaultFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if l, err := Load(""); l != nil || err != nil {
		t.Errorf("missing: %v, %v", l, err)
	}
	_, err := Load("other.lock")
	if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "run linuxkit-action lock to write it") {
		t.Errorf("missing, with a path: %v", err)
	}
	if err := New().Write(DefaultFile); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(""); l == nil || err != nil {
		t.Errorf("present: %v, %v", l, err)
	}
	if err := os.WriteFile(DefaultFile, []byte(strings.Repeat("#", strict.MaxBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(""); !errors.Is(err, strict.ErrInvalid) {
		t.Errorf("too large: %v", err)
	}
}

func TestChangesAreSorted(t *testing.T) {
	t.Parallel()
	old, newer := New(), New()
	for reference, digits := range map[string][2]string{
		"unchanged": {"a", "a"}, "moved": {"a", "b"}, "removed": {"a", ""}, "added": {"", "a"},
	} {
		if digits[0] != "" {
			old.Images[reference] = Image{IndexDigest: digest(digits[0])}
		}
		if digits[1] != "" {
			newer.Images[reference] = Image{IndexDigest: digest(digits[1])}
		}
	}
	old.Images["signed"] = Image{IndexDigest: digest("a")}
	newer.Images["signed"] = Image{IndexDigest: digest("a"), Signer: "key"}
	var got []string
	for _, c := range old.Changes(newer) {
		got = append(got, c.Reference)
	}
	if text := strings.Join(got, " "); text != "added moved removed signed" {
		t.Errorf("got %s", text)
	}
	var none *Lock
	if changes := none.Changes(newer); len(changes) != 4 || changes[0].Old != nil {
		t.Errorf("nil to newer: %+v", changes)
	}
}

func FuzzParse(f *testing.F) {
	platforms := "{linux/amd64: " + digest("b").String() + "}"
	f.Add([]byte("version: 1\nimages: {alpine: {digest: " + digest("a").String() + ", platforms: " + platforms + ", signer: x}}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := Parse("l.lock", in)
		if err != nil {
			if !errors.Is(err, strict.ErrInvalid) {
				t.Errorf("error of no kind: %v", err)
			}
			return
		}
		if _, err := l.YAML(); err != nil {
			t.Errorf("parsed, but cannot be written: %v", err)
		}
	})
}
