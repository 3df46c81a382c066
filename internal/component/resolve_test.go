package component

import (
	"errors"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/manifest"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	missing := host + "/acme/web@sha256:" + strings.Repeat("0", 64)
	digest := image.Push(t, imageWith(t, "1"), host+"/acme/web:1")
	mirror := func(m string) *Registry { return &Registry{Mirrors: []string{m}} }
	for name, tt := range map[string]struct {
		reference string
		registry  *Registry
		want      error
	}{
		"by tag":                             {reference: host + "/acme/web:1", registry: &Registry{}},
		"by digest":                          {reference: host + "/acme/web@" + digest.String(), registry: &Registry{}},
		"through a mirror":                   {reference: "ghcr.io/acme/web:1", registry: mirror("ghcr.io=http://" + host)},
		"through a mirror of Docker Hub":     {reference: "acme/web:1", registry: mirror("docker.io=http://" + host)},
		"through a mirror of all registries": {reference: "quay.io/acme/web:1", registry: mirror("http://" + host)},
		"no such tag":                        {reference: host + "/acme/web:2", registry: &Registry{}, want: ErrNotFound},
		"no such digest":                     {reference: missing, registry: &Registry{}, want: ErrNotFound},
		"connection refused":                 {reference: "127.0.0.1:1/acme/web:1", registry: &Registry{}, want: ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := resolve(t, tt.reference, tt.registry)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if err == nil && (set.Components[0].PlatformDigest != digest || set.Components[0].CompressedSize() == 0) {
				t.Errorf("got %+v", set.Components[0])
			}
		})
	}
}

func TestRejectsInvalidMirrors(t *testing.T) {
	t.Parallel()
	for _, mirror := range []string{"ghcr.io=ftp://x", "nonsense", "a=b=c", "ghcr.io="} {
		_, err := resolve(t, "ghcr.io/x/y:1", &Registry{Mirrors: []string{mirror}})
		if err == nil || !strings.Contains(err.Error(), "--mirror") {
			if mirror == "a=b=c" && err != nil {
				continue // a mirror of another registry
			}
			t.Errorf("%s: %v", mirror, err)
		}
	}
}

// TestNormalizesSettings: mirrors and registries without TLS match every spelling.
func TestNormalizesSettings(t *testing.T) {
	t.Parallel()
	r := &Registry{
		Mirrors:  []string{"GHCR.io:443=http://a.example", "docker.io=https://b.example/hub"},
		Insecure: []string{"Plain.Example.:443"},
	}
	for image, want := range map[string]string{
		"ghcr.io./acme/x": "http://a.example/acme/x", "registry-1.docker.io/acme/x": "https://b.example/hub/acme/x",
		"alpine": "https://b.example/hub/library/alpine", "PLAIN.example/acme/x": "http://plain.example/acme/x",
		"127.0.0.2:5000/acme/x": "http://127.0.0.2:5000/acme/x", "quay.io/acme/x": "https://quay.io/acme/x",
	} {
		reference, err := manifest.ParseReference(image)
		if err != nil {
			t.Fatal(err)
		}
		located, err := r.locate(reference.Context())
		if got := located.Scheme() + "://" + located.Name(); err != nil || got != want {
			t.Errorf("%s: fetched from %s, %v; want %s", image, got, err, want)
		}
	}
}

func TestRejectsSettingsThatMatchNothing(t *testing.T) {
	t.Parallel()
	for _, r := range []*Registry{
		{Mirrors: []string{"ghcr.io"}},
		{Mirrors: []string{"https://ghcr.io=http://a.example"}},
		{Mirrors: []string{"ghcr.io/acme=http://a.example"}},
		{Insecure: []string{"http://a.example"}}, {Insecure: []string{"a.example/x"}}, {Insecure: []string{""}},
	} {
		if _, err := resolve(t, "a/b:1", r); !errors.Is(err, ErrSettings) {
			t.Errorf("%v, %v: %v", r.Mirrors, r.Insecure, err)
		}
	}
}
