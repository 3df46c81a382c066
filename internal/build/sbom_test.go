package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/build/initrd"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/report"
)

// signedFixture is a registry of images that are signed by a key.
type signedFixture struct {
	t    *testing.T
	host string
	keys string
}

func newSignedFixture(t *testing.T) *signedFixture {
	t.Helper()
	v := &signedFixture{t: t, host: image.Serve(t, nil), keys: t.TempDir()}
	if err := registry.NewKey(v.keys); err != nil {
		t.Fatal(err)
	}
	return v
}

// push pushes an image, signs it, and attests SBOMs of these names. It returns what was
// attested.
func (v *signedFixture) push(tag string, sboms ...string) []string {
	v.t.Helper()
	digest := image.Push(v.t,
		image.Make(v.t, v1.Config{Cmd: []string{"/run"}}, image.Layer(v.t, image.File("run", tag))),
		v.host+"/"+tag)
	repository, _, _ := strings.Cut(tag, ":")
	reference, err := name.NewDigest(v.host + "/" + repository + "@" + digest.String())
	if err != nil {
		v.t.Fatal(err)
	}
	if err := registry.SignAs(v.t.Context(), reference, v.keys, reference.Context().Name()); err != nil {
		v.t.Fatal(err)
	}
	var attested []string
	for _, sbom := range sboms {
		envelope, err := registry.Attest(v.t.Context(), reference, v.keys, "https://spdx.dev/Document/v2.3",
			map[string]string{"name": sbom})
		if err != nil {
			v.t.Fatal(err)
		}
		attested = append(attested, string(envelope))
	}
	return attested
}

// build verifies a manifest, in which HOST stands for the registry, and assembles it.
func (v *signedFixture) build(text string, change func(*Options)) *artifacts.Set {
	v.t.Helper()
	rules, err := policy.Parse(filepath.Join(v.keys, "policy.yml"),
		[]byte("default: signed\nrules: [{match: '**', key: "+registry.PublicKey+"}]"))
	if err != nil {
		v.t.Fatal(err)
	}
	m, err := manifest.Load(v.t.Context(), []string{"-"},
		manifest.Options{Stdin: strings.NewReader(strings.ReplaceAll(text, "HOST", v.host))})
	if err != nil {
		v.t.Fatal(err)
	}
	cache, err := component.OpenCache(v.t.TempDir())
	if err != nil {
		v.t.Fatal(err)
	}
	silent := progress.Silent()
	set, err := component.Resolve(v.t.Context(), m, "amd64", &component.Registry{Cache: cache}, silent)
	if err != nil {
		v.t.Fatal(err)
	}
	verified, err := verify.Check(v.t.Context(), set, rules, verify.Options{Mode: verify.Enforce, Report: silent})
	if err != nil {
		v.t.Fatal(err)
	}
	opts := Options{
		Name: "os", Output: v.t.TempDir(), Formats: []string{"tar"},
		Codec: initrd.Codec{Name: "none"}, Init: InitAuto, Cache: cache, Report: silent,
	}
	if change != nil {
		change(&opts)
	}
	built, err := Assemble(v.t.Context(), verified, opts)
	if err != nil {
		v.t.Fatal(err)
	}
	return built
}

// contents reads the SBOMs of a build: path → content.
func (v *signedFixture) contents(set *artifacts.Set) map[string]string {
	v.t.Helper()
	found := map[string]string{}
	for _, f := range set.Files {
		if f.Kind != artifacts.KindSBOM {
			continue
		}
		b, err := os.ReadFile(set.Abs(f))
		if err != nil || int64(len(b)) != f.Size || f.Format != verify.SPDX {
			v.t.Errorf("%+v: %d bytes, %v", f, len(b), err)
		}
		found[f.Path] = string(b)
	}
	return found
}

const signedManifest = `
init: [HOST/a/tool:1, HOST/b/tool:1]
onboot: [{name: first, image: 'HOST/app:1'}]
services: [{name: app, image: 'HOST/app:1'}, {name: bare, image: 'HOST/bare:1'}]
`

