package build

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component"
)

func TestVolumeFolders(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	set, err := fx.assemble(`
volumes:
  - {name: blank}
  - {name: seeded, image: HOST/app:1}
  - {name: fixed, image: HOST/app:1, readonly: true}
services:
  - {name: app, image: HOST/app:1, binds: ["blank:/a", "fixed:/b:ro"], mounts: [{type: bind, source: seeded, destination: /c}]}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := readInitrd(t, set)
	for name, want := range map[string]string{
		"containers/volumes/blank/lower":                  "40755 0 ",
		"containers/volumes/blank/tmp":                    "40755 0 ",
		"containers/volumes/blank/merged":                 "40755 0 ",
		"containers/volumes/seeded/lower/run":             "100644 0 #!",
		"containers/volumes/seeded/lower/etc/resolv.conf": "120777 0 /run/resolvconf/resolv.conf",
		"containers/volumes/fixed/merged":                 "40755 0 ",
	} {
		if files[name] != want {
			t.Errorf("%s: %q, want %q", name, files[name], want)
		}
	}
	if _, there := files["containers/volumes/fixed/tmp"]; there {
		t.Error("a read-only volume has a tmp folder")
	}
	for _, want := range []string{
		"/containers/volumes/blank/merged", "/containers/volumes/seeded/merged",
		"/containers/volumes/fixed/merged",
	} {
		if !strings.Contains(files["containers/services/app/config.json"], `"source": "`+want+`"`) {
			t.Errorf("config.json does not bind %s", want)
		}
	}
}

// A stock init mounts an overlay for every volume, so it needs the tmp folder.
func TestReadOnlyVolumeWithStockInit(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	set, err := fx.assemble("init: [HOST/init:1]\nvolumes: [{name: fixed, readonly: true}]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, there := readInitrd(t, set)["containers/volumes/fixed/tmp"]; !there {
		t.Error("tmp is missing")
	}
}

// pushIndex pushes an index with images for three platforms to HOST/multi:1.
func pushIndex(t *testing.T, fx *fixture) {
	index := mutate.IndexMediaType(empty.Index, "application/vnd.oci.image.index.v1+json")
	for _, p := range []v1.Platform{
		{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64", Variant: "v8"},
		{OS: "linux", Architecture: "riscv64"},
	} {
		made := image.Make(t, v1.Config{}, image.Layer(t, image.File("arch", p.Architecture)))
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &p}})
	}
	image.PushIndex(t, index, fx.host+"/multi:1")
}

func TestOCIVolumesAreLayouts(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	pushIndex(t, fx)
	for name, tt := range map[string]struct {
		volume string
		blobs  int // index, and manifest, config and layer of each image
		want   error
	}{
		"every platform": {volume: "{name: v, format: oci, image: HOST/multi:1}", blobs: 1 + 3*3, want: nil},
		"one platform": {
			volume: "{name: v, format: oci, image: HOST/multi:1, platforms: [linux/riscv64]}",
			blobs:  1 + 3, want: nil,
		},
		"platform with a variant": {
			volume: "{name: v, format: oci, image: HOST/multi:1, platforms: [linux/arm64]}",
			blobs:  1 + 3, want: nil,
		},
		"another variant": {
			volume: "{name: v, format: oci, image: HOST/multi:1, platforms: [linux/arm64/v7]}", blobs: 0,
			want: component.ErrNotFound,
		},
		"no index":         {volume: "{name: v, format: oci, image: HOST/app:1}", blobs: 3, want: nil},
		"without an image": {volume: "{name: v, format: oci}", blobs: 0, want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fx := &fixture{t: t, host: fx.host, dir: t.TempDir(), cache: fx.cache}
			set, err := fx.assemble("volumes: ["+tt.volume+"]\n", nil)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			files, blobs := readInitrd(t, set), 0
			for name := range files {
				if strings.HasPrefix(name, "containers/volumes/v/lower/blobs/sha256/") {
					blobs++
				}
			}
			if blobs != tt.blobs {
				t.Errorf("%d blobs, want %d", blobs, tt.blobs)
			}
			if tt.blobs > 0 {
				checkLayoutIndex(t, files)
			}
		})
	}
}

func checkLayoutIndex(t *testing.T, files map[string]string) {
	t.Helper()
	_, text, _ := strings.Cut(files["containers/volumes/v/lower/index.json"], " 0 ")
	var index v1.IndexManifest
	if err := json.Unmarshal([]byte(text), &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("%q: %v", text, err)
	}
	if _, there := files["containers/volumes/v/lower/blobs/sha256/"+index.Manifests[0].Digest.Hex]; !there {
		t.Errorf("index.json lists %s, which does not exist", index.Manifests[0].Digest)
	}
}
