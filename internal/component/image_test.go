package component

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
)

func TestRejectsMalformedManifests(t *testing.T) {
	t.Parallel()
	const index = `"mediaType":"application/vnd.oci.image.index.v1+json"`
	for name, tt := range map[string]struct {
		match, body string
		want        error
		text        string
	}{
		"not a manifest":     {match: "/manifests/", body: `{"schemaVersion":2,"layers":"x"}`, text: "manifest: "},
		"not JSON":           {match: "/manifests/", body: `<html>`, text: "not JSON"},
		"schema version 1":   {match: "/manifests/", body: `{"schemaVersion":1}`, text: "version 1, not 2"},
		"image and index":    {match: "/manifests/", body: `{"schemaVersion":2,"layers":[],"manifests":[]}`, text: "ambiguous"},
		"image called index": {match: "/manifests/", body: `{"schemaVersion":2,` + index + `,"layers":[]}`, text: "ambiguous"},
		"other config":       {match: "/blobs/", body: `{}`, want: ErrDigest, text: "digest mismatch: got sha256:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.want == nil {
				tt.want = ErrMalformed
			}
			i := &interceptor{match: tt.match, respond: withBody(tt.body)}
			_, err := pull(t, i, 5000)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || len(i.requests) > 1 {
				t.Errorf("%d requests, got %v", len(i.requests), err)
			}
		})
	}
}

func TestRejectsResponsesWithoutEnd(t *testing.T) {
	t.Parallel()
	for _, match := range []string{"/manifests/", "/blobs/", "/v2/"} {
		t.Run(match, func(t *testing.T) {
			t.Parallel()
			i := &interceptor{match: match, respond: endless}
			_, err := pull(t, i, 5000)
			if !errors.Is(err, ErrMalformed) || match != "/v2/" && !strings.Contains(err.Error(), "more than 16 MiB") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestRejectsOtherManifestThanIndexNames: the registry serves the index, then another image
// under the digest in it.
func TestRejectsOtherManifestThanIndexNames(t *testing.T) {
	t.Parallel()
	other := imageWith(t, "2")
	raw, err := other.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	i := &interceptor{match: "/manifests/sha256:", respond: withBody(string(raw))}
	host := i.serve(t)
	image.PushIndex(t, mutate.AppendManifests(empty.Index, amd64(imageWith(t, "1"))), host+"/web:1")
	image.Push(t, other, host+"/web:other")
	for _, cache := range []*Cache{nil, openCache(t, t.TempDir())} {
		_, err := resolve(t, host+"/web:1", &Registry{Cache: cache})
		if !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), "digest mismatch: got sha256:") {
			t.Errorf("got %v", err)
		}
	}
}

// TestIgnoresContentType: the digest does not cover it.
func TestIgnoresContentType(t *testing.T) {
	t.Parallel()
	i := &interceptor{match: "/manifests/", respond: modified(func(recorded *httptest.ResponseRecorder) {
		recorded.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	})}
	if got, err := pull(t, i, 10); err != nil || got.mediaType.IsIndex() {
		t.Errorf("got %v", err)
	}
}

func TestSelectsPlatform(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	made := imageWith(t, "1")
	digest := image.Push(t, made, host+"/web:amd64")
	s390x := indexEntry(empty.Image, v1.Platform{OS: "linux", Architecture: "s390x"})
	index := mutate.AppendManifests(empty.Index, s390x, amd64(made))
	image.PushIndex(t, index, host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{})
	if err != nil {
		t.Fatal(err)
	}
	if c := set.Components[0]; c.PlatformDigest != digest || c.IndexDigest == digest {
		t.Errorf("index %s, platform %s, want %s", c.IndexDigest, c.PlatformDigest, digest)
	}
	_, err = Resolve(t.Context(), set.Manifest, "riscv64", &Registry{}, silent)
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "for linux/riscv64: its index has [linux/s390x linux/amd64]") {
		t.Errorf("got %v", err)
	}
}

func FuzzMediaTypeOf(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[]}`))
	f.Add([]byte(`{"schemaVersion":2,"layers":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		mediaType, err := mediaTypeOf(raw)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("error of no kind: %v", err)
		}
		if mediaType.IsImage() && mediaType.IsIndex() {
			t.Errorf("both image and index: %s", mediaType)
		}
	})
}