// Each SBOM is written once, unchanged, under a unique name, and listed by component.
func TestSBOMsAreWrittenBesideTheImage(t *testing.T) {
	t.Parallel()
	v := newSignedFixture(t)
	attested := slices.Concat(v.push("a/tool:1", "a"), v.push("b/tool:1", "b"), v.push("app:1", "one", "two"), v.push("bare:1"))
	set := v.build(signedManifest, nil)
	got := v.contents(set)
	for _, path := range []string{
		"os-sbom-init-tool.intoto.json", "os-sbom-init-tool-2.intoto.json",
		"os-sbom-onboot-first.intoto.json", "os-sbom-onboot-first-2.intoto.json",
	} {
		if !slices.Contains(attested, got[path]) {
			t.Errorf("%s differs from the attested SBOM: %q", path, got[path])
		}
		delete(got, path)
	}
	if len(got) != 0 {
		t.Errorf("unexpected SBOMs: %v", got)
	}
	both := "os-sbom-onboot-first.intoto.json os-sbom-onboot-first-2.intoto.json"
	for i, want := range []string{"os-sbom-init-tool.intoto.json", "os-sbom-init-tool-2.intoto.json", both, both, ""} {
		c := set.Components[i]
		if strings.Join(c.SBOMs, " ") != want || c.Verdict != report.Signed || c.Rule != "rule 1 (**)" ||
			len(c.Signatures) != 1 || c.Signatures[0].Signer != c.Signer {
			t.Errorf("%+v: want %s", c, want)
		}
	}
	if formats := set.Formats(); !slices.Equal(formats, []string{"tar"}) {
		t.Errorf("an SBOM is a format of the image: %v", formats)
	}
}

// Another cache and another folder give the same list.
func TestSBOMsAreReproducible(t *testing.T) {
	t.Parallel()
	v := newSignedFixture(t)
	for _, tag := range []string{"a/tool:1", "b/tool:1", "app:1", "bare:1"} {
		v.push(tag, "x", "y", "z")
	}
	var lists []string
	for range 3 {
		text, err := v.build(signedManifest, nil).JSON()
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, string(text))
	}
	if lists[0] != lists[1] || lists[0] != lists[2] || !strings.Contains(lists[0], "os-sbom-init-tool-6.intoto.json") {
		t.Errorf("%s", strings.Join(lists, "\n"))
	}
}

func TestNoSBOM(t *testing.T) {
	t.Parallel()
	v := newSignedFixture(t)
	v.push("app:1", "x")
	set := v.build("services: [{name: app, image: 'HOST/app:1'}]", func(o *Options) { o.NoSBOM = true })
	if got := v.contents(set); len(got) != 0 || set.Components[0].SBOMs != nil || set.Components[0].Verdict != report.Signed {
		t.Errorf("%v, %+v", got, set.Components)
	}
	if left, _ := os.ReadDir(set.Dir()); len(left) != 2 {
		t.Errorf("the folder holds %v", left)
	}
}

// A long component name gives a valid file name.
func TestSBOMNamesAreFileNames(t *testing.T) {
	t.Parallel()
	set := artifacts.New("", "os")
	base := nameSBOM(set, "os", manifest.Use{Role: manifest.RoleInit, Name: strings.Repeat("x", 250)})
	if base != filepath.Base(base) || len(base) > 130 {
		t.Errorf("%q", base)
	}
	for _, want := range []string{
		"os-sbom-service-a-2.intoto.json", "os-sbom-service-a.intoto.json",
		"os-sbom-service-a-3.intoto.json",
	} {
		name := "a"
		if len(set.Files) == 0 {
			name = "a-2" // an entry may be named like the second file of another
		}
		got := nameSBOM(set, "os", manifest.Use{Role: manifest.RoleService, Name: name})
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		set.Files = append(set.Files, artifacts.File{Path: got})
	}
}
